"""Analyses of images for the page of `manloc serve`."""

import dataclasses
import json
import pathlib

import numpy as np
from PIL import Image
import pytest
from ramp import Ramp

from manloc_jax import errors
from manloc_jax.localization import batch
from manloc_jax.localization import localizer
from manloc_jax.serve import analysis
from manloc_jax.serve import texts


def test_a_threshold_moves_mask_regions_and_record_but_runs_no_network(analyse):
  result, ramp = analyse()
  for threshold, columns in ((0.75, 26), (0.5, 51), (1, 1), (0, 101)):
    view = result.at(threshold)
    np.testing.assert_array_equal(view.mask, result.score >= threshold)
    assert view.mask.sum() == 40 * columns == view.mask_picture().sum() / 255
    assert view.record['threshold'] == threshold
    assert view.record['manipulated_share'] == columns / 101
    (region,) = view.record['regions']
    assert region['left'] == 101 - columns and region['pixels'] == 40 * columns
  assert ramp.calls == 1
  assert result.at(0.75).record == result.facts


def test_opacity_goes_from_the_image_to_the_pure_heat(analyse):
  result, _ = analyse()
  view = result.at(1.0)
  clear, half, heat = (result.overlay(view, o) for o in (0, 0.5, 1))
  np.testing.assert_array_equal(clear[:, :98], 0)  # The image is black.
  assert heat[20, 98].min() > 100, 'the brightest colour of the heat'
  np.testing.assert_allclose(half[20, :98], heat[20, :98] / 2, atol=1)


def test_the_record_is_that_of_localize(analyse, tmp_path):
  result, ramp = analyse()
  image = analysis.images.read_image(tmp_path / 'a.png')
  want = batch.describe(
      'a.png',
      image,
      ramp.localize(tmp_path / 'a.png', image),
      ramp,
      result.facts['seconds'],
  )
  assert len(result.facts['image_sha256']) == 64
  for key in want.keys() - {'time'}:
    assert result.facts[key] == want[key], key


def test_pictures_of_large_images_are_small(analyse):
  result, _ = analyse((4000, 1000))
  view = result.at(0.5)
  for picture in (
      result.image, result.heat, view.mask_picture(), result.overlay(view, 0.5)
  ):
    assert picture.shape[:2] == (400, analysis.LONGEST)
  assert view.mask.shape == result.score.shape == (1000, 4000)


def test_downloads_are_whole_and_exact(analyse, tmp_path):
  result, _ = analyse((2000, 50))
  kept = analysis.ResultCache(tmp_path / 'cache')
  key = kept.add(result)
  assert kept.get(key) is result
  for threshold in (0.2, 0.8):
    view = result.at(threshold)
    record, mask, heat = kept.downloads(key, view)
    assert json.loads(pathlib.Path(record).read_text()) == view.record
    with Image.open(mask) as image:
      np.testing.assert_array_equal(np.asarray(image), 255 * view.mask)
    with Image.open(heat) as image:
      scores = np.asarray(image) / 65535
    np.testing.assert_allclose(scores, result.score, atol=2e-5)
  assert pathlib.Path(record).name == 'a.png.json'
  assert len(pathlib.Path(record).parent.name) > 20, 'cannot be guessed'


def test_the_oldest_make_room(analyse, tmp_path):
  result, _ = analyse((10, 10))
  kept = analysis.ResultCache(tmp_path / 'cache', max_pixels=250)
  first, second, third = (kept.add(result) for _ in range(3))
  with pytest.raises(errors.UserError, match='no longer kept'):
    kept.get(first)
  assert kept.get(second) and kept.get(third)
  assert {p.name for p in kept.folder.iterdir()} == {second, third}
  large, _ = analyse((100, 100))
  assert kept.get(kept.add(large)) is large, 'the newest stays'
  assert len([*kept.folder.iterdir()]) == 1


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'', 'not an image'),
        (b'GIF89a no more', 'broken|not an image'),
        (b'<svg onload="alert(1)"/>', 'not an image'),
    ],
)
def test_a_bad_file_gets_a_sentence_without_a_path(content, reason, tmp_path):
  path = tmp_path / 'bad.png'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match=reason) as caught:
    analysis.analyse(path, path.name, Ramp())
  assert str(caught.value).startswith('bad.png ')
  assert str(tmp_path) not in str(caught.value)


def test_limits_of_the_page(analyse, monkeypatch):
  monkeypatch.setattr(analysis, 'MAX_PIXELS', 4000)
  with pytest.raises(errors.UserError, match='101 x 40 pixels'):
    analyse()
  monkeypatch.setattr(analysis, 'MAX_BYTES', 20)
  with pytest.raises(errors.UserError, match='MB'):
    analyse()


def test_thresholds_and_opacities_from_strangers_are_checked(analyse):
  result, _ = analyse()
  view = result.at(0.5)
  for bad in (float('nan'), -1, 1.5, None, '0.5'):
    with pytest.raises(errors.UserError, match='from 0 to 1'):
      result.at(bad)
    with pytest.raises(errors.UserError, match='from 0 to 1'):
      result.overlay(view, bad)


def test_what_a_method_cannot_say_is_a_sentence_without_a_path(tmp_path):
  class Choosy(Ramp):

    def localize(self, path, image):
      raise localizer.NotApplicable(f'{path} is too small to be measured.')

  Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  with pytest.raises(errors.UserError) as caught:
    analysis.analyse(tmp_path / 'a.png', 'a.png', Choosy())
  assert str(caught.value) == 'a.png is too small to be measured.'


def test_no_memory_is_a_sentence(tmp_path):
  class Greedy(Ramp):

    def localize(self, path, image):
      raise MemoryError

  Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  with pytest.raises(errors.UserError, match='not enough memory for a.png'):
    analysis.analyse(tmp_path / 'a.png', 'a.png', Greedy())


def test_odd_images_are_shown_as_stored_with_a_remark(analyse):
  exif = Image.Exif()
  exif[0x0112] = 6
  result, _ = analyse((30, 20), 'a.jpg', exif=exif)
  assert result.image.shape == (20, 30, 3)
  assert 'viewers turn it' in texts.summary(result.facts)
  result, _ = analyse((30, 20), 'a.jpg', mode='CMYK')
  assert 'CMYK turned to RGB' in texts.summary(result.facts)


def test_an_image_without_anything_to_measure_has_no_score(tmp_path):
  class Unmeasured(Ramp):

    def localize(self, path, image):
      result = super().localize(path, image)
      facts = {'not_measured': 'Only 0 of 9 blocks vary.'}
      return dataclasses.replace(result, facts=facts)

  Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  record = analysis.analyse(tmp_path / 'a.png', 'a.png', Unmeasured()).facts
  assert record['image_score'] is None
  text = texts.summary(record)
  assert 'Only 0 of 9 blocks vary.' in text and '<b>none</b>' in text
  assert 'Nothing could be measured' in texts.regions(record)
