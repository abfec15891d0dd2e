"""Earlier compressions: quality and grid, of files whose past is known."""

import io

import numpy as np
from PIL import Image
import pytest
import specimens

from manloc_jax.examine import earlier_grid
from manloc_jax.examine import earlier_jpeg
from manloc_jax.examine import jpeg_history
from manloc_jax.examine import section as section_lib


def scene(side: int = 384) -> np.ndarray:
  """Edges, gradients and noise at several scales, uint8[side, side, 3]."""
  random = np.random.default_rng(3)
  total = np.full((side, side), 128.0)
  for coarse in (6, 12, 24, 48, 96, 192):
    noise = random.normal(0, 128, (coarse, coarse))
    noise = Image.fromarray((noise * (6 / coarse) ** 0.7).astype(np.float32))
    total += np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC))
  colours = np.stack([total, 0.9 * total + 9, 0.8 * total + 20], axis=-1)
  return np.clip(colours, 0, 255).astype(np.uint8)


def saved(pixels: np.ndarray, quality: int) -> np.ndarray:
  file = io.BytesIO()
  Image.fromarray(pixels).save(file, 'JPEG', quality=quality)
  with Image.open(file) as image:
    return np.asarray(image)


def table(quality: int) -> np.ndarray:
  return earlier_jpeg.TABLES[quality - 1]


@pytest.mark.parametrize(('first', 'last'), [(70, 90), (85, 95), (55, 75)])
def test_the_quality_before_the_last_is_estimated(first, last):
  pixels = saved(saved(scene(), first), last)
  estimate = earlier_jpeg.estimate(pixels, table(last))
  assert isinstance(estimate, earlier_jpeg.Estimate)
  assert abs(estimate.quality - first) <= 1 and estimate.evidence > 0.1


@pytest.mark.parametrize('last', [60, 75, 90, 97])
def test_files_saved_once_tell_of_nothing_earlier(last):
  pixels = saved(scene(), last)
  assert isinstance(earlier_jpeg.estimate(pixels, table(last)), str)
  assert isinstance(earlier_grid.find(pixels, table(last)), str)


def test_a_coarser_last_compression_hides_the_first():
  pixels = saved(saved(scene(), 95), 50)
  assert 'hides' in earlier_jpeg.estimate(pixels, table(50))


@pytest.mark.parametrize('moved', [(0, 3), (5, 0), (2, 7), (4, 4)])
def test_a_moved_grid_is_found(moved):
  down, right = moved
  cropped = saved(scene(), 65)[down:, right:]
  for pixels, own in ((cropped, None), (saved(cropped, 92), table(92))):
    grid = earlier_grid.find(pixels, own)
    assert isinstance(grid, earlier_grid.Grid)
    assert (grid.top, grid.left) == (-down % 8, -right % 8)
    assert abs(grid.quality - 65) <= 2


def test_pixels_that_were_never_jpeg_have_no_grid():
  assert isinstance(earlier_grid.find(scene(), None), str)


@pytest.mark.parametrize('pixels', [
    np.full((256, 256, 3), 77, np.uint8), scene()[:64, :300],
    np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 256, 3)),
    np.tile(np.linspace(0, 255, 700).astype(np.uint8)[:, None], (600, 1, 3)),
])  # fmt: skip
def test_flat_and_small_images_cannot_tell(pixels):
  assert isinstance(earlier_grid.find(pixels, None), str)
  assert isinstance(earlier_grid.find(saved(pixels, 80), table(80)), str)
  assert isinstance(earlier_jpeg.estimate(saved(pixels, 80), table(80)), str)


def history(opened, pixels: np.ndarray, name: str, **options) -> dict:
  file = io.BytesIO()
  kind = 'JPEG' if name.endswith('jpg') else 'PNG'
  Image.fromarray(pixels).save(file, kind, **options)
  return jpeg_history.section(opened(file.getvalue(), name)).facts


def test_the_history_of_a_file_saved_twice(opened):
  facts = history(opened, saved(scene(), 70), 'a.jpg', quality=90)
  assert facts['earlier_compressions']['quality'] == 70
  assert facts['earlier_grid'] == {'top': 0, 'left': 0}


def test_the_history_of_a_cropped_file(opened):
  facts = history(opened, saved(scene(), 70)[4:, 4:], 'a.jpg', quality=92)
  assert facts['earlier_compressions'] == {'quality': 70}
  assert (facts['earlier_grid']['top'], facts['earlier_grid']['left']) == (4, 4)


def test_the_history_of_pixels_that_were_jpeg(opened):
  facts = history(opened, saved(scene(), 70)[:, 3:], 'a.png')
  assert facts['is_jpeg'] is False
  assert facts['earlier_compressions'] == {'quality': 70}
  assert (facts['earlier_grid']['top'], facts['earlier_grid']['left']) == (0, 5)


@pytest.mark.parametrize('data', [
    specimens.jpeg(Image.new('CMYK', (99, 99))), specimens.jpeg()[:-900],
])  # fmt: skip
def test_files_without_luma_or_pixels_cannot_tell(opened, data):
  facts = jpeg_history.section(opened(data)).facts
  assert not section_lib.is_told(facts['earlier_compressions'])
  assert not section_lib.is_told(facts['earlier_grid'])


@pytest.mark.slow
def test_photographs_saved_again(test_data):
  """Of photographs saved at known qualities, most are told, none wrongly."""
  told = right = 0
  paths = sorted((test_data / 'photographs').glob('*.jpg'))[::22]
  for i, path in enumerate(paths):
    with Image.open(path) as image:
      small = image.convert('RGB').resize((560, 560), Image.Resampling.LANCZOS)
    first, last = 55 + 3 * i, 90 + i % 6
    pixels = saved(saved(np.asarray(small), first), last)
    estimate = earlier_jpeg.estimate(pixels, table(last))
    if isinstance(estimate, earlier_jpeg.Estimate):
      told += 1
      right += abs(estimate.quality - first) <= 1
    once = saved(np.asarray(small), last)
    assert isinstance(earlier_jpeg.estimate(once, table(last)), str)
    assert isinstance(earlier_grid.find(once, table(last)), str)
  assert told >= 0.8 * len(paths) and right >= told - 1
