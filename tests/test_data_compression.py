"""What is told of an image's compression."""

import io

import numpy as np
from PIL import Image
import pytest
from scipy import fft
from scipy import ndimage

from manloc_jax.data import compression
from manloc_jax.data import images


def photograph(seed=0, side=(256, 384)):
  """Smooth shapes with grain, uint8[h, w, 3]."""
  rng = np.random.default_rng(seed)
  grey = ndimage.gaussian_filter(rng.normal(0, 1, side), 3)
  grey = 128 + 50 * grey / grey.std() + rng.normal(0, 5, side)
  return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, 2)


def saved(pixels, quality, path=None):
  """The pixels after JPEG, and the file's table if a path is given."""
  file = path or io.BytesIO()
  Image.fromarray(pixels).save(file, 'JPEG', quality=quality)
  with Image.open(file) as image:
    table = np.array(image.quantization[0], np.int32).reshape(8, 8)
    return np.array(image.convert('RGB')), table


def test_odds_are_counts_beside_those_of_neighbours():
  pixels, table = saved(photograph(), 80)
  got = compression.measure(pixels, table)
  assert (got.shape, got.dtype) == (compression.SHAPE, np.uint8)
  np.testing.assert_array_equal(got[..., 0], table)
  luma = pixels[..., 0].astype(float) - 128
  blocks = luma.reshape(32, 8, 48, 8).transpose(0, 2, 1, 3)
  sizes = np.abs(np.round(fft.dctn(blocks, axes=(2, 3), norm='ortho') / table))
  counts = [(sizes[:, :, 1, 0] == size).sum() + 1 for size in range(6)]
  want = 128 + 32 * np.log(counts[3] / np.mean(counts[1:6]))
  assert got[1, 0, 1 + 3] == pytest.approx(want, abs=1)
  assert (got[..., 1] == 128).all()  # The size 0.
  assert (got[..., -1] == 128).all()


def test_double_compression_leaves_peaks_and_gaps():
  once, _ = saved(photograph(), 60)
  twice, table = saved(once, 92)
  single, _ = saved(photograph(), 92)
  spread = [
      np.abs(compression.measure(x, table)[:3, :3, 2:12].astype(float) - 128)
      .mean()
      for x in (twice, single)
  ]
  assert spread[0] > 2 * spread[1]


def test_the_file_tells_the_table(tmp_path):
  path = tmp_path / 'a.jpg'
  _, table = saved(photograph(), 70, path)
  pixels = images.read_image(path).pixels
  got = compression.of_file(path, pixels)
  np.testing.assert_array_equal(got, compression.measure(pixels, table))
  Image.fromarray(pixels).save(tmp_path / 'a.png')
  got = compression.of_file(tmp_path / 'a.png', pixels)
  assert (got[..., 0] == 1).all()


def test_large_images_are_measured_in_part_and_small_ones_not_at_all():
  pixels = np.tile(photograph(), (8, 1, 1))
  whole = compression.measure(pixels, None).astype(int)
  part = compression.measure(np.tile(pixels, (1, 8, 1)), None).astype(int)
  # A fourth of the rows: noise moves single odds, not their mean.
  assert np.abs(whole - part).mean() < 6
  for shape in ((7, 300, 3), (300, 7, 3), (1, 1, 3)):
    empty = compression.measure(np.zeros(shape, np.uint8), None)
    np.testing.assert_array_equal(empty, compression.NONE)
