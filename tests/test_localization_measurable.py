"""Where an image can be measured, and what limits it."""

import json

import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax.data.decoding import quantization
from manloc_jax.data.listing import image_files
from manloc_jax.localization import batch
from manloc_jax.localization import factory
from manloc_jax.localization import measurable
from manloc_jax.localization import overlay


@pytest.fixture
def pixels():
  """Noise, with a flat, a white, and a half white half noisy block."""
  rng = np.random.default_rng(0)
  made = rng.integers(20, 230, (30, 45, 3), np.uint8)
  made[:8, :8] = 90
  made[8:16, :8] = rng.integers(252, 256, (8, 8, 3))
  made[16:20, :8] = 255
  return made


def test_flat_and_clipped_blocks_cannot_be_measured(pixels):
  found = measurable.blocks(pixels)
  assert found.shape == (4, 6)
  assert found[:, 0].tolist() == [False, False, True, True]
  assert found[:, 1:].all()
  # White in two colours alone still shows noise.
  pixels[8:16, :8, 0] = 100
  assert measurable.blocks(pixels)[1, 0]
  pixels[20, :8] = 0
  assert not measurable.blocks(pixels)[2, 0]


def test_limits_are_said():
  (text,) = measurable.limits(None)
  assert 'not JPEG' in text
  assert not measurable.limits(quantization.ONES)
  (text,) = measurable.limits(100 * quantization.ONES)
  assert 'quality' in text and 'little is left' in text


def test_hatching_covers_its_area_alone(pixels):
  where = np.zeros((4, 6), bool)
  where[1, 2:4] = True
  large = np.repeat(np.repeat(pixels, 4, 0), 4, 1)
  hatched = overlay.hatch(large, where)
  differs = (hatched != large).any(-1)
  assert 0.1 < differs[31:59, 61:119].mean() < 0.25
  differs[29:61, 59:121] = False
  assert not differs.any()
  assert overlay.hatch(large, np.zeros((4, 6), bool)) is large


def test_records_maps_and_pictures_tell_of_it(tmp_path):
  photograph = trees.photograph(0)
  photograph[: photograph.shape[0] // 2] = 255
  Image.fromarray(photograph).save(tmp_path / 'a.jpg', quality=40)
  inputs = image_files.find([str(tmp_path / 'a.jpg')]).images
  localizer = factory.make('ela')
  (record,) = batch.localize_files(inputs, localizer, tmp_path, 'npz')
  assert record['unmeasurable_share'] == pytest.approx(0.5, abs=0.05)
  assert 'quality 40' in record['limits'][0]
  name = f'{inputs[0].name}.json'
  assert json.loads((tmp_path / name).read_text()) == record
  with np.load(tmp_path / record['files']['heat']) as saved:
    assert saved['can_measure'].mean() == 1 - record['unmeasurable_share']
