"""`manloc localize` on what cannot be read, written or trusted."""

import json
import os
import pathlib
import tempfile

import cv2
import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax import files
from manloc_jax.data.decoding import declared_size
from manloc_jax.localization import batch
from manloc_jax.localization import factory
from manloc_jax.localization import network


def test_bad_files_do_not_stop_the_rest(localize, photographs, tmp_path):
  jpeg = (photographs / 'below/b.jpg').read_bytes()
  (photographs / 'aa.jpg').write_bytes(jpeg[: len(jpeg) // 2])
  (photographs / 'ab.png').write_text('no image')
  os.mkfifo(photographs / 'ac.png')
  code, records, err = localize(photographs, photographs / 'none.png')
  assert code == 1
  bad = {
      pathlib.Path(record['image']).name: record['error']
      for record in records
      if 'error' in record
  }
  assert set(bad) == {'aa.jpg', 'ab.png', 'ac.png', 'none.png'}
  lines = err.splitlines()
  for name, reason in bad.items():
    assert name in reason and reason in lines, 'one sentence each'
  assert '3 of 7' in lines[-1]
  assert not list((tmp_path / 'out').glob('aa*'))


def test_a_decompression_bomb_is_refused(localize, tmp_path, monkeypatch):
  monkeypatch.setattr(declared_size, 'MAX_PIXELS', 100 * 100)
  trees.save(tmp_path / 'bomb.png', trees.photograph(0, (101, 100)))
  code, (record,), _ = localize(tmp_path / 'bomb.png')
  assert code == 2 and 'decompression bomb' in record['error']


def test_nothing_usable(localize, photographs, tmp_path):
  code, records, _ = localize(tmp_path / 'none.png')
  assert code == 2 and 'error' in records[0]
  (tmp_path / 'empty').mkdir()
  for paths, options, words in (
      ([tmp_path / 'empty'], {}, 'There is no image'),
      ([photographs], {'workdir': tmp_path / 'empty'}, 'There is no run'),
      ([photographs], {'workdir': ''}, '--workdir'),
      ([photographs], {'stride': 65}, 'from 1 to 64'),
      ([photographs], {'out': photographs}, 'folder for results'),
  ):
    code, records, err = localize(*paths, **options)
    assert (code, records) == (2, []) and words in err
    assert len(err.splitlines()) == 1


def test_a_broken_write_leaves_no_record(
    localize, photographs, tmp_path, monkeypatch
):
  out = tmp_path / 'out'
  localize(photographs / 'a.png')
  old = (out / 'a.png.mask.png').read_bytes()

  def fail(file, pixels):
    file.write(b'half of')
    raise OSError('the cable was pulled')

  monkeypatch.setattr(batch, 'save_png', fail)
  code, (record,), _ = localize(photographs / 'a.png', threshold=0.1)
  assert code == 2 and 'cable' in record['error']
  assert {path.name for path in out.iterdir()} - {'summary.json'} == {
      f'a.png.{kind}.png' for kind in ('heat', 'mask', 'overlay')
  }
  assert (out / 'a.png.mask.png').read_bytes() == old


def test_a_full_disk_stops_with_one_sentence(
    localize, photographs, monkeypatch
):
  def fail(path):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(files, 'replacing', fail)
  code, records, err = localize(photographs)
  assert (code, records) == (2, [])
  assert 'is full' in err and len(err.splitlines()) == 1


def test_a_folder_that_cannot_be_read_is_told(
    localize, photographs, monkeypatch
):
  scan = os.scandir

  def refuse(path):
    if os.fspath(path).endswith('below'):
      raise PermissionError(13, 'Permission denied', os.fspath(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  code, records, err = localize(photographs)
  assert code == 1 and len(records) == 1
  assert f'The folder {photographs / "below"} cannot be read' in err
  code, records, err = localize(photographs / 'below')
  assert code == 2 and 'folders that cannot be read (1)' in err


@pytest.mark.parametrize('kind', ['file', 'below a file', 'long', 'empty'])
def test_an_unusable_folder_for_results_is_found_at_once(
    kind, localize, photographs, tmp_path, monkeypatch
):
  (tmp_path / 'file').write_text('mine')
  out = {
      'file': tmp_path / 'file',
      'below a file': tmp_path / 'file/out',
      'long': tmp_path / ('x' * 300),
      'empty': '',
  }[kind]

  def fail(*unused, **options):
    raise AssertionError('weights were loaded')

  monkeypatch.setattr(factory, 'make', fail)
  code, records, err = localize(photographs, out=out)
  assert (code, records) == (2, []) and len(err.splitlines()) == 1
  assert 'No results can be written' in err and '--out' in err


def test_a_read_only_folder_for_results_is_found_at_once(
    localize, photographs, monkeypatch
):
  def refuse(**unused):
    raise OSError(30, 'Read-only file system')

  monkeypatch.setattr(tempfile, 'TemporaryFile', refuse)
  code, records, err = localize(photographs)
  assert (code, records) == (2, [])
  assert '(Read-only file system); choose another --out' in err


@pytest.mark.parametrize(
    'error',
    [
        np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype('u1')),
        cv2.error('OpenCV: error: (-4:Insufficient memory) in OutOfMemory'),
        RuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating'),
    ],
)
def test_missing_memory_names_the_file(
    error, localize, photographs, monkeypatch
):
  def fail(*unused):
    raise error

  monkeypatch.setattr(network.NetworkLocalizer, 'localize', fail)
  code, (record,), _ = localize(photographs / 'a.png')
  assert code == 2
  assert record['error'] == (
      f'There is not enough memory for {photographs / "a.png"}; crop it, or'
      ' localize it on a machine with more.'
  )


def test_a_bug_is_not_hidden(localize, photographs, monkeypatch):
  def fail(*unused):
    raise ZeroDivisionError

  monkeypatch.setattr(network.NetworkLocalizer, 'localize', fail)
  with pytest.raises(ZeroDivisionError):
    localize(photographs / 'a.png')


def test_results_are_not_written_through_links(tmp_path, capfd):
  """An archive of results may bring a folder that leads elsewhere."""
  elsewhere = tmp_path / 'elsewhere'
  (tmp_path / 'in/a').mkdir(parents=True)
  elsewhere.mkdir()
  noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
  Image.fromarray(noise).save(tmp_path / 'in/a/b.png')
  out = tmp_path / 'planted'
  out.mkdir()
  (out / 'a').symlink_to(elsewhere)
  code = cli.main(
      ['localize', '--method=ela', f'--out={out}', str(tmp_path / 'in')]
  )
  assert code == 2
  assert 'It is a link' in capfd.readouterr().err
  assert not list(elsewhere.iterdir())


def test_names_do_not_turn_the_text_around(tmp_path, capfd):
  noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
  (tmp_path / 'in').mkdir()
  name = 'a\u202egpj.exe\x1b[2J'
  Image.fromarray(noise).save(tmp_path / f'in/{name}.png')
  (tmp_path / f'in/{name}.jpg').write_bytes(b'no image')
  out = tmp_path / 'out'
  cli.main(['localize', '--method=ela', f'--out={out}', str(tmp_path / 'in')])
  printed = capfd.readouterr()
  summary = (out / 'summary.json').read_text()
  for text in (printed.out, printed.err, summary):
    assert '\u202e' not in text and '\x1b' not in text
    assert 'u202e' in text
  # The record has the name of the file.
  record = json.loads(printed.out.splitlines()[0])
  assert name in record['image']
