"""Leaks of splits by rule and by list."""

import shutil

from PIL import Image
import pytest
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.audit import audit
from manloc_jax.data.audit import checks
from manloc_jax.data.audit import leakage
from manloc_jax.data.splits import rules
from manloc_jax.data.storage import manifest


def look(dataset, root, **options):
  audited = audit.audit(dataset, root, workers=1, **options)
  return {check.name: check for check in audited.checks}


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia', forged=16)


def test_the_split_is_the_one_of_preparation(tree, tmp_path):
  next(tree.glob('Tp/Sp/*')).write_text('x')
  other, another = sorted(tree.glob('Gt/Sp/*'))[-2:]
  Image.new('L', trees.SIZE[::-1]).save(other)
  Image.fromarray(trees.region(0).T * 255).save(another)
  folder = trees.prepared(
      tree, tmp_path / 'out', split_rule='random', backend='memory'
  )
  choice = leakage.SplitChoice('random', 3, (0.5, 0.25, 0.25))
  audited = audit.audit('casia1', tree, choice=choice, workers=1)
  assert audited.split['digest'] == manifest.read(folder)['split_digest']


def test_a_copy_on_the_other_side_is_a_leak(tree):
  choice = leakage.SplitChoice('group', 0, (0.5, 0.25, 0.25))
  records, _ = datasets.get('casia1').find_records(tree)
  forged = {record.image_id: record for record in records if record.mask}
  split = rules.split_by_rule(
      'group', forged.values(), choice.seed, choice.fractions
  )
  before = look('casia1', tree, choice=choice)
  assert before['leak: image'].status == checks.OK
  one, other = forged[split['train'][0]], forged[split['test'][0]]
  shutil.copy(one.image, other.image)
  shutil.copy(one.mask, other.mask)
  after = look('casia1', tree, choice=choice)
  assert after['leak: image'].status == checks.WRONG
  assert after['leak: mask'].status == checks.NOTE
  assert after['leak: group'].status == checks.OK


@pytest.fixture
def listed(tree):
  """Two splits; one test image shares its photograph with training."""
  stems = [f'ani{i:04d}' for i in range(4)]
  trees.splice(tree, stems[0], stems[0], 90)
  records, _ = datasets.get('casia1').find_records(tree)
  ids = [one.image_id for one in records if one.mask]
  test = [one for one in ids if one.endswith('_0090') or '_ani0003' in one]
  train = [one for one in ids if one not in test]
  return {'train': train, 'val': [], 'test': test}


def test_what_a_list_leaks(tree, listed):
  choice = leakage.SplitChoice('list', listed=listed)
  audited = audit.audit('casia1', tree, choice=choice, names_only=True)
  (check,) = (one for one in audited.checks if one.name == 'leak: group')
  assert check.status == checks.WRONG
  assert check.text.startswith('50.0%') and check.text.endswith('(list)')
  assert audited.split == {
      'rule': 'list',
      'digest': rules.digest(listed),
      'shares_of_test_in_training': {'group': 0.5, 'mask': 0.0},
  }


def test_a_list_that_does_not_fit_is_refused(tree, listed):
  listed['test'].pop()
  with pytest.raises(spec.DataError, match='lacks the image'):
    choice = leakage.SplitChoice('list', listed=listed)
    audit.audit('casia1', tree, choice=choice)


def test_groups_do_not_leak_in_the_real_nimble(test_data):
  choice = leakage.SplitChoice('group')
  root = test_data / 'nc2016'
  audited = look('nist16', root, choice=choice, names_only=True)
  assert audited['leak: group'].status == checks.OK
  assert audited['leak: mask'].status == checks.OK


@pytest.mark.parametrize(
    'changes',
    [
        {'rule': 'x'},
        {'seed': -1},
        {'num_seeds': 0},
        {'num_seeds': -1},
        {'fractions': (0.5, 0.5, float('nan'))},
    ],
)
def test_senseless_draws_are_refused(changes):
  with pytest.raises(spec.DataError):
    leakage.SplitChoice(**changes)
