"""The embedded demo: disjoint photographs, repeatable files."""

import collections

import cv2
import numpy as np
import pytest

from manloc_jax.data import spec
from manloc_jax.data.datasets import demo
from manloc_jax.data.forge import bundled
from manloc_jax.data.forge import plain


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """A seventh of the demo, made once; 7 goes round all kinds and hosts."""
  todo = demo.tasks()[::7]
  folder = tmp_path_factory.mktemp('demo') / 'tree'
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(demo, 'tasks', lambda: todo)
    demo.synthesize(folder)
    yield folder


def _bytes(root):
  return {
      str(p.relative_to(root)): p.read_bytes()
      for p in sorted(root.rglob('*'))
      if p.is_file()
  }


def test_records_name_files_that_exist(root):
  records, rejected = demo.DATASET.find_records(root)
  assert len(records) == len({r.image_id for r in records}) > 50
  assert not rejected
  for record in records:
    assert record.image.exists() and record.mask.exists()


def test_photographs_are_on_one_side():
  sides = collections.defaultdict(set)
  for photograph in bundled.PHOTOGRAPHS:
    sides[photograph.group].add(photograph.split)
  assert all(len(splits) == 1 for splits in sides.values())
  assert {s for splits in sides.values() for s in splits} == set(spec.SPLITS)


def test_donors_come_from_the_side_of_the_host(monkeypatch):
  loaded = []

  def load(photograph, load=bundled.load):
    loaded.append(photograph)
    return load(photograph)

  monkeypatch.setattr(bundled, 'load', load)
  for task in demo.tasks()[::3]:
    loaded.clear()
    demo.make(task)
    host, donor = loaded
    assert host.split == donor.split and host.group != donor.group


def test_every_split_holds_every_manipulation(root):
  records, _ = demo.find_records(root)
  kinds = collections.defaultdict(set)
  for record in records:
    kinds[record.split].add(record.manipulation)
  assert kinds == {s: set(plain.MANIPULATIONS) for s in spec.SPLITS}


def test_masks_fit_their_images(root):
  records, _ = demo.find_records(root)
  for record in records[::5]:
    image = cv2.imread(str(record.image), cv2.IMREAD_COLOR)
    mask = cv2.imread(str(record.mask), cv2.IMREAD_UNCHANGED)
    assert image.shape[:2] == mask.shape
    assert min(mask.shape) >= 256 and max(mask.shape) <= 512
    assert set(np.unique(mask)) == {0, 255}
    fraction = demo.DATASET.is_manipulated(mask).mean()
    assert 0.005 < fraction < 0.5


def test_a_second_call_writes_nothing(root):
  before = (root / 'version.txt').stat().st_mtime_ns
  demo.find_records(root)
  assert (root / 'version.txt').stat().st_mtime_ns == before


def test_the_bytes_do_not_depend_on_the_workers(tmp_path):
  todo = demo.tasks()[::10]
  demo.synthesize(tmp_path / 'one', todo, workers=1)
  demo.synthesize(tmp_path / 'two', todo, workers=2)
  assert _bytes(tmp_path / 'one') == _bytes(tmp_path / 'two')
  assert [p.name for p in tmp_path.iterdir() if p.name[0] == '.'] == []


def test_another_version_is_made_again(tmp_path, monkeypatch):
  todo = demo.tasks()[:1]
  demo.synthesize(tmp_path / 'demo', todo, workers=1)
  monkeypatch.setattr(demo, 'tasks', lambda: todo)
  monkeypatch.setattr(demo, 'VERSION', 'a later one')
  demo.find_records(tmp_path / 'demo')
  assert (tmp_path / 'demo' / 'version.txt').read_text() == 'a later one'


def test_a_folder_of_others_is_not_touched(tmp_path):
  (tmp_path / 'holiday.jpg').write_text('mine')
  with pytest.raises(spec.DataError, match='did not write'):
    demo.find_records(tmp_path)
  assert (tmp_path / 'holiday.jpg').read_text() == 'mine'


def test_a_missing_package_is_named():
  photograph = bundled.Photograph('x', 'train', 'no_such_package', 'x.png')
  with pytest.raises(spec.DataError, match='no_such_package'):
    bundled.locate(photograph)
