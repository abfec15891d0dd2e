"""Degradations of images and masks."""

import io

import cv2
import numpy as np
from PIL import Image
import pytest
from scipy import ndimage
import trees

from manloc_jax.data import degrade
from manloc_jax.data.decoding import quantization
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


def degraded(name, level: degrade.Level, seed: int = 0, image_id: str = 'a'):
  return degrade.SERIES[name].apply(
      smooth(), trees.region(0), level, patches.rng_for(seed, image_id)
  )


def error(name: str, level: degrade.Level) -> float:
  return np.abs(degraded(name, level).pixels.astype(float) - smooth()).mean()


@pytest.mark.parametrize('name, level', ALL)
def test_types_and_sizes_go_together(name, level):
  made = degraded(name, level)
  image, mask = made.pixels, made.mask
  assert image.dtype == mask.dtype == np.uint8
  assert image.shape == (*mask.shape, 3)
  assert set(np.unique(mask)) == {0, 1}
  if name != 'resize':
    np.testing.assert_array_equal(mask, trees.region(0))


@pytest.mark.parametrize('name', ['jpeg', 'blur', 'noise', 'web'])
def test_levels_rise(name):
  errors = [error(name, level) for level in degrade.SERIES[name].levels]
  assert errors == sorted(errors)
  assert errors[0] < errors[-1]
  mildest = degrade.SERIES[name].apply(
      trees.photograph(0),  # Grain, for what is smooth hardly changes.
      trees.region(0),
      degrade.SERIES[name].levels[0],
      np.random.default_rng(0),
  )
  assert not np.array_equal(mildest.pixels, trees.photograph(0))


def test_weakest_levels_are_identities():
  image, mask = smooth(), trees.region(0)
  rng = np.random.default_rng(0)
  np.testing.assert_array_equal(degrade.blur(image, 0.01), image)
  np.testing.assert_array_equal(degrade.noise(image, 0, rng), image)
  resized = degrade.resize(image, mask, 1)
  np.testing.assert_array_equal(resized.pixels, image)
  np.testing.assert_array_equal(resized.mask, mask)
  grey = np.full((64, 64, 3), 128, np.uint8)
  compressed = degrade.jpeg(grey, grey[..., 0], 100)
  np.testing.assert_array_equal(compressed.pixels, grey)


@pytest.mark.parametrize('deviation', degrade.SERIES['blur'].levels)
def test_blur_is_a_gaussian_of_its_deviation(deviation):
  image = smooth()
  blurred = degraded('blur', deviation).pixels
  np.testing.assert_array_equal(
      blurred, cv2.GaussianBlur(image, (0, 0), deviation)
  )
  # SciPy's own, of a radius that OpenCV's kernel has for 8 bits.
  side = round(6 * deviation + 1) | 1
  wanted = ndimage.gaussian_filter(
      image.astype(float),
      (deviation, deviation, 0),
      mode='mirror',
      radius=(side // 2, side // 2, 0),
  )
  assert np.abs(blurred - wanted).max() < 2
  if deviation == 0.5:
    image[::2] = 0  # Half a pixel is enough to mix neighbours.
    assert (degrade.blur(image, deviation)[::2] > 0).any()


@pytest.mark.parametrize('level', degrade.WEB)
def test_web_sites_reduce_large_images_alone(level):
  side, quality = degrade.WEB[level]
  image = trees.photograph(0, (side + 100, 200))
  mask = trees.region(0, image.shape[:2])
  large = degrade.web(image, mask, level)
  assert large.mask.shape == (side, round(200 * side / (side + 100)))
  assert large.pixels.shape == (*large.mask.shape, 3)
  small = degrade.web(image[:side], mask[:side], level)
  assert small.mask.shape == (side, 200)
  for made in (large, small):
    with Image.open(io.BytesIO(made.jpeg)) as file:
      np.testing.assert_array_equal(np.array(file), made.pixels)
      assert file.layer[0][1:3] == (2, 2), '4:2:0'
    table = quantization.of_bytes(made.jpeg)
    np.testing.assert_array_equal(
        table, quantization.of_bytes(degrade.jpeg(image, mask, quality).jpeg)
    )


def test_steps_begin_with_the_image_as_it_is():
  assert degrade.steps(['resize', 'jpeg'])[:2] == ((None, None), ('jpeg', 95))
  assert len(degrade.steps(['web'])) == 5
  assert degrade.steps() == degrade.steps(degrade.SERIES)
  names = [degrade.name_of(step) for step in degrade.steps()]
  assert len({*names}) == len(names) and names[0] == 'undegraded'


def test_channels_keep_their_order():
  red = np.zeros((64, 64, 3), np.uint8)
  red[..., 0] = 200
  assert degrade.jpeg(red, red[..., 0], 90).pixels[..., 0].mean() > 190


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
  made = degrade.resize(image, mask, factor)
  small, truth = made.pixels, made.mask
  assert small.shape[:2] == (round(241 * factor), round(355 * factor))
  # Where the averaged image is nearly pure, there is no doubt.
  assert (truth[small[..., 0] > 200] == 1).all()
  assert (truth[small[..., 0] < 55] == 0).all()
