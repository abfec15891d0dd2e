"""`manloc serve` without a browser: sentences of the page, refusals."""

import errno
import shutil
import socket
import tempfile

import pytest
from ramp import Ramp

from manloc_jax import cli
from manloc_jax.commands import serve
from manloc_jax.localization import batch
from manloc_jax.localization import factory
from manloc_jax.serve import analysis
from manloc_jax.serve import samples
from manloc_jax.serve import texts


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
