"""`manloc localize`: results, skipping, bad files, exit codes."""

import hashlib
import json
import pathlib
import shutil

import numpy as np
from PIL import Image
import pytest
import small
import trees

from manloc_jax import cli
from manloc_jax.localization import batch
from manloc_jax.localization import network


def times(folder: pathlib.Path) -> dict[str, int]:
  """Returns when the files of a folder were written, but for the summary."""
  return {
      str(path.relative_to(folder)): path.stat().st_mtime_ns
      for path in folder.rglob('*')
      if path.is_file() and path.name != 'summary.json'
  }


def test_a_folder_gives_maps_masks_pictures_and_records(
    localize, untrained, photographs, tmp_path
):
  code, records, err = localize(photographs, threshold=0.45)
  assert code == 0 and '3 of 3' in err
  out = tmp_path / 'out'
  assert set(times(out)) == {
      f'{name}.{kind}'
      for name in ('a.png', 'below/b.jpg', 'below/c.png')
      for kind in ('heat.png', 'mask.png', 'overlay.png', 'json')
  }
  localizer = network.NetworkLocalizer.from_run(untrained, threshold=0.45)
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
def test_heat_maps_as_arrays(heat_format, localize, photographs, tmp_path):
  _, records, _ = localize(photographs / 'a.png', format=heat_format)
  name = records[0]['files']['heat']
  assert name == f'a.png.heat.{heat_format}'
  array = np.load(tmp_path / 'out' / name, allow_pickle=False)
  score = array if heat_format == 'npy' else array['score']
  assert score.dtype == np.float32 and score.shape == (70, 100)


def test_what_is_done_is_skipped(localize, photographs, tmp_path):
  out = tmp_path / 'out'
  _, first, _ = localize(photographs)
  before = times(out)
  code, again, err = localize(photographs)
  assert code == 0 and '3 of them before' in err
  assert again == [{**record, 'skipped': True} for record in first]
  assert times(out) == before


@pytest.mark.slow
def test_what_has_changed_is_done_anew(
    localize, photographs, tmp_path, tmp_path_factory
):
  out = tmp_path / 'out'

  def done(**options) -> int:
    _, records, _ = localize(photographs, **options)
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


def test_what_a_folder_holds_besides_is_counted(
    localize, photographs, tmp_path
):
  (photographs / 'notes.txt').write_text('no image')
  (photographs / 'gone.jpg').symlink_to('nowhere')
  (photographs / 'linked').symlink_to('below')
  code, records, err = localize(photographs)
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


def test_what_a_method_cannot_say_is_marked(localize, photographs):
  code, (record,), err = localize(
      photographs / 'below/c.png', workdir=None, method='dct'
  )
  assert code == 2 and record['not_applicable'] is True
  assert record['error'] in err and 'c.png is no JPEG' in err


def test_an_image_without_anything_to_measure_is_told(localize, tmp_path):
  trees.save(tmp_path / 'flat.png', np.full((80, 96, 3), 128, np.uint8))
  code, (record,), err = localize(
      tmp_path / 'flat.png', workdir=None, method='fusion'
  )
  assert code == 0 and record['image_score'] is None
  assert f'flat.png: {record["not_measured"]}' in err
  trees.save(tmp_path / 'small.png', np.full((8, 8, 3), 128, np.uint8))
  code, (record,), err = localize(
      tmp_path / 'small.png', workdir=None, method='fusion'
  )
  assert code == 2 and record['not_applicable'] is True
  assert 'small.png is 8x8 pixels, too small' in err


def test_choices_are_those_of_the_library(capsys):
  assert cli.main(['localize', '--help']) == 0
  text = capsys.readouterr().out
  for choices in (network.GATES, batch.FORMATS):
    assert '{' + ','.join(choices) + '}' in text
