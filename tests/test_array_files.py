"""Arrays whose headers lie, and archives that become far larger."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from manloc_jax import array_files


def _npy(shape, dtype='<f4', data=b'') -> bytes:
  file = io.BytesIO()
  header = {'descr': dtype, 'fortran_order': False, 'shape': shape}
  np.lib.format.write_array_header_1_0(file, header)
  return file.getvalue() + data


def _npz(path, content, name='map.npy') -> None:
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    archive.writestr(name, content)


def test_what_numpy_writes(tmp_path):
  array = np.arange(6).reshape(2, 3)
  np.save(tmp_path / 'a.npy', array)
  np.savez_compressed(tmp_path / 'a.npz', a=array, o=np.array([{}, 'x']))
  assert (array_files.read_npy(tmp_path / 'a.npy') == array).all()
  read = array_files.read_npz(tmp_path / 'a.npz', lambda x: x.kind == 'i')
  assert [*read] == ['a'] and (read['a'] == array).all()
  with pytest.raises(array_files.DAMAGED):  # Objects would run code.
    array_files.read_npz(tmp_path / 'a.npz')


@pytest.mark.parametrize(
    'shape', [(10**9,), (10**5, 10**5), (2**62, 4), (-5, 3), (3, -1, -7)]
)
@pytest.mark.parametrize('suffix', ['npy', 'npz'])
def test_a_header_is_not_believed(shape, suffix, tmp_path):
  path = tmp_path / f'a.{suffix}'
  content = _npy(shape, data=bytes(100))
  if suffix == 'npy':
    path.write_bytes(content)
  else:
    _npz(path, content)
  read = getattr(array_files, f'read_{suffix}')
  tracemalloc.start()
  with pytest.raises(array_files.DAMAGED):
    read(path)
  assert tracemalloc.get_traced_memory()[1] < 5_000_000
  tracemalloc.stop()


def test_an_archive_is_not_unpacked_beyond_its_limit(tmp_path, monkeypatch):
  monkeypatch.setattr(array_files, 'MAX_BYTES', 1_000_000)
  path = tmp_path / 'a.npz'
  _npz(path, _npy((2_000_000,), '|u1', bytes(2_000_000)))
  assert path.stat().st_size < 10_000
  with pytest.raises(ValueError, match='more than 1,000,000 bytes'):
    array_files.read_npz(path)


def test_no_pipe_is_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'a')
  for read in (array_files.read_npy, array_files.read_npz):
    with pytest.raises(OSError, match='no regular file'):
      read(tmp_path / 'a')
