"""Tables and lists from other systems: separators, byte order marks, ends."""

import json
import os

import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.listing import csv_tables
from manloc_jax.data.splits import options
from manloc_jax.data.splits import split_list
from manloc_jax.evaluation import image_sets


def find(name, root):
  return datasets.get(name).find_records(root)


def from_windows(text):
  return text.replace('/', '\\')


def test_the_table_of_the_case(test_data):
  records, rejected = find('folder', test_data / 'cases/csv_backslash')
  assert (len(records), rejected) == (12, [])
  assert records[0].image_id == 'pics/im 0,a'


@pytest.mark.parametrize('bom', ['', '\ufeff'])
@pytest.mark.parametrize('end', ['\n', '\r\n'])
@pytest.mark.parametrize('separate', [str, from_windows])
def test_tables_of_every_system_say_the_same(tmp_path, bom, end, separate):
  root = trees.folder(tmp_path / 'own')
  rows = (
      'image,mask',
      separate('images/1.JPG,masks/1.png'),
      separate('images/2.JPG') + ',masks/2.png',  # Mixed.
      separate('images/../images/4.JPG,'),
  )
  text = bom + end.join((*rows, ''))
  (root / 'images.csv').write_bytes(text.encode())
  records, rejected = find('folder', root)
  assert not rejected
  assert [(r.image_id, r.group, r.mask and r.mask.name) for r in records] == [
      ('images/1', 'images/1.JPG', '1.png'),
      ('images/2', 'images/2.JPG', '2.png'),
      ('images/../images/4', 'images/../images/4.JPG', None),
  ]


def test_a_backslash_may_be_a_letter_of_a_name(tmp_path):
  trees.save(tmp_path / 'a\\b.png', trees.photograph(0))
  trees.save(tmp_path / 'a/b.png', trees.photograph(1))
  trees.save(tmp_path / 'a/c.png', trees.photograph(2))
  text = 'image,mask\na\\b.png,\na\\c.png,\n'
  (tmp_path / 'images.csv').write_text(text)
  records, rejected = find('folder', tmp_path)
  assert not rejected
  assert [record.image for record in records] == [
      tmp_path / 'a\\b.png', tmp_path / 'a/c.png'
  ]


def test_files_elsewhere_are_named_in_full_or_from_the_table(tmp_path):
  trees.save(tmp_path / 'elsewhere/a.png', trees.photograph(0))
  root = tmp_path / 'own'
  root.mkdir()
  rows = (
      'image,mask',
      f'{tmp_path}/elsewhere/a.png,',
      '..\\elsewhere\\a.png,',
      'C:\\pictures\\a.png,',
  )
  (root / 'images.csv').write_text('\n'.join(rows))
  records, (gone,) = find('folder', root)
  image = tmp_path / 'elsewhere/a.png'
  assert [one.image.resolve() for one in records] == [image, image]
  assert 'there is no file' in gone.reason


def test_tables_that_are_no_text_are_refused(tmp_path):
  path = tmp_path / 'images.csv'
  path.write_text('image,mask\n', encoding='utf-16')
  with pytest.raises(spec.DataError, match='is no table .*UTF-8'):
    csv_tables.read(path, ('image',))


def test_the_table_of_nist_may_have_backslashes(tmp_path):
  rows = trees.nimble_rows()
  plain = trees.nist16(tmp_path / 'plain', rows)
  expected, _ = find('nist16', plain)
  (table,) = plain.rglob('*.csv')
  lines = table.read_text().splitlines()
  lines[1::2] = [line.replace('/', '\\') for line in lines[1::2]]
  table.write_text('\ufeff' + '\r\n'.join(lines))
  assert find('nist16', plain) == (expected, [])


def test_a_split_list_may_have_backslashes(tmp_path):
  records = [
      spec.Record(f'a/{i}', tmp_path, None, str(i), 'none') for i in range(9)
  ]
  odd = spec.Record('b\\c', tmp_path, None, 'b', 'none')
  content = split_list.make(
      'folder', [*records, odd], rule='random', seed=0,
      fractions=options.FRACTIONS,
  )
  path = tmp_path / 'split.json'
  expected = content['parts']
  del content['digest']
  content['parts'] = {
      part: [one.replace('/', '\\') for one in ids]
      for part, ids in expected.items()
  }
  path.write_text(json.dumps(content), encoding='utf-8-sig')
  listed = split_list.read(path, 'folder')
  assert split_list.fit(listed, records, [*records, odd]) == expected
  listed['train'].append(expected['test'][0])
  with pytest.raises(spec.DataError, match='in train and in test|once'):
    split_list.fit(listed, records, [*records, odd])


def _table(root, *rows):
  root.mkdir()
  picture = np.zeros((80, 80, 3), np.uint8)
  for place in (root, root.parent):
    for name in ('a.png', 'm.png'):
      Image.fromarray(picture).save(place / name)
  (root / 'images.csv').write_text('\n'.join(('image,mask', *rows)))
  return root


@pytest.mark.parametrize(
    'row', ['../a.png,m.png', 'a.png,../m.png', '{}/a.png,', 'x/../../a.png,']
)
def test_a_table_names_no_file_elsewhere(row, tmp_path, capsys):
  """One from a stranger could name any image of this machine."""
  root = _table(tmp_path / 'set', row.format(tmp_path))
  (root / 'x').mkdir()
  with pytest.raises(spec.DataError, match='outside of it; give --allow'):
    datasets.find_records('folder', root)
  (record,), _ = datasets.find_records('folder', root, allow_outside=True)
  assert record.image.is_file()
  with pytest.raises(spec.DataError, match='outside'):
    image_sets.open_set('folder', root)
  assert image_sets.open_set('folder', root, allow_outside=True).records
  for command in ('audit', 'split', 'prepare', 'evaluate'):
    flags = [f'--out={tmp_path / command}', 'folder', str(root)]
    if command == 'audit':
      flags = flags[1:]
    elif command == 'evaluate':
      flags = [flags[0], '--method=ela', f'--data=folder={root}']
    assert cli.main([command, *flags]) == 2
    assert 'outside' in capsys.readouterr().err


def test_links_in_the_root_are_the_users_own(tmp_path):
  root = _table(tmp_path / 'set', 'link.png,')
  (root / 'link.png').symlink_to(tmp_path / 'a.png')
  assert len(datasets.find_records('folder', root)[0]) == 1


def test_a_table_is_a_file(tmp_path):
  os.mkfifo(tmp_path / 'images.csv')
  with pytest.raises(OSError, match='no regular file'):
    csv_tables.read(tmp_path / 'images.csv', ())
