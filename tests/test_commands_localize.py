"""`manloc localize`: results, skipping, bad files, exit codes."""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile

import cv2
import numpy as np
from PIL import Image
import pytest
import small
import trees

from manloc_jax import cli
from manloc_jax import files
from manloc_jax.data.decoding import declared_size
from manloc_jax.localization import batch
from manloc_jax.localization import factory
from manloc_jax.localization import network


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  return small.untrained_run(tmp_path_factory.mktemp('run'), scale=2.0)


@pytest.fixture
def photographs(tmp_path):
  folder = tmp_path / 'photographs'
  for i, name in enumerate(('a.png', 'below/b.jpg', 'below/c.png')):
    trees.save(folder / name, trees.photograph(i, (70 + 20 * i, 100)))
  return folder


@pytest.fixture
def command(workdir, tmp_path, capsys):
  """Runs the command; returns exit code, records and standard error."""

  def run(*paths, **options):
    options = {'workdir': workdir, 'out': tmp_path / 'out', **options}
    flags = [
        f'--{key}={value}'
        for key, value in options.items()
        if value is not None
    ]
    code = cli.main(['localize', *map(str, paths), *flags])
    printed = capsys.readouterr()
    return code, [*map(json.loads, printed.out.splitlines())], printed.err

  return run


def times(folder: pathlib.Path) -> dict[str, int]:
  """Returns when the files of a folder were written, but for the summary."""
  return {
      str(path.relative_to(folder)): path.stat().st_mtime_ns
      for path in folder.rglob('*')
      if path.is_file() and path.name != 'summary.json'
  }


def test_a_folder_gives_maps_masks_pictures_and_records(
    command, workdir, photographs, tmp_path
):
  code, records, err = command(photographs, threshold=0.45)
  assert code == 0 and '3 of 3' in err
  out = tmp_path / 'out'
  assert set(times(out)) == {
      f'{name}.{kind}'
      for name in ('a.png', 'below/b.jpg', 'below/c.png')
      for kind in ('heat.png', 'mask.png', 'overlay.png', 'json')
  }
  localizer = network.NetworkLocalizer.from_run(workdir, threshold=0.45)
  for record in records:
    path = pathlib.Path(record['image'])
    name = path.relative_to(photographs)
    assert json.loads((out / f'{name}.json').read_text()) == record
    with Image.open(path) as image:
      want = localizer(np.asarray(image))
    pictures = {}
    for kind, file in record['files'].items():
      with Image.open(out / file) as picture:
        pictures[kind] = np.asarray(picture)
    np.testing.assert_allclose(
        pictures['heat'] / 65535, want.score, atol=2e-5
    )
    np.testing.assert_array_equal(pictures['mask'], 255 * want.mask)
    assert pictures['overlay'].shape == (*want.mask.shape, 3)
    assert record['manipulated_share'] == want.mask.mean()
    assert 0 < record['manipulated_share'] < 1
    assert record['image_score'] == want.image_score
    assert record['threshold'] == 0.45 and record['stride'] == 32
    assert (record['height'], record['width']) == want.mask.shape
    assert record['region_count'] == want.region_count
    assert record['regions'][0]['pixels'] == want.regions[0].pixels
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert record['image_sha256'] == digest
    for key in ('weights_sha256', 'config_sha256'):
      assert len(record[key]) == 64
    assert {'step', 'version', 'jax', 'device', 'seconds', 'time'} <= set(
        record
    )


@pytest.mark.parametrize('heat_format', ['npy', 'npz'])
def test_heat_maps_as_arrays(heat_format, command, photographs, tmp_path):
  _, records, _ = command(photographs / 'a.png', format=heat_format)
  name = records[0]['files']['heat']
  assert name == f'a.png.heat.{heat_format}'
  array = np.load(tmp_path / 'out' / name, allow_pickle=False)
  score = array if heat_format == 'npy' else array['score']
  assert score.dtype == np.float32 and score.shape == (70, 100)


def test_what_is_done_is_skipped(command, photographs, tmp_path):
  out = tmp_path / 'out'
  _, first, _ = command(photographs)
  before = times(out)
  code, again, err = command(photographs)
  assert code == 0 and '3 of them before' in err
  assert again == [{**record, 'skipped': True} for record in first]
  assert times(out) == before


@pytest.mark.slow
def test_what_has_changed_is_done_anew(
    command, photographs, tmp_path, tmp_path_factory
):
  out = tmp_path / 'out'

  def done(**options) -> int:
    _, records, _ = command(photographs, **options)
    return sum('skipped' not in record for record in records)

  assert [done(), done()] == [3, 0]
  assert [done(stride=64), done(stride=64)] == [3, 0]
  assert [done(threshold=0.1), done(gate='soft'), done(format='npy')] == [3] * 3
  other = small.untrained_run(tmp_path / 'other', scale=1.5)
  assert [done(workdir=other), done(), done()] == [3, 3, 0]
  (out / 'a.png.mask.png').unlink()
  assert done() == 1
  (out / 'below/b.jpg.json').write_text('{"image": ')
  assert done() == 1
  shutil.copy(photographs / 'below/c.png', photographs / 'a.png')
  assert done() == 1


def test_bad_files_do_not_stop_the_rest(command, photographs, tmp_path):
  jpeg = (photographs / 'below/b.jpg').read_bytes()
  (photographs / 'aa.jpg').write_bytes(jpeg[: len(jpeg) // 2])
  (photographs / 'ab.png').write_text('no image')
  os.mkfifo(photographs / 'ac.png')
  code, records, err = command(photographs, photographs / 'none.png')
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


def test_a_decompression_bomb_is_refused(command, tmp_path, monkeypatch):
  monkeypatch.setattr(declared_size, 'MAX_PIXELS', 100 * 100)
  trees.save(tmp_path / 'bomb.png', trees.photograph(0, (101, 100)))
  code, (record,), _ = command(tmp_path / 'bomb.png')
  assert code == 2 and 'decompression bomb' in record['error']


def test_nothing_usable(command, photographs, tmp_path):
  code, records, _ = command(tmp_path / 'none.png')
  assert code == 2 and 'error' in records[0]
  (tmp_path / 'empty').mkdir()
  for paths, options, words in (
      ([tmp_path / 'empty'], {}, 'There is no image'),
      ([photographs], {'workdir': tmp_path / 'empty'}, 'There is no run'),
      ([photographs], {'workdir': ''}, '--workdir'),
      ([photographs], {'stride': 65}, 'from 1 to 64'),
      ([photographs], {'out': photographs}, 'folder for results'),
  ):
    code, records, err = command(*paths, **options)
    assert (code, records) == (2, []) and words in err
    assert len(err.splitlines()) == 1


def test_a_broken_write_leaves_no_record(
    command, photographs, tmp_path, monkeypatch
):
  out = tmp_path / 'out'
  command(photographs / 'a.png')
  old = (out / 'a.png.mask.png').read_bytes()

  def fail(file, pixels):
    file.write(b'half of')
    raise OSError('the cable was pulled')

  monkeypatch.setattr(batch, 'save_png', fail)
  code, (record,), _ = command(photographs / 'a.png', threshold=0.1)
  assert code == 2 and 'cable' in record['error']
  assert set(times(out)) == {
      f'a.png.{kind}.png' for kind in ('heat', 'mask', 'overlay')
  }
  assert (out / 'a.png.mask.png').read_bytes() == old


def test_a_full_disk_stops_with_one_sentence(
    command, photographs, monkeypatch
):
  def fail(path):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(files, 'replacing', fail)
  code, records, err = command(photographs)
  assert (code, records) == (2, [])
  assert 'is full' in err and len(err.splitlines()) == 1


def test_what_a_folder_holds_besides_is_counted(
    command, photographs, tmp_path
):
  (photographs / 'notes.txt').write_text('no image')
  (photographs / 'gone.jpg').symlink_to('nowhere')
  (photographs / 'linked').symlink_to('below')
  code, records, err = command(photographs)
  assert code == 0 and len(records) == 3
  assert (
      'Passed over in folders: not named as images (1), links to what is'
      ' listed already (1), links that lead nowhere (1).'
  ) in err.splitlines()
  gone = photographs / 'gone.jpg'
  assert f'The link {gone} leads nowhere; mend it or remove it.' in (
      err.splitlines()
  )
  summary = json.loads((tmp_path / 'out/summary.json').read_text())
  assert summary['localized'] == 3 and summary['failed'] == []
  assert summary['passed_over'] == {
      'not named as images': 1,
      'links to what is listed already': 1,
      'links that lead nowhere': 1,
  }
  paths = {item['path'] for item in summary['passed_over_paths']}
  assert str(photographs / 'notes.txt') in paths


def test_a_folder_that_cannot_be_read_is_told(
    command, photographs, monkeypatch
):
  scan = os.scandir

  def refuse(path):
    if os.fspath(path).endswith('below'):
      raise PermissionError(13, 'Permission denied', os.fspath(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  code, records, err = command(photographs)
  assert code == 1 and len(records) == 1
  assert f'The folder {photographs / "below"} cannot be read' in err
  code, records, err = command(photographs / 'below')
  assert code == 2 and 'folders that cannot be read (1)' in err


@pytest.mark.parametrize('kind', ['file', 'below a file', 'long', 'empty'])
def test_an_unusable_folder_for_results_is_found_at_once(
    kind, command, photographs, tmp_path, monkeypatch
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
  code, records, err = command(photographs, out=out)
  assert (code, records) == (2, []) and len(err.splitlines()) == 1
  assert 'No results can be written' in err and '--out' in err


def test_a_read_only_folder_for_results_is_found_at_once(
    command, photographs, monkeypatch
):
  def refuse(**unused):
    raise OSError(30, 'Read-only file system')

  monkeypatch.setattr(tempfile, 'TemporaryFile', refuse)
  code, records, err = command(photographs)
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
    error, command, photographs, monkeypatch
):
  def fail(*unused):
    raise error

  monkeypatch.setattr(network.NetworkLocalizer, 'localize', fail)
  code, (record,), _ = command(photographs / 'a.png')
  assert code == 2
  assert record['error'] == (
      f'There is not enough memory for {photographs / "a.png"}; crop it, or'
      ' localize it on a machine with more.'
  )


def test_a_bug_is_not_hidden(command, photographs, monkeypatch):
  def fail(*unused):
    raise ZeroDivisionError

  monkeypatch.setattr(network.NetworkLocalizer, 'localize', fail)
  with pytest.raises(ZeroDivisionError):
    command(photographs / 'a.png')


def test_what_a_method_cannot_say_is_marked(command, photographs):
  code, (record,), err = command(
      photographs / 'below/c.png', workdir=None, method='dct'
  )
  assert code == 2 and record['not_applicable'] is True
  assert record['error'] in err and 'c.png is no JPEG' in err


def test_an_image_without_anything_to_measure_is_told(command, tmp_path):
  trees.save(tmp_path / 'flat.png', np.full((80, 96, 3), 128, np.uint8))
  code, (record,), err = command(
      tmp_path / 'flat.png', workdir=None, method='fusion'
  )
  assert code == 0 and record['image_score'] is None
  assert f'flat.png: {record["not_measured"]}' in err
  trees.save(tmp_path / 'small.png', np.full((8, 8, 3), 128, np.uint8))
  code, (record,), err = command(
      tmp_path / 'small.png', workdir=None, method='fusion'
  )
  assert code == 2 and record['not_applicable'] is True
  assert 'small.png is 8x8 pixels, too small' in err


def test_choices_are_those_of_the_library(capsys):
  assert cli.main(['localize', '--help']) == 0
  text = capsys.readouterr().out
  for choices in (network.GATES, batch.FORMATS):
    assert '{' + ','.join(choices) + '}' in text


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
