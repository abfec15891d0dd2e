"""What earlier JPEG compressions left in each block."""

import numpy as np
import pytest

from manloc_jax.data import degrade
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import jpeg_traces

FIRST = 60  # Quality of the first compression.


@pytest.fixture(scope='module')
def compressed(landscape):
  return compress(landscape[:296, :448], FIRST)


def compress(pixels, quality):
  mask = np.zeros(pixels.shape[:2], np.uint8)
  return degrade.jpeg(pixels, mask, quality).pixels


def of(measured, name):
  return measured[..., features.NAMES.index(name)]


def test_there_is_a_feature_for_every_name(landscape):
  coefficients = jpeg_traces.of_coefficients([], (3, 4))
  assert coefficients.shape == (3, 4, len(jpeg_traces.OF_COEFFICIENTS))
  pixels = jpeg_traces.of_pixels(landscape[:296, :448])
  assert pixels.shape == (37, 56, len(jpeg_traces.OF_PIXELS))
  assert pixels.dtype == np.float32


@pytest.mark.parametrize('kind', ['twice', 'observed'])
def test_a_region_that_was_compressed_once_stands_out(
    landscape, compressed, kind
):
  forged = compressed.copy()
  forged[80:160, 160:280] = landscape[80:160, 160:280]
  measured = features.measure(
      compress(forged, 92),
      quantization_lib.scaled(quantization_lib.STANDARD, 92),
      None,
  )
  odds = sum(of(measured, f'{kind}_{band}') for band in ('low', 'middle'))
  inside = odds[11:19, 21:34].mean()
  assert odds[:9].mean() > inside + 1


def test_a_ghost_vanishes_at_the_quality_of_the_file(compressed):
  measured = jpeg_traces.of_pixels(compressed)
  ghosts = measured[..., : -2 * 8].mean(axis=(0, 1))
  names = jpeg_traces.OF_PIXELS[: -2 * 8]
  # Between 50 and 70: beyond, steps are finer, and changes smaller anyway.
  assert min(range(4), key=ghosts.__getitem__) == names.index('ghost_60')


def test_lines_tell_where_a_grid_lies(landscape, compressed):
  unmoved = jpeg_traces.of_pixels(compressed).mean(axis=(0, 1))
  padded = np.pad(compressed, ((3, 5), (2, 6), (0, 0)), 'edge')
  moved = jpeg_traces.of_pixels(padded).mean(axis=(0, 1))
  assert np.argmax(unmoved[-16:-8]) in (0, 7)
  assert np.argmax(unmoved[-8:]) in (0, 7)
  assert np.argmax(moved[-16:-8]) in (1, 2)
  assert np.argmax(moved[-8:]) in (2, 3)
