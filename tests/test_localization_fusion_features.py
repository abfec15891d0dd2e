"""The features of the fusion, and copies within an image."""

import tracemalloc

import cv2
import numpy as np
import pytest

from manloc_jax.localization.fusion import copies as copies_lib
from manloc_jax.localization.fusion import features

COUNT = len(features.NAMES)


def test_evidence_has_a_row_for_every_block_and_no_gaps(landscape):
  measured = features.measure(landscape, None, None)
  assert measured.shape == (38, 57, COUNT)
  assert np.isfinite(measured).all()
  assert not measured[..., -2:].any()  # Copies were not sought.


@pytest.mark.parametrize('shape', [(7, 300), (64, 8), (70, 65)])
def test_evidence_of_small_images(landscape, shape):
  pixels = landscape[: shape[0], : shape[1]]
  copies = copies_lib.find(pixels).fractions
  measured = features.measure(pixels, None, copies)
  assert measured.shape == (-(-shape[0] // 8), -(-shape[1] // 8), COUNT)
  assert np.isfinite(measured).all()
  np.testing.assert_array_equal(measured[..., -1], 1)


def test_evidence_takes_little_memory(landscape):
  """For 100 megapixels in 2.4 GiB a tile of 12.6 must do with 1.1 gigabytes.

  It depends on which threads meet: 66 to 77 bytes a pixel were seen.
  """
  pixels = np.tile(landscape, (3, 2, 1))
  features.measure(pixels[:64, :64], None, None)  # Imports.
  tracemalloc.start()
  features.measure(pixels, None, None)
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert peak < 85 * pixels.shape[0] * pixels.shape[1]


def test_copies_are_found_where_they_are(landscape):
  forged = landscape.copy()
  forged[40:140, 300:420] = forged[150:250, 60:180]
  copies = copies_lib.find(forged).fractions
  assert copies.shape == (38, 57)
  assert copies[7:16, 40:50].mean() > 0.8  # The copy,
  assert copies[21:29, 10:20].mean() > 0.8  # its source,
  assert copies[:, 24:34].mean() < 0.1  # and nothing between.


def test_evidence_tells_single_from_double_compression(landscape):
  """A PNG of a JPEG whose middle was replaced by uncompressed pixels."""
  flags = [cv2.IMWRITE_JPEG_QUALITY, 70]
  _, code = cv2.imencode('.jpg', landscape, flags)
  forged = cv2.imdecode(code, cv2.IMREAD_COLOR)
  forged[96:208, 160:304] = landscape[96:208, 160:304]
  measured = features.measure(forged, None, None)
  aligned = measured[..., features.NAMES.index('aligned_jpeg')]
  inside = np.zeros(aligned.shape, bool)
  inside[13:25, 21:37] = True
  # Flat blocks are NaN.
  assert np.nanmean(aligned[inside]) > np.nanmean(aligned[~inside]) + 0.5


@pytest.mark.parametrize('scale', [1, 3])
def test_copies_are_paired_and_the_marked_one_is_the_copy(landscape, scale):
  forged = landscape.copy()
  forged[40:140, 300:420] = forged[150:250, 60:180]
  size = (scale * forged.shape[1], scale * forged.shape[0])
  forged = cv2.resize(forged, size, interpolation=cv2.INTER_CUBIC)
  pairs = copies_lib.find(forged).pairs
  assert len(pairs) == 1
  score = np.zeros(forged.shape[:2], np.float32)
  assert not copies_lib.describe(pairs, score, 0.5), 'nothing is marked'
  score[40 * scale : 140 * scale, 300 * scale : 420 * scale] = 0.9
  (copy,) = copies_lib.describe(pairs, score, 0.5)
  assert copy['is_direction_known']
  assert copy['copy']['score'] > 0.8 and copy['source']['score'] < 0.1
  place = {'row': 90 * scale, 'column': 360 * scale}
  move = {'row': -110 * scale, 'column': 240 * scale}
  for axis in ('row', 'column'):
    assert copy['copy'][axis] == pytest.approx(place[axis], abs=25 * scale)
    moved = copy['copy'][axis] - copy['source'][axis]
    assert moved == pytest.approx(move[axis], abs=2 * scale)
  score[150 * scale : 250 * scale, 60 * scale : 180 * scale] = 0.9
  (copy,) = copies_lib.describe(pairs, score, 0.5)
  assert not copy['is_direction_known'], 'both regions are marked'


def test_copies_are_found_between_bars(landscape):
  forged = landscape.copy()
  forged[40:140, 300:420] = forged[150:250, 60:180]
  barred = np.pad(forged, ((64, 0), (32, 0), (0, 0)))
  plain, moved = (copies_lib.find(one).pairs for one in (forged, barred))
  for one, other in zip(plain, moved, strict=True):
    np.testing.assert_array_equal(one.first + (64, 32), other.first)
