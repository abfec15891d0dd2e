"""NIST16: the reference table, its dialects and the real one."""

import collections
import csv
import shutil

import numpy as np
import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec


def find(root):
  return datasets.get('nist16').find_records(root)


def rows(yes='Y', no='N'):
  """Two forgeries of one base, their control, and a stranger."""
  kinds = {'Removal': 0, 'Splice': 1}
  found = []
  for probe, kind, base, control in (
      ('0001', 'Removal', 'world/b.jpg', 'probe/0003.jpg'),
      ('0002', 'Splice', 'world/b.jpg', ''),
      ('0003', '', '', ''),
      ('0004', '', '', ''),
  ):
    mask = f'reference/manipulation/mask/{probe}.png' if kind else ''
    found.append({
        'ProbeFileName': f'probe/{probe}.jpg',
        'ProbeMaskFileName': mask,
        'IsTarget': yes if kind else no,
        **{
            f'IsManipulationType{name}': yes if name == kind else no
            for name in (*kinds, 'CopyClone')
        },
        'BaseFileName': base,
        'CorrespondingControlFileName': control,
    })
  return found


@pytest.mark.parametrize(
    'dialect',
    [
        {},
        {'delimiter': ','},
        {'quoting': csv.QUOTE_ALL},
    ],
)
@pytest.mark.parametrize('words', [('Y', 'N'), ('True', 'False')])
def test_dialects_of_the_table(tmp_path, dialect, words):
  trees.nist16(tmp_path / 'NC2016_Test0613', rows(*words), **dialect)
  records, rejected = find(tmp_path)
  assert not rejected
  assert [record.manipulation for record in records] == [
      'removal', 'splice', 'none', 'none'
  ]
  assert [record.mask is None for record in records] == [0, 0, 1, 1]
  assert [record.group for record in records] == [
      'world/b.jpg', 'world/b.jpg', 'world/b.jpg', 'probe/0004.jpg'
  ]


def test_a_missing_file_is_listed(tmp_path):
  root = trees.nist16(tmp_path / 'nist', rows())
  (root / 'probe/0001.jpg').unlink()
  records, rejected = find(root)
  assert len(records) == 3 and len(rejected) == 1


@pytest.mark.parametrize('gone', ['reference', 'probe'])
def test_an_incomplete_tree_is_refused(tmp_path, gone):
  root = trees.nist16(tmp_path / 'nist', rows())
  shutil.rmtree(root / gone)
  with pytest.raises(spec.DataError, match='NC2016_Test0601.*--config'):
    find(root)


def test_a_table_without_its_columns_is_refused(tmp_path):
  short = [{**row} for row in rows()]
  for row in short:
    del row['BaseFileName']
  with pytest.raises(spec.DataError, match='BaseFileName'):
    find(trees.nist16(tmp_path / 'nist', short))


def rewrite(root, change):
  """Changes the lines of the table."""
  (path,) = root.glob('reference/manipulation/*.csv')
  path.write_text('\n'.join(change(path.read_text().splitlines())) + '\n')


def test_spaces_around_cells_do_not_matter(tmp_path):
  root = trees.nist16(tmp_path / 'nist', rows())
  before = find(root)
  rewrite(root, lambda lines: [one.replace('|', ' | ') for one in lines])
  assert find(root) == before


@pytest.mark.parametrize(
    'row, column',
    [
        ('a|b', 'IsTarget'),
        ('probe/0009.jpg||N|N|N|N', 'BaseFileName'),
        ('|mask.png|N|N|N|N||', 'ProbeFileName'),
        ('probe/0009.jpg| |Y|N|N|Y|world/c.jpg|', 'ProbeMaskFileName'),
    ],
)
def test_a_row_that_lacks_something_is_refused(tmp_path, row, column):
  root = trees.nist16(tmp_path / 'nist', rows())
  rewrite(root, lambda lines: [*lines, row])
  with pytest.raises(spec.DataError, match=f'Row 5 .* lacks .*{column}'):
    find(root)


def test_polarity():
  grey = np.array([[0, 255]], np.uint8)
  read = datasets.get('nist16').is_manipulated(grey)
  np.testing.assert_array_equal(read, [[True, False]])


@pytest.mark.parametrize(
    'release, delimiter',
    [('.', '|'), ('NC2016_Test0613', '|'), ('mine/nist', ',')],
)
def test_the_real_table(test_data, tmp_path, release, delimiter):
  """Empty files stand in for the probes, which may not be passed on."""
  table = 'reference/manipulation/NC2016-manipulation-ref.csv'
  root = tmp_path / release
  (root / 'probe').mkdir(parents=True)
  (root / 'reference/manipulation/mask').mkdir(parents=True)
  with open(test_data / 'nc2016' / table, newline='') as file:
    rows = list(csv.DictReader(file, delimiter='|'))
  with open(root / table, 'w', newline='') as file:
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
  for row in rows:
    (root / row['ProbeFileName']).touch()
    if row['ProbeMaskFileName']:
      (root / row['ProbeMaskFileName']).touch()
  records, rejected = find(tmp_path)
  forged = [record for record in records if record.mask]
  kinds = collections.Counter(record.manipulation for record in forged)
  assert not rejected and len(records) == 1124
  targets = {
      row['ProbeFileName']: (row['ProbeMaskFileName'], row['BaseFileName'])
      for row in rows
      if row['IsTarget'] == 'Y'
  }
  assert len(forged) == 564
  assert targets == {
      f'probe/{one.image.name}': (str(one.mask.relative_to(root)), one.group)
      for one in forged
  }
  assert kinds == {'splice': 288, 'removal': 208, 'copy-move': 68}
  assert len({record.mask for record in forged}) == 282
  assert len({record.group for record in forged}) == 69
