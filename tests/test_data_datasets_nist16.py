"""NIST16: the reference table, its dialects and the real one."""

import collections
import csv
import shutil

import numpy as np
import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.audit import audit


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


def test_case_does_not_matter(tmp_path):
  root = trees.nist16(tmp_path / 'nist', rows())
  before, _ = find(root)
  (root / 'probe').rename(root / 'Probe')
  for path in [*root.glob('Probe/*'), *root.glob('*/*/mask/*')]:
    path.rename(path.with_name(path.name.upper()))
  _, _, is_absent = audit.find('nist16', root, names_only=False)
  assert not is_absent
  after, rejected = find(root)
  assert not rejected
  # The table names an image, and the file is the one that is there.
  assert [(one.image_id, one.group) for one in after] == [
      (one.image_id, one.group) for one in before
  ]
  assert after[0].image == root / 'Probe/0001.JPG'
  assert after[0].mask.name == '0001.PNG'


def test_of_two_files_the_very_name_counts_or_none(tmp_path):
  root = trees.nist16(tmp_path / 'nist', rows())
  for name in ('0001.JPG', '0002.JPG', '0002.Jpg'):
    (root / 'probe' / name).touch()
  (root / 'probe/0002.jpg').unlink()
  records, (rejected,) = find(root)
  assert records[0].image.name == '0001.jpg'
  assert rejected.path.endswith('probe/0002.jpg')


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


def expected(path):
  """The table of probes, read without any code of the package."""
  header, *lines = path.read_text().splitlines()
  told = [
      dict(zip(header.split('|'), line.split('|'), strict=True))
      for line in lines
  ]
  kinds = {
      'IsManipulationTypeRemoval': 'removal',
      'IsManipulationTypeSplice': 'splice',
      'IsManipulationTypeCopyClone': 'copy-move',
  }
  scenes = {
      row['CorrespondingControlFileName']: row['BaseFileName']
      for row in told
      if row['CorrespondingControlFileName']
  }
  for row in told:
    probe = row['ProbeFileName']
    if row['IsTarget'] == 'Y':
      (kind,) = (kinds[column] for column in kinds if row[column] == 'Y')
      yield probe, row['ProbeMaskFileName'], row['BaseFileName'], kind
    else:
      yield probe, None, scenes.get(probe, probe), 'none'


@pytest.mark.parametrize(
    'release, delimiter',
    [('.', '|'), ('NC2016_Test0613', '|'), ('mine/nist', ',')],
)
def test_the_real_table(test_data, tmp_path, release, delimiter):
  """Uses empty files for the probes, which may not be redistributed."""
  table = 'reference/manipulation/NC2016-manipulation-ref.csv'
  real = test_data / 'nc2016' / table
  root = tmp_path / release
  (root / 'probe').mkdir(parents=True)
  (root / 'reference/manipulation/mask').mkdir(parents=True)
  # No cell holds a comma.
  text = real.read_text().replace('|', delimiter)
  (root / table).write_text(text)
  wanted = list(expected(real))
  for probe, mask, *_ in wanted:
    (root / probe).touch()
    if mask:
      (root / mask).touch()
  records, rejected = find(tmp_path)
  assert not rejected and len(wanted) == 1124
  assert wanted == [
      (
          one.image.relative_to(root).as_posix(),
          one.mask and one.mask.relative_to(root).as_posix(),
          one.group,
          one.manipulation,
      )
      for one in records
  ]
  forged = [record for record in records if record.mask]
  kinds = collections.Counter(record.manipulation for record in forged)
  assert kinds == {'splice': 288, 'removal': 208, 'copy-move': 68}
  assert len({record.mask for record in forged}) == 282
  assert len({record.group for record in forged}) == 69
