"""Trees of forgeries: broken photographs, refusals and interruptions."""

import json
import os
import pathlib
import shutil

import numpy as np
from PIL import Image
import pytest

from manloc_jax import cli
from manloc_jax.data import spec
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import photographs as photographs_lib
from manloc_jax.data.forge import sequence
from manloc_jax.data.forge import tree

OPTIONS = {
    'counts': (3, 1, 2),
    'seed': 0,
    'size': (96, 128),
    'fractions': (0.5, 0.25, 0.25),
    'workers': 1,
}


def write_photographs(folder: pathlib.Path, count: int) -> pathlib.Path:
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(0)
  for i in range(count):
    pixels = rng.integers(0, 256, (110 + i, 120, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f'{i}.jpg')
  return folder


def truncate(path: pathlib.Path) -> None:
  """Leaves the header whole, so that only decoding tells."""
  content = path.read_bytes()
  path.write_bytes(content[: len(content) // 2])


@pytest.fixture
def folder(tmp_path):
  return write_photographs(tmp_path / 'photographs', 6)


def make(root, folder, **changes):
  return tree.make(root, [folder], **{**OPTIONS, **changes})


def contents(root):
  return {
      str(path.relative_to(root)): path.read_bytes()
      for path in sorted(root.rglob('*'))
      if path.is_file()
  }


def test_broken_photographs_change_nothing(folder, tmp_path):
  used, left_out = make(tmp_path / 'sound', folder)
  assert (used, left_out) == (6, [])
  shutil.copy(folder / '0.jpg', folder / 'a_cut.jpg')
  truncate(folder / 'a_cut.jpg')
  (folder / 'note.jpg').write_text('none')
  for workers in (1, 2):
    out = tmp_path / f'mixed{workers}'
    used, left_out = make(out, folder, workers=workers)
    assert used == 6
    assert [str(folder / n) in r for n, r in zip(
        ('note.jpg', 'a_cut.jpg'), left_out, strict=True
    )] == [True, True]
    assert contents(out) == contents(tmp_path / 'sound')


def test_the_case_with_broken_photographs(test_data, tmp_path, capsys):
  folder = test_data / 'cases/forge_part'
  assert cli.main([
      'forge', str(folder), f'--out={tmp_path}/out', '--count=6',
      '--size=96,128', '--workers=1',
  ]) == 0
  said = capsys.readouterr()
  assert '6 forgeries of 5 photographs' in said.out
  assert '3 photographs could not be read' in said.out
  for name in ('trunc', 'sof3', 'float'):
    assert name in said.err
  records, rejected = synthetic.DATASET.find_records(tmp_path / 'out')
  assert {one.split for one in records} == set(spec.SPLITS)
  assert len(records) == 6 and not rejected


@pytest.mark.parametrize('count', [0, 1, 2])
def test_too_few_good_photographs_leave_nothing(tmp_path, count):
  folder = write_photographs(tmp_path / 'photographs', 5)
  for i in range(count, 5):
    truncate(folder / f'{i}.jpg')
  shutil.copy(folder / '0.jpg', folder / 'copy.jpg')  # Counts once.
  out = tmp_path / 'new/out'
  with pytest.raises(spec.DataError, match='at least 3.*such as this one') as e:
    make(out, folder)
  assert f' {count} can be used' in str(e.value)
  assert not out.parent.exists()


@pytest.mark.parametrize('count', [3, 4])
def test_three_are_enough(tmp_path, count):
  folder = write_photographs(tmp_path / 'photographs', count)
  default = (0.65, 0.10, 0.25)
  assert make(tmp_path / 'out', folder, fractions=default)[0] == count
  records, _ = synthetic.find_records(tmp_path / 'out')
  assert {one.split for one in records} == set(spec.SPLITS)


def test_what_is_missing_waits_for_its_photograph(folder, tmp_path):
  out, aside = tmp_path / 'out', tmp_path / 'aside.jpg'
  make(out, folder)
  whole = contents(out)
  path = out / synthetic.HISTORIES
  lines = path.read_text().splitlines(keepends=True)
  path.write_text(''.join(lines[:2]))
  (folder / '3.jpg').rename(aside)
  before = contents(out)
  with pytest.raises(spec.DataError, match='not finished .* photograph 3.jpg'):
    make(out, folder)
  with pytest.raises(spec.DataError, match='2 of 6'):
    synthetic.find_records(out)
  assert contents(out) == before
  aside.rename(folder / '3.jpg')
  make(out, folder)
  assert contents(out) == whole


def test_a_complete_tree_does_not_miss_what_is_gone(folder, tmp_path):
  out = tmp_path / 'out'
  make(out, folder)
  whole = contents(out)
  for i in range(5):
    (folder / f'{i}.jpg').unlink()
  assert make(out, folder) == (1, [])
  assert contents(out) == whole
  with pytest.raises(spec.DataError, match='photographs, without .* new.jpg'):
    shutil.copy(folder / '5.jpg', folder / 'new.jpg')
    make(out, folder)
  assert contents(out) == whole


def test_other_fractions_are_refused(folder, tmp_path):
  make(tmp_path / 'out', folder)
  with pytest.raises(spec.DataError, match='other fractions'):
    make(tmp_path / 'out', folder, fractions=(0.2, 0.2, 0.6))


def test_known_photographs_are_not_decoded_again(
    folder, tmp_path, monkeypatch
):
  make(tmp_path / 'out', folder)
  truncate(folder / '0.jpg')
  (folder / '0.jpg').rename(folder / 'new.jpg')
  read = []
  monkeypatch.setattr(
      photographs_lib, '_why_broken', lambda one: read.append(one.name) or 'x'
  )
  assert make(tmp_path / 'out', folder)[0] == 5
  assert read == ['new.jpg']


def test_a_folder_inside_the_photographs_is_none_of_them(folder):
  out = folder / 'forged'
  assert make(out, folder)[0] == 6
  whole = contents(out)
  assert make(out, folder) == (6, [])
  linked = folder.parent / 'link'
  linked.symlink_to(folder)
  assert make(linked / 'forged', folder) == (6, [])
  assert contents(out).keys() == whole.keys()


def test_photographs_inside_the_folder_are_refused(tmp_path):
  out = tmp_path / 'out'
  folder = write_photographs(out / 'photographs', 6)
  before = contents(out)
  with pytest.raises(spec.DataError, match='did not write|no photograph'):
    make(out, folder)
  assert contents(out) == before


def test_a_folder_that_cannot_be_written_is_refused_first(
    folder, tmp_path, monkeypatch
):
  (tmp_path / 'file').write_text('')
  monkeypatch.setattr(photographs_lib, '_why_broken', None)
  with pytest.raises(spec.DataError, match='did not write'):
    make(tmp_path / 'file', folder)
  with pytest.raises(spec.DataError, match='Not a directory'):
    make(tmp_path / 'file/out', folder)
  mkdir = pathlib.Path.mkdir

  def refuse(path, **options):
    if path.name == 'closed':
      raise PermissionError(13, 'Permission denied', str(path))
    mkdir(path, **options)

  monkeypatch.setattr(pathlib.Path, 'mkdir', refuse)
  with pytest.raises(spec.DataError, match='Permission denied.*--out'):
    make(tmp_path / 'closed', folder)


@pytest.mark.parametrize(
    'changes',
    [
        {'seed': -1},
        {'seed': float('nan')},
        {'counts': (1, 1)},
        {'counts': (1, -1, 1)},
        {'counts': (1, 1.5, 1)},
        {'fractions': (float('nan'), 0.5, 0.5)},
        {'fractions': (float('inf'), 0.5, 0.5)},
        {'size': (96,)},
        {'size': (float('nan'), 128)},
        {'size': (128, 96)},
        {'workers': 0},
    ],
)
def test_bad_numbers_are_refused(folder, tmp_path, changes):
  with pytest.raises(spec.DataError):
    make(tmp_path / 'out', folder, **changes)
  assert not (tmp_path / 'out').exists()


def test_settings_are_those_of_older_versions(folder, tmp_path):
  make(tmp_path / 'out', folder)
  settings = json.loads((tmp_path / 'out' / synthetic.SETTINGS).read_text())
  assert list(settings) == ['version', 'seed', 'size', 'counts', 'photographs']
  assert settings['photographs'][0] == {
      'path': os.path.abspath(folder / '0.jpg'),
      'name': '0.jpg',
      'group': '0.jpg',
      'split': settings['photographs'][0]['split'],
  }


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"version": 2}'])
def test_damaged_settings_are_refused(tmp_path, text):
  (tmp_path / synthetic.SETTINGS).write_text(text)
  with pytest.raises(spec.DataError, match='no readable forge.json'):
    synthetic.find_records(tmp_path)


def test_a_damaged_line_is_named(folder, tmp_path):
  make(tmp_path / 'out', folder)
  path = tmp_path / 'out' / synthetic.HISTORIES
  lines = path.read_bytes().splitlines(keepends=True)
  lines[1] = b'\xff{\n'
  path.write_bytes(b''.join(lines))
  with pytest.raises(spec.DataError, match='Line 2 of .*histories.jsonl'):
    synthetic.find_records(tmp_path / 'out')


@pytest.mark.parametrize(
    'changes', [{'seed': -1}, {'index': -1}, {'index': 0.5}, {'size': (9, 99)}]
)
def test_the_sequence_refuses_bad_numbers(changes):
  arguments = {'seed': 0, 'index': 0, **changes}
  with pytest.raises(spec.DataError):
    sequence.generate(photographs_lib.packaged(), **arguments)


def test_originals_are_resumed_and_kept_to(folder, tmp_path):
  out, plain = tmp_path / 'out', tmp_path / 'plain'
  make(out, folder, keep_originals=True)
  whole = contents(out)
  make(plain, folder)
  for name, content in contents(plain).items():
    if name != synthetic.SETTINGS:
      assert whole[name] == content
  path = out / synthetic.HISTORIES
  path.write_text(''.join(path.read_text().splitlines(keepends=True)[:2]))
  for kept in (synthetic.ORIGINALS, synthetic.CHANGED):
    names = {name.split('/')[1] for name in whole if name.startswith(kept)}
    assert len(names) == 6
    (out / kept / sorted(names)[-1]).unlink()
  make(out, folder, keep_originals=True)
  assert contents(out) == whole
  with pytest.raises(spec.DataError, match='other keep_originals'):
    make(out, folder)
  forged, untouched = [], []
  for record in synthetic.find_records(out)[0]:
    (forged if record.mask else untouched).append(record)
  assert [record.image_id for record in forged] == [
      record.image_id for record in synthetic.find_records(plain)[0]
  ]
  # The untouched host of each is an image without a mask, in the same split.
  for one, other in zip(forged, untouched, strict=True):
    assert other.image_id == one.image_id + '_original'
    assert (other.split, other.group) == (one.split, one.group)
    assert other.manipulation == 'none'
    assert other.image.parent.name == synthetic.ORIGINALS


def test_forgeries_of_a_level_have_no_originals(folder, tmp_path):
  with pytest.raises(ValueError, match='no originals'):
    make(tmp_path / 'out', folder, level=0.5, keep_originals=True)


def test_splits_do_not_repeat_each_others_choices(folder, tmp_path):
  make(tmp_path / 'out', folder)
  lines = synthetic.read_histories(tmp_path / 'out')
  assert sorted(line['index'] for line in lines) == list(range(6))
