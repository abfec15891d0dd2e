"""Split lists: what is written is used, and what does not fit is refused."""

import json

import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import split_list
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage.prepared_set import PreparedSet

FRACTIONS = (0.5, 0.25, 0.25)


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia')


@pytest.fixture
def content(tree):
  records, _ = datasets.get('casia1').find_records(tree)
  records = [record for record in records if record.mask]
  made = split_list.make(
      'casia1', records, rule='random', seed=1, fractions=FRACTIONS
  )
  return json.loads(json.dumps(made))


def prepare(tree, tmp_path, content):
  path = tmp_path / 'split.json'
  split_list.write(path, content)
  return trees.prepared(
      tree, tmp_path / 'out', split_rule='list', split_list=path
  )


def test_a_list_names_its_parts(tree, tmp_path, content):
  folder = prepare(tree, tmp_path, content)
  for name in spec.SPLITS:
    assert PreparedSet.open(folder).image_ids(name) == content['parts'][name]
  made = manifest.read(folder)
  assert made['split_digest'] == content['digest']
  assert made['settings']['split_list'] == content['digest']
  # The same images in other parts are another set.
  parts = content['parts']
  parts['train'][0], parts['test'][0] = parts['test'][0], parts['train'][0]
  del content['digest']
  assert prepare(tree, tmp_path, content) != folder


def test_images_that_cannot_be_used_drop_out(tree, tmp_path, content):
  stem = content['parts']['train'].pop()
  content['parts']['train'].append(stem)
  (tree / 'Tp/Sp' / f'{stem}.jpg').write_text('x')
  folder = prepare(tree, tmp_path, content)
  ids = PreparedSet.open(folder).image_ids('train')
  assert ids == content['parts']['train'][:-1]


def test_a_list_may_name_images_that_are_not_asked_for(
    tree, tmp_path, content
):
  content['parts']['val'].append('Au_ani_1000')
  (tree / 'Au/Au_ani_0000.jpg').rename(tree / 'Au/Au_ani_1000.jpg')
  del content['digest']
  prepare(tree, tmp_path, content)


def repeat(content):
  content['parts']['val'].append(content['parts']['train'][0])


@pytest.mark.parametrize(
    'spoil, words',
    [
        (repeat, 'in train and in val'),
        (lambda c: c['parts']['val'].append('stranger'), 'image stranger, not'),
        (lambda c: c['parts']['train'].pop(), 'lacks the image Sp_D'),
        (lambda c: c['parts'].pop('val'), 'no split list'),
        (lambda c: c.pop('parts'), 'no split list'),
        (lambda c: c.update(dataset='nist16'), 'nist16, not casia1'),
    ],
)
def test_what_does_not_fit_is_refused(tree, tmp_path, content, spoil, words):
  del content['digest']
  spoil(content)
  with pytest.raises(spec.DataError, match=words) as refusal:
    prepare(tree, tmp_path, content)
  assert '\n' not in str(refusal.value)


def test_a_changed_list_is_refused(tree, tmp_path, content):
  content['parts']['val'].append(content['parts']['train'].pop())
  with pytest.raises(spec.DataError, match='was changed'):
    prepare(tree, tmp_path, content)


@pytest.mark.parametrize('text', ['', '[]', '"x"', '{"parts": 3}'])
def test_other_files_are_refused(tmp_path, text):
  path = tmp_path / 'split.json'
  path.write_text(text)
  with pytest.raises(spec.DataError, match='no split list'):
    split_list.read(path, 'casia1')


@pytest.mark.parametrize('path', [None, '/nowhere/split.json'])
def test_an_absent_file_is_refused(path):
  with pytest.raises(spec.DataError, match='split_list'):
    split_list.read(path, 'casia1')


def test_leaks_are_shares_of_the_test_part():
  split = {'train': ['a', 'b'], 'val': ['e'], 'test': ['c', 'd']}
  group = {'a': 1, 'b': 2, 'c': 1, 'd': 3, 'e': 3}
  found = rules.leaks(split, {'group': group, 'mask': {'a': 1, 'c': 2}})
  assert found == {'group': 0.5, 'mask': 0.0}


def test_a_list_that_nothing_reads_is_refused(tree, tmp_path):
  with pytest.raises(spec.DataError, match="by the rule 'group'"):
    trees.prepared(
        tree, tmp_path / 'out', split_rule='group', split_list='split.json'
    )
