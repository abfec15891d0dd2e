"""Degradations of images and masks."""

import numpy as np
import pytest
from scipy import ndimage
import trees

from manloc_jax.data import degrade
from manloc_jax.data.sampling import patches

ALL = [
    (name, level)
    for name, series in degrade.SERIES.items()
    for level in series.levels
]


def smooth(seed: int = 0) -> np.ndarray:
  """A photograph with content that survives compression."""
  grain = trees.photograph(seed).astype(np.float32)
  return (ndimage.gaussian_filter(grain, (4, 4, 0)) * 6 - 640).clip(
      0, 255
  ).astype(np.uint8)


def degraded(name: str, level: float, seed: int = 0, image_id: str = 'a'):
  return degrade.SERIES[name].apply(
      smooth(), trees.region(0), level, patches.rng_for(seed, image_id)
  )


def error(name: str, level: float) -> float:
  image, _ = degraded(name, level)
  return np.abs(image.astype(float) - smooth()).mean()


@pytest.mark.parametrize('name, level', ALL)
def test_types_and_sizes_go_together(name, level):
  image, mask = degraded(name, level)
  assert image.dtype == mask.dtype == np.uint8
  assert image.shape == (*mask.shape, 3)
  assert set(np.unique(mask)) == {0, 1}
  if name != 'resize':
    np.testing.assert_array_equal(mask, trees.region(0))


@pytest.mark.parametrize('name', ['jpeg', 'blur', 'noise'])
def test_levels_rise(name):
  errors = [error(name, level) for level in degrade.SERIES[name].levels]
  assert errors == sorted(errors)
  assert 0 < errors[0] < errors[-1]


def test_weakest_levels_are_identities():
  image, mask = smooth(), trees.region(0)
  rng = np.random.default_rng(0)
  np.testing.assert_array_equal(degrade.blur(image, 1), image)
  np.testing.assert_array_equal(degrade.noise(image, 0, rng), image)
  for one, other in zip(
      degrade.resize(image, mask, 1), (image, mask), strict=True
  ):
    np.testing.assert_array_equal(one, other)
  grey = np.full((64, 64, 3), 128, np.uint8)
  np.testing.assert_array_equal(degrade.jpeg(grey, 100), grey)


def test_channels_keep_their_order():
  red = np.zeros((64, 64, 3), np.uint8)
  red[..., 0] = 200
  assert degrade.jpeg(red, 90)[..., 0].mean() > 190


def test_noise_has_its_deviation_and_belongs_to_the_image():
  grey = np.full((600, 300, 3), 128, np.uint8)  # More than one strip.

  def noise(seed, image_id):
    return degrade.noise(grey, 7, patches.rng_for(seed, image_id))

  first = noise(0, 'a')
  difference = first.astype(float) - grey
  assert difference.std() == pytest.approx(7, rel=0.01)
  assert abs(difference.mean()) < 0.05
  assert not np.array_equal(first[:256], first[256:512])
  np.testing.assert_array_equal(first, noise(0, 'a'))
  assert not np.array_equal(first, noise(0, 'b'))
  assert not np.array_equal(first, noise(1, 'a'))


def test_noise_does_not_wrap_around():
  white = np.full((64, 64, 3), 255, np.uint8)
  assert degrade.noise(white, 23, np.random.default_rng(0)).min() > 100


@pytest.mark.parametrize('factor', degrade.SERIES['resize'].levels)
def test_mask_stays_on_its_region(factor):
  mask = trees.region(5, (241, 355))
  image = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
  small, truth = degrade.resize(image, mask, factor)
  assert small.shape[:2] == (round(241 * factor), round(355 * factor))
  # Where the averaged image is nearly pure, there is no doubt.
  assert (truth[small[..., 0] > 200] == 1).all()
  assert (truth[small[..., 0] < 55] == 0).all()
