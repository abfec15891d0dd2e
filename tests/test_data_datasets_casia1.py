"""CASIA v1: names, pairs and groups."""

import collections

import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec


def find(root):
  return datasets.get('casia1').find_records(root)


def test_pairs_by_name_and_joins_photographs(tmp_path):
  root = trees.casia1(tmp_path / 'casia', forged=0, authentic=2)
  stems = [
      trees.splice(root, 'ani0000', 'art0007', 1),
      trees.splice(root, 'art0007', 'sec0001', 2),
      trees.splice(root, 'pla0001', 'pla0001', 3),
  ]
  records, rejected = find(root)
  groups = {record.image_id: record.group for record in records}
  assert not rejected
  assert groups[stems[0]] == groups[stems[1]] == groups['Au_ani_0000']
  assert len(set(groups.values())) == 3
  for record in records:
    if record.mask:
      assert record.mask.stem == f'{record.image_id}_gt'


def test_an_odd_name_and_a_missing_mask_are_listed(tmp_path):
  root = trees.casia1(tmp_path / 'casia', forged=3)
  lonely = trees.splice(root, 'ani0090', 'art0090', 90)
  (root / 'Gt/Sp' / f'{lonely}_gt.png').unlink()
  (root / 'Tp/Sp/holiday.jpg').write_bytes(b'')
  (root / 'Tp/Sp/Thumbs.db').write_bytes(b'')
  records, rejected = find(root)
  assert lonely not in {record.image_id for record in records}
  assert sorted(one.reason.split(' ')[0] for one in rejected) == [
      'its', 'there'
  ]


def test_a_dot_before_the_last_number(tmp_path):
  root = trees.casia1(tmp_path / 'casia', forged=1, authentic=0)
  for path in [*root.glob('Tp/Sp/*'), *root.glob('Gt/Sp/*')]:
    path.rename(path.with_name(path.name.replace('_0000', '.0000')))
  (record,), rejected = find(root)
  assert record.image_id.endswith('.0000') and not rejected


def test_an_empty_root_is_refused(tmp_path):
  with pytest.raises(spec.DataError, match='--config.data.root='):
    find(tmp_path)


def test_the_real_tree(test_data):
  records, rejected = find(test_data / 'casia1')
  kinds = collections.Counter(record.manipulation for record in records)
  assert kinds == {'none': 634, 'splice': 360, 'copy-move': 330}
  assert [one.path.split('/')[-1] for one in rejected] == [
      'Sp_D_NRN_A_sce0011_cha0011_0542.jpg'
  ]
  assert len({record.image_id for record in records}) == len(records)
