"""Analyses of images for the page of `manloc serve`."""

import dataclasses
import io
import json

import numpy as np
from PIL import Image
import pytest
from ramp import Ramp

from manloc_jax import errors
from manloc_jax.localization import batch
from manloc_jax.localization import localizer
from manloc_jax.serve import analysis
from manloc_jax.serve import result_cache
from manloc_jax.serve import texts


def decode(content):
  with Image.open(io.BytesIO(content)) as image:
    return np.asarray(image)


def test_a_threshold_moves_mask_regions_and_record_but_runs_no_network(analyse):
  result, ramp = analyse()
  for threshold, columns in ((0.75, 26), (0.5, 51), (1, 1), (0, 101)):
    view = result.at(threshold)
    np.testing.assert_array_equal(view.mask, result.score >= threshold)
    assert view.mask.sum() == 40 * columns
    mask, outline = map(decode, view.pictures())
    np.testing.assert_array_equal(mask, 255 * view.mask)
    is_seen = outline[..., 3] > 0
    assert is_seen.any() and not is_seen[:, : 101 - columns].any()
    assert (outline[is_seen] == (0, 255, 255, 255)).all()
    assert view.record['threshold'] == threshold
    assert view.record['manipulated_share'] == columns / 101
    (region,) = view.record['regions']
    assert region['left'] == 101 - columns and region['pixels'] == 40 * columns
  assert ramp.calls == 1
  assert result.at(0.75).record == result.facts


def test_small_regions_are_left_out_at_any_threshold(analyse):
  result, _ = analyse()
  facts = {**result.facts, localizer.SMALLEST_REGION: 41}
  result = dataclasses.replace(result, facts=facts)
  view = result.at(1)  # One column of 40 pixels.
  assert not view.mask.any() and view.record['region_count'] == 0
  assert result.at(0.5).mask.sum() == 40 * 51


def test_the_heat_has_the_colours_of_the_scores(analyse):
  result, _ = analyse()
  heat, photograph = decode(result.heat), decode(result.photograph)
  assert heat.shape == photograph.shape == (40, 101, 3)
  assert heat[20, 98].min() > 100 > heat[20, 2].max()
  assert photograph.max() < 10, 'The image is black.'


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
  for picture in (result.photograph, result.heat, *view.pictures()):
    assert decode(picture).shape[:2] == (400, analysis.LONGEST)
  assert view.mask.shape == result.score.shape == (1000, 4000)


def test_downloads_are_whole_and_exact(analyse):
  result, _ = analyse((2000, 50))
  for threshold in (0.2, 0.8):
    view = result.at(threshold)
    record, mask, heat = (
        result.download(kind, threshold)
        for kind in ('json', 'mask.png', 'heat.png')
    )
    assert json.loads(record) == view.record
    np.testing.assert_array_equal(decode(mask), 255 * view.mask)
    np.testing.assert_allclose(decode(heat) / 65535, result.score, atol=2e-5)


def test_the_oldest_of_whoever_holds_the_most_make_room(analyse):
  result, _ = analyse((10, 10))
  kept = result_cache.ResultCache(max_bytes=4 * 350)
  mine = kept.add(result, 'me')
  first, second = (kept.add(result, 'other') for _ in range(2))
  third = kept.add(result, 'other')
  with pytest.raises(errors.UserError, match='no longer kept'):
    kept.get(first)
  assert kept.get(mine) is kept.get(second) is kept.get(third) is result
  assert len({mine, first, second, third}) == 4 and len(mine) > 20
  large, _ = analyse((100, 100))
  assert kept.get(kept.add(large, 'me')) is large, 'the newest stays'
  for key in (mine, second, third):
    with pytest.raises(errors.UserError, match='no longer kept'):
      kept.get(key)


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


def test_thresholds_from_strangers_are_checked(analyse):
  result, _ = analyse()
  for bad in (float('nan'), float('inf'), -1, 1.5, None, '0.5'):
    for use in (result.at, lambda bad: result.download('json', bad)):
      with pytest.raises(errors.UserError, match='from 0 to 1'):
        use(bad)


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
  assert decode(result.photograph).shape == (20, 30, 3)
  assert 'viewers turn it' in texts.summary(result.facts)['notes']
  result, _ = analyse((30, 20), 'a.jpg', mode='CMYK')
  assert 'CMYK turned to RGB' in texts.summary(result.facts)['notes']


def test_an_image_without_anything_to_measure_has_no_score(tmp_path):
  class Unmeasured(Ramp):

    def localize(self, path, image):
      result = super().localize(path, image)
      facts = {'not_measured': 'Only 0 of 9 blocks vary.'}
      return dataclasses.replace(result, facts=facts)

  Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  record = analysis.analyse(tmp_path / 'a.png', 'a.png', Unmeasured()).facts
  assert record['image_score'] is None
  summary = texts.summary(record)
  assert 'Only 0 of 9 blocks vary.' in summary['notes']
  assert summary['tiles']['image score'] == 'none'
  assert 'Nothing could be measured' in texts.regions(record)['sentence']
