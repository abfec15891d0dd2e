"""Sets to score: all of their images, those for test, or those of a list."""

import json

import pytest
import trees

from manloc_jax.data import spec
from manloc_jax.evaluation import image_sets


@pytest.fixture
def root(tmp_path):
  rows = ['image,mask,split']
  for i, split in enumerate(('train', 'test', '', 'test')):
    trees.save(tmp_path / f'set/{i}.png', trees.photograph(i))
    rows.append(f'{i}.png,,{split}')
  (tmp_path / 'set/images.csv').write_text('\n'.join(rows))
  return tmp_path / 'set'


def ids(*args, **options) -> list[str]:
  opened = image_sets.open_set('folder', *args, **options)
  return [record.image_id for record in opened.records]


def test_splits(root, tmp_path):
  assert ids(root) == ['0', '1', '2', '3']
  assert ids(root, split='test') == ['1', '3']
  path = tmp_path / 'list.txt'
  path.write_text('3\n\n0\n')
  assert ids(root, split=str(path)) == ['0', '3']
  path.write_text(json.dumps({'parts': {'train': ['1'], 'test': ['2']}}))
  assert ids(root, split=str(path)) == ['2']


def test_the_split_of_a_run(tmp_path):
  root = trees.casia1(tmp_path / 'casia')
  opened = image_sets.open_set('casia1', root)
  some = opened.records[3].image_id
  chosen = image_sets.open_set(
      'casia1', root, split='test', choose_test=lambda records: {some, 'gone'}
  )
  assert [record.image_id for record in chosen.records] == [some]
  assert chosen.split == 'test' and opened.split == 'all'


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('7\n0\n', 'names 7 and 0 other images'),
        ('', 'names no image'),
        ('{"parts": {}}', 'is no split list'),
        ('{"parts": ', 'is no split list'),
        ('[1]', 'names'),
    ],
)
def test_lists_that_do_not_fit(text, words, root, tmp_path):
  path = tmp_path / 'list'
  path.write_text(text)
  with pytest.raises(spec.DataError, match=words):
    ids(root, split=str(path))


def test_refusals(root, tmp_path):
  with pytest.raises(spec.DataError, match='choose all,'):
    ids(root, split='tset')
  casia = trees.casia1(tmp_path / 'casia')
  with pytest.raises(spec.DataError, match='does not say which images'):
    image_sets.open_set('casia1', casia, split='test')
  (root / 'images.csv').write_text('image,mask\n')
  with pytest.raises(spec.DataError, match='There is no image of folder'):
    ids(root)
  with pytest.raises(spec.DataError):
    ids(tmp_path / 'nowhere')


def test_the_hash_of_the_inputs(root):
  opened = image_sets.open_set('folder', root)
  same = image_sets.open_set('folder', root, name='other')
  before = opened.inputs(None)
  assert before == same.inputs(None)
  trees.save(root / '2.png', trees.photograph(9)[:50])
  assert opened.inputs(None) != before
