"""Audits of every dataset's tree, broken in every way."""

import dataclasses
import json
import os
import shutil

import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.audit import audit
from manloc_jax.data.audit import checks
from manloc_jax.data.audit import leakage
from manloc_jax.data.datasets import nist16


def look(dataset, root, **options):
  audited = audit.audit(dataset, root, workers=1, **options)
  return {check.name: check for check in audited.checks}


def pixels(path):
  with Image.open(path) as image:
    return image.convert('RGB')


def rewrite(path, mode, form, **options):
  # Whatever the name of the file says: readers go by its content.
  pixels(path).convert(mode).save(path, form, **options)


def orientation(value):
  exif = Image.Exif()
  exif[0x0112] = value
  return exif


def invert(path):
  Image.fromarray(255 - np.asarray(pixels(path))).save(path, 'PNG')


def shrink(path):
  image = pixels(path)
  image.resize((image.width // 2, image.height)).save(path, 'PNG')


def turn(path):
  """Stores an image on its side, with the tag that sets it upright."""
  turned = pixels(path).transpose(Image.Transpose.ROTATE_90)
  turned.save(path, 'PNG', exif=orientation(6))


def fill(path, value):
  Image.new('L', pixels(path).size, value).save(path, 'PNG')


# What is done to an image, its mask and another image; the check that tells;
# how it ends.
BREAKS = {
    'missing mask': (lambda i, m, o: m.unlink(), 'pairing', checks.WRONG),
    'swapped polarity': (lambda i, m, o: invert(m), 'polarity', checks.NOTE),
    'size of mask': (lambda i, m, o: shrink(m), 'sizes', checks.WRONG),
    'size of image': (lambda i, m, o: shrink(i), 'sizes', checks.WRONG),
    'duplicate': (
        lambda i, m, o: shutil.copy(o, i),
        'duplicate images',
        checks.WRONG,
    ),
    'alpha': (
        lambda i, m, o: rewrite(i, 'RGBA', 'PNG'),
        'conversions',
        checks.NOTE,
    ),
    'palette': (
        lambda i, m, o: rewrite(i, 'P', 'PNG'),
        'conversions',
        checks.NOTE,
    ),
    'CMYK': (
        lambda i, m, o: rewrite(i, 'CMYK', 'JPEG'),
        'conversions',
        checks.NOTE,
    ),
    'sixteen bits': (
        lambda i, m, o: rewrite(i, 'I;16', 'PNG'),
        'conversions',
        checks.NOTE,
    ),
    'orientation': (
        lambda i, m, o: rewrite(i, 'RGB', 'JPEG', exif=orientation(3)),
        'orientation',
        checks.NOTE,
    ),
    'turned image': (lambda i, m, o: turn(i), 'orientation', checks.WRONG),
    'truncated image': (
        lambda i, m, o: i.write_bytes(i.read_bytes()[:-3000]),
        'readable',
        checks.WRONG,
    ),
    'truncated mask': (
        lambda i, m, o: m.write_bytes(m.read_bytes()[: m.stat().st_size // 2]),
        'readable',
        checks.WRONG,
    ),
    'no image': (
        lambda i, m, o: i.write_text('<html>404</html>'),
        'readable',
        checks.WRONG,
    ),
    'mask of nothing': (
        lambda i, m, o: (fill(m, 0), invert(m))[0],
        'masks',
        checks.WRONG,
    ),
}


SEVERITY = (checks.OK, checks.NOTE, checks.WRONG)


@pytest.fixture(scope='module', params=sorted(trees.MAKERS))
def good(request, tmp_path_factory):
  """A dataset's tree, which may be irregular itself, and its audit."""
  root = tmp_path_factory.mktemp(request.param) / 'tree'
  trees.MAKERS[request.param](root)
  return request.param, root, look(request.param, root)


def named(record, root):
  """Returns the names of an image in an audit: its files and its id."""
  names = {str(path.relative_to(root)) for path in (record.image, record.mask)}
  return {*names, record.image_id}


def victims(dataset, root, before):
  """Returns two sound forged images, of two photographs."""
  odd = ' '.join(
      item
      for check in before.values()
      if check.name not in ('photographs', 'shared masks', 'duplicate images')
      for item in check.items
  )
  records, _ = datasets.get(dataset).find_records(root)
  sound = [
      record
      for record in records
      if record.mask and not any(name in odd for name in named(record, root))
  ]
  return sound[0], next(one for one in sound if one.group != sound[0].group)


@pytest.mark.parametrize('name', BREAKS)
def test_every_break_is_seen(good, name, tmp_path):
  dataset, origin, before = good
  root = shutil.copytree(origin, tmp_path / 'tree')
  victim, other = victims(dataset, root, before)
  spoil, check, status = BREAKS[name]
  spoil(victim.image, victim.mask, other.image)
  after, sound = look(dataset, root)[check], before[check]
  new = set(after.items) - set(sound.items)
  assert any(one in item for item in new for one in named(victim, root)), new
  # An odd tree may have been worse already, but never gets better.
  assert after.status == max(status, sound.status, key=SEVERITY.index)


def test_swapped_polarity_of_all_is_wrong(good, tmp_path):
  dataset, origin, before = good
  root = shutil.copytree(origin, tmp_path / 'tree')
  records, _ = datasets.get(dataset).find_records(root)
  for path in {record.mask for record in records if record.mask}:
    invert(path)
  assert before['polarity'].status == checks.OK
  assert look(dataset, root)['polarity'].status == checks.WRONG


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia', forged=16)


def test_a_good_tree_has_nothing_wrong(tree, monkeypatch):
  publish(monkeypatch, manipulated=16, pristine=2)
  audited = audit.audit('casia1', tree, workers=1)
  assert not audited.is_wrong
  assert {check.status for check in audited.checks} == {checks.OK}
  assert (audited.manipulated, audited.pristine) == (16, 2)


def publish(monkeypatch, **published):
  changed = dataclasses.replace(datasets.get('casia1'), published=published)
  monkeypatch.setitem(datasets.DATASETS, 'casia1', changed)


def test_counts_are_compared(tree, monkeypatch):
  publish(monkeypatch, manipulated=921)
  check = look('casia1', tree)['counts']
  assert check.status == checks.WRONG
  assert check.items == ['16 manipulated images were found, 921 were published']


def test_masks_without_an_image_are_listed(tree, tmp_path):
  image = next(tree.glob('Tp/Sp/*'))
  image.unlink()
  (orphan,) = look('casia1', tree)['pairing'].items
  assert f'Gt/Sp/{image.stem}_gt.png' in orphan
  # Where a table names the files, others do no harm.
  nimble = trees.nist16(tmp_path / 'nimble')
  shutil.copy(next(nimble.glob('probe/*')), nimble / 'probe/stranger.jpg')
  check = look('nist16', nimble)['unused files']
  assert check.items == ['probe/stranger.jpg'] and check.status == checks.NOTE


# What else lies in the sets as they are published.
OTHERS = {
    'columbia': '4cam_auth/edgemask/canong3_02_sub_01_edgemask.jpg',
    'comofod': '001_M.png',
    'coverage': 'mask/1copy.tif',
    'dso1': 'tifs-database/DSI-1/normal-1.jpg',
    'ifs': 'dataset-dist/phase-01/test/a.png',
    'nist16': 'world/NC2016_0001.jpg',
}


@pytest.mark.parametrize('name', trees.MAKERS)
def test_files_that_a_set_knows_are_not_noted(name, tmp_path):
  root = trees.MAKERS[name](tmp_path / 'set')
  before = look(name, root, names_only=True)
  assert before['unused files'].items == [], name
  dataset = datasets.get(name)
  assert bool(dataset.others) == (name in OTHERS)
  if name in OTHERS:
    trees.save(root / OTHERS[name], trees.photograph(99))
    after = look(name, root, names_only=True)
    assert after['unused files'] == before['unused files']
    assert after['pairing'] == before['pairing']


def test_files_that_the_table_of_nist_names_are_not_noted(tmp_path):
  root = trees.nist16(tmp_path / 'set')
  (root / 'probe/NC2016_0000.jpg').unlink()
  trees.save(root / 'reference/splice/mask/a.png', trees.region(0))
  trees.save(root / 'reference/manipulation/mask/b.png', trees.region(0))
  items = look('nist16', root)['unused files'].items
  assert items == ['reference/manipulation/mask/b.png']


def test_the_edge_masks_of_columbia_are_not_noted(test_data):
  audited = look('columbia', test_data / 'cases/columbia')
  assert audited['unused files'].status == checks.OK


def test_unreadable_folders_are_noted(tmp_path, monkeypatch):
  root = trees.nist16(tmp_path / 'set')
  (root / 'closed').mkdir()
  scandir = os.scandir

  def refuse(path):
    if os.path.basename(path) == 'closed':
      raise PermissionError(13, 'Permission denied', os.fspath(path))
    return scandir(path)

  records = nist16.DATASET.find_records(root)
  changed = dataclasses.replace(
      nist16.DATASET, find_records=lambda _: records, list_records=None
  )
  monkeypatch.setitem(datasets.DATASETS, 'nist16', changed)
  monkeypatch.setattr(os, 'scandir', refuse)
  check = look('nist16', root, names_only=True)['unused files']
  assert check.items == ['closed cannot be read (Permission denied)']


def test_workers_do_not_change_the_outcome(tree):
  one = audit.audit('casia1', tree, workers=1)
  assert audit.audit('casia1', tree, workers=2) == one
  assert json.loads(json.dumps(audit.to_json(one)))['is_wrong'] is one.is_wrong


def test_the_real_nimble_from_its_table_alone(test_data, tmp_path):
  """FIELD: 564 images, 282 masks, 69 photographs; leaks of 99.5 % and 65.2 %"""
  table = 'reference/manipulation/NC2016-manipulation-ref.csv'
  (tmp_path / table).parent.mkdir(parents=True)
  shutil.copy(test_data / 'nc2016' / table, tmp_path / table)
  choice = leakage.SplitChoice(num_seeds=40)
  audited = audit.audit('nist16', tmp_path, choice=choice, names_only=True)
  assert (audited.manipulated, audited.pristine) == (564, 560)
  by_name = {check.name: check for check in audited.checks}
  assert '564 images have 282 different' in by_name['shared masks'].text
  assert 'from 69 photographs' in by_name['photographs'].text
  fractions = audited.split['shares_of_test_in_training']
  assert abs(fractions['group'] - 0.995) < 0.005
  assert abs(fractions['mask'] - 0.652) < 0.02
  assert not audited.is_wrong
  # The same unasked, but then the absence of the images is a fault.
  audited = audit.audit('nist16', tmp_path)
  assert audited.names_only and audited.checks[0].status == checks.WRONG


def test_no_tree_is_refused(tmp_path):
  with pytest.raises(spec.DataError, match='CASIA v1.0 must lie'):
    audit.audit('casia1', tmp_path)
