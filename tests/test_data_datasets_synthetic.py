"""Trees of forgeries: bytes, interruptions and refusals."""

import errno
import json
import multiprocessing

from forged_trees import COUNTS
from forged_trees import write
import pytest

from manloc_jax.data import spec
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import tree


def contents(root):
  return {
      str(path.relative_to(root)): path.read_bytes()
      for path in sorted(root.rglob('*'))
      if path.is_file()
  }


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp('synthetic') / 'tree'
  write(root, workers=1)
  return root


def test_trees_do_not_depend_on_workers_or_interruptions(root, tmp_path):
  other = tmp_path / 'other'
  write(other, workers=2)
  assert contents(other) == contents(root)
  # As a kill leaves it: files without a line, and half a line.
  path = other / synthetic.HISTORIES
  lines = path.read_text().splitlines(keepends=True)
  path.write_text(''.join(lines[:4]) + lines[4][:20])
  (other / 'images' / 'a.jpg.1.tmp').write_text('half')
  write(other, workers=1)
  assert contents(other) == contents(root)


def test_a_tree_reads_as_a_dataset(root):
  records, rejected = synthetic.DATASET.find_records(root)
  assert not rejected
  by_split = {s: [r for r in records if r.split == s] for s in spec.SPLITS}
  assert tuple(len(found) for found in by_split.values()) == COUNTS
  used = {}
  for line in synthetic.read_histories(root):
    for name in line['photographs'].values():
      assert used.setdefault(name, line['split']) == line['split']


def test_other_settings_and_foreign_folders_are_refused(root, tmp_path):
  with pytest.raises(spec.DataError, match='other seed'):
    write(root, seed=2)
  (tmp_path / 'mine.txt').write_text('')
  for _ in range(2):
    with pytest.raises(spec.DataError, match='did not write'):
      write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']
  with pytest.raises(spec.DataError, match='no forgeries'):
    synthetic.find_records(tmp_path)
  with pytest.raises(spec.DataError, match='short sides'):
    write(tmp_path / 'new', size=(300, 200))


def test_a_start_that_failed_can_be_repeated(root, tmp_path, monkeypatch):
  def fail(path, text):
    raise OSError(errno.ENOSPC, 'No space left on device', str(path))

  for name in ('images', 'masks'):  # As older versions began.
    (tmp_path / 'tree' / name).mkdir(parents=True)
  (tmp_path / 'tree' / f'{synthetic.SETTINGS}.1.tmp').write_text('{')
  with monkeypatch.context() as patch:
    patch.setattr(tree.files, 'write_text', fail)
    with pytest.raises(spec.DataError, match='is full'):
      write(tmp_path / 'tree', workers=1)
  write(tmp_path / 'tree', workers=1)
  assert contents(tmp_path / 'tree') == contents(root)


def test_of_two_starters_one_waits(root, tmp_path):
  spawn = multiprocessing.get_context('spawn')
  starters = [
      spawn.Process(target=write, args=(tmp_path,), kwargs={'workers': 1})
      for _ in range(2)
  ]
  for starter in starters:
    starter.start()
  for starter in starters:
    starter.join()
  assert [starter.exitcode for starter in starters] == [0, 0]
  assert contents(tmp_path) == contents(root)


def test_an_unfinished_tree_is_refused(root, tmp_path):
  write(tmp_path / 'tree', workers=1, counts=(1, 1, 1))
  path = tmp_path / 'tree' / synthetic.HISTORIES
  lines = path.read_text().splitlines(keepends=True)
  path.write_text(''.join(lines[:2]))
  with pytest.raises(spec.DataError, match='2 of 3'):
    synthetic.find_records(tmp_path / 'tree')


def test_photographs_that_have_gone_are_named(root, tmp_path):
  write(tmp_path / 'tree', workers=1, counts=(1, 1, 1))
  path = tmp_path / 'tree' / synthetic.SETTINGS
  settings = json.loads(path.read_text())
  settings['photographs'][0]['path'] = '/nowhere/a.jpg'
  path.write_text(json.dumps(settings))
  with pytest.raises(spec.DataError, match='/nowhere/a.jpg, which is gone'):
    tree.listed(tmp_path / 'tree', settings['photographs'][0]['split'])
