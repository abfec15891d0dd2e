"""The page of `manloc serve` without a browser: texts and refusals."""

import dataclasses
import errno
import json
import pathlib
import shutil
import socket
import tempfile

import numpy as np
from PIL import Image
import pytest

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.commands import serve
from manloc_jax.localization import batch
from manloc_jax.localization import factory
from manloc_jax.localization import localizer
from manloc_jax.serve import analysis
from manloc_jax.serve import samples
from manloc_jax.serve import texts


class Ramp:
  """Scores columns from 0 on the left to 1 on the right; counts its calls."""

  threshold = 0.75
  device = 'paper and pencil'

  packages = {'paper': '1.0'}

  def __init__(self):
    self.provenance = {'threshold': self.threshold, 'weights_sha256': 'f' * 64}
    self.calls = 0

  def localize(self, path, image):
    self.calls += 1
    height, width = image.pixels.shape[:2]
    row = np.linspace(0, 1, width, dtype=np.float32)
    score = np.tile(row, (height, 1))
    return localizer.summarize(score, score, self.threshold)


@pytest.fixture
def analyse(tmp_path):
  """Returns an analysis of an image of this size, and its localizer."""

  def run(size=(101, 40), name='a.png', mode='RGB', **options):
    path = tmp_path / name
    Image.new(mode, size).save(path, **options)
    ramp = Ramp()
    return analysis.analyse(path, path.name, ramp), ramp

  return run


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


@pytest.fixture
def page(tmp_path):
  gradio = pytest.importorskip('gradio', reason='Gradio is not installed.')
  from manloc_jax.serve import page as page_lib

  with gradio.Blocks():
    return page_lib._Page(Ramp(), tmp_path / 'cache', [])


def test_a_result_that_makes_room_meanwhile_is_a_sentence(page, analyse):
  result, _ = analyse()
  key = page._results.add(result)
  assert page._move_threshold(key, 0.5, 0.5).keys() == {*page._view}
  at = analysis.Analysis.at

  def evicted_by(self, threshold):
    shutil.rmtree(page._results.folder / key)
    page._results._analyses.clear()
    return at(self, threshold)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(analysis.Analysis, 'at', evicted_by)
    said = page._move_threshold(key, 0.4, 0.5)
  assert 'no longer kept' in said[page.message]
  assert 'no longer kept' in page._move_threshold(key, 0.4, 0.5)[page.message]


def test_missing_memory_is_a_sentence_and_a_bug_is_none(
    page, analyse, monkeypatch
):
  result, _ = analyse()
  key = page._results.add(result)

  def fail(error):
    def at(self, threshold):
      raise error

    monkeypatch.setattr(analysis.Analysis, 'at', at)

  fail(MemoryError('Unable to allocate 9 GiB'))
  for move in (page._move_threshold, page._move_opacity):
    (said,) = move(key, 0.4, 0.5).values()
    assert 'lacks the memory' in said and 'allocate' not in said
  fail(ZeroDivisionError())
  with pytest.raises(ZeroDivisionError):
    page._move_threshold(key, 0.4, 0.5)


def test_a_full_disk_is_a_sentence(page, analyse, tmp_path, monkeypatch):
  result, _ = analyse()
  key = page._results.add(result)

  def fail(file, pixels):
    raise OSError(errno.ENOSPC, 'No space left on device', '/secret')

  monkeypatch.setattr(batch, 'save_png', fail)
  *_, opened = page._open(tmp_path / 'a.png', 0.5)
  for said in (opened, page._move_threshold(key, 0.4, 0.5)):
    assert 'No space left' in said[page.message]
    assert 'secret' not in said[page.message]
  assert page.key not in opened


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


def test_names_of_strangers_are_text():
  bad = '<img src=x onerror=alert(1)>'
  record = {
      'image': bad, 'width': 1, 'height': 1, 'seconds': 1, 'note': '',
      'orientation': 1, 'image_score': 0, 'threshold': 0, 'regions': [],
      'manipulated_share': 0, 'region_count': 0,
  }
  for text in (texts.error(bad), texts.working(bad), texts.summary(record)):
    assert '<img' not in text and '&lt;img' in text
  assert '<img' not in texts.meaning({'weights': bad})
  assert 'no proof' in texts.regions(record)


def test_scores_are_not_called_probabilities():
  text = texts.meaning({}) + texts.head()
  assert text.count('probab') == text.count('It is no probability') == 1


def test_samples_are_the_same_every_time(tmp_path):
  for name in 'ab':
    (tmp_path / name).mkdir()
  first, again = (samples.make(tmp_path / name) for name in 'ab')
  assert [s.caption for s in first] == [s.caption for s in again]
  assert 'Untouched' in {s.caption for s in first}
  for one, other in zip(first, again, strict=True):
    assert one.path.read_bytes() == other.path.read_bytes()


def refusal(capsys, *arguments) -> str:
  assert cli.main(['serve', *arguments]) == 2
  err = capsys.readouterr().err
  assert err.count('\n') == 1
  return err


def test_refusals_of_the_command(tmp_path, capsys, monkeypatch):
  assert '70000' in refusal(capsys, '--port=70000')
  run = f'--workdir={tmp_path}'
  with monkeypatch.context() as patch:
    patch.setattr(serve.importlib.util, 'find_spec', lambda name: None)
    assert "pip install '.[serve]'" in refusal(capsys, run)
  monkeypatch.setattr(serve.importlib.util, 'find_spec', lambda name: True)
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    err = refusal(capsys, run, f'--port={port}')
    assert f'Port {port} of 127.0.0.1 is taken' in err
  assert 'nowhere' in refusal(capsys, run, '--host=nowhere.invalid')
  assert str(tmp_path) in refusal(capsys, run, '--port=0')  # No run is there.


def test_a_missing_temporary_folder_is_found_before_weights_are_loaded(
    capsys, monkeypatch
):
  def fail(*unused, **options):
    raise FileNotFoundError(errno.ENOENT, 'No usable temporary directory found')

  monkeypatch.setattr(serve.importlib.util, 'find_spec', lambda name: True)
  monkeypatch.setattr(tempfile, 'TemporaryDirectory', fail)
  monkeypatch.setattr(factory, 'make', lambda **options: pytest.fail('loaded'))
  assert 'set TMPDIR' in refusal(capsys, '--port=0')
