import errno

import cv2
import numpy as np
import pytest

from manloc_jax import errors
from manloc_jax.training import checkpoint


def test_full_disk_is_recognized_behind_wrappers():
  assert errors.is_disk_full(OSError(errno.ENOSPC, 'No space'))
  assert errors.is_disk_full(OSError(errno.EDQUOT, 'Quota'))
  try:
    try:
      raise OSError(errno.ENOSPC, 'No space')
    except OSError as error:
      raise RuntimeError('saving failed') from error
  except RuntimeError as wrapped:
    assert errors.is_disk_full(wrapped)
  text = 'RESOURCE_EXHAUSTED: write failed: No space left on device'
  assert errors.is_disk_full(ValueError(text))
  assert not errors.is_disk_full(OSError(errno.EACCES, 'Denied'))


def test_only_unfinished_checkpoints_are_removed(tmp_path):
  for name in ('5', '10.orbax-checkpoint-tmp'):
    (tmp_path / 'checkpoints' / name).mkdir(parents=True)
  checkpoint.remove_unfinished(str(tmp_path))
  assert [p.name for p in (tmp_path / 'checkpoints').iterdir()] == ['5']


def test_a_user_error_is_no_failed_conversion():
  assert errors.UserError.__base__ is Exception


def test_missing_memory_is_known_whichever_library_lacks_it():
  with pytest.raises(cv2.error) as opencv:
    cv2.resize(np.zeros((2, 2, 3), np.uint8), (1 << 20, 1 << 20))
  assert errors.is_out_of_memory(opencv.value)
  with pytest.raises(MemoryError) as numpy:
    np.zeros(1 << 60, np.uint8)
  assert errors.is_out_of_memory(numpy.value)
  assert errors.is_out_of_memory(RuntimeError('RESOURCE_EXHAUSTED: 5 bytes'))
  assert not errors.is_out_of_memory(OSError('cable'))
  assert not errors.is_out_of_memory(errors.UserError('Out of memory'))
