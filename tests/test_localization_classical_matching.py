"""PatchMatch: offsets to the most similar places."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from manloc_jax.localization.classical import matching


@pytest.fixture
def features():
  """Features at random, of which a rectangle occurs twice."""
  made = np.random.default_rng(1).random((100, 120, 12), np.float32)
  made[50:80, 70:110] = made[35:65, 10:50]
  return cv2.GaussianBlur(made, (0, 0), 2)  # So that neighbours look alike.


def costs(features, offset):
  rows, columns = np.indices(offset.shape[:2])
  found = features[rows + offset[..., 0], columns + offset[..., 1]]
  return np.square(features - found).sum(axis=-1)


def test_a_copy_is_found_in_both_directions(features):
  offset = matching.match(features)
  copy, source = offset[56:74, 76:104], offset[41:49, 16:44]
  assert (copy == (-15, -60)).all(axis=-1).mean() > 0.99
  assert (source == (15, 60)).all(axis=-1).mean() > 0.99


def test_offsets_lie_in_the_image_and_are_long_enough(features):
  offset = matching.match(features)
  rows, columns = np.indices(offset.shape[:2])
  down, right = rows + offset[..., 0], columns + offset[..., 1]
  assert ((down >= 0) & (down < 100) & (right >= 0) & (right < 120)).all()
  assert np.square(offset).sum(axis=-1).min() >= 64
  # Elsewhere the search ends at places that are more similar than most.
  elsewhere = costs(features, offset)[:30]
  shuffled = np.random.default_rng(0).permutation(features.reshape(-1, 12))
  apart = np.square(features.reshape(-1, 12) - shuffled).sum(axis=-1)
  assert elsewhere.mean() < 0.3 * apart.mean()


def test_threads_change_nothing(features):
  before = cv2.getNumThreads()
  try:
    found = []
    for threads in (1, 3):
      cv2.setNumThreads(threads)
      found.append(matching.match(features))
  finally:
    cv2.setNumThreads(before)
  np.testing.assert_array_equal(*found)


def test_it_works_where_no_program_can_be_kept(tmp_path, monkeypatch):
  """As in a container whose files nobody may change."""
  code = (
      'import numba.core.caching as caching\n'
      'def none(*args): raise RuntimeError("no locator available")\n'
      'caching.FunctionCache.__init__ = none\n'
      'import numpy as np\n'
      'from manloc_jax.localization.classical import matching\n'
      'made = np.random.default_rng(0).random((16, 16, 4), np.float32)\n'
      'print(matching.match(made).shape)'
  )
  done = subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True
  )
  assert done.stdout.strip() == '(16, 16, 2)', done.stderr
