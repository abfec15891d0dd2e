"""Splits by image and by photograph."""

import argparse
import dataclasses
import inspect
import pathlib

import pytest

from configs import default
from manloc_jax.commands import audit as audit_command
from manloc_jax.commands import prepare as prepare_command
from manloc_jax.data import preparation_plan
from manloc_jax.data import spec
from manloc_jax.data.audit import leakage
from manloc_jax.data.splits import options
from manloc_jax.data.splits import rules


def records(sizes):
  return [
      spec.Record(f'{group}-{i}', pathlib.Path('x'), None, str(group), 'none')
      for group, size in enumerate(sizes)
      for i in range(size)
  ]


def test_the_paper_s_counts():
  split = rules.random_split(records([564]), seed=0)
  assert [len(split[name]) for name in spec.SPLITS] == [367, 56, 141]


@pytest.mark.parametrize('draw', [rules.random_split, rules.group_split])
def test_a_partition_that_only_the_seed_changes(draw):
  images = records([4, 8, 12, 3, 1] * 6)
  split = draw(images, 1)
  ids = sorted(sum(split.values(), []))
  assert ids == sorted(record.image_id for record in images)
  assert draw(images[::-1], 1) == split
  assert rules.digest(draw(images, 2)) != rules.digest(split)


def test_groups_stay_together_and_shares_are_met():
  # The group sizes of NIST16.
  images = records([4] * 17 + [8] * 32 + [12] * 20)
  split = rules.group_split(images, seed=0)
  sides = [{i.split('-')[0] for i in split[name]} for name in spec.SPLITS]
  assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
  for name, fraction in zip(spec.SPLITS, (0.65, 0.1, 0.25), strict=True):
    assert abs(len(split[name]) - fraction * len(images)) <= 4


@pytest.mark.parametrize('sizes', [[1, 1, 1], [9, 1, 1], [1, 2, 3, 1], [5] * 5])
def test_no_split_is_empty_with_three_photographs(sizes):
  images = records(sizes)
  split = rules.group_split(images, seed=0)
  assert all(split.values())
  groups = [{i.split('-')[0] for i in ids} for ids in split.values()]
  assert sum(map(len, groups)) == len(sizes) == len(set.union(*groups))


def test_given_parts():
  images = [
      spec.Record(name, pathlib.Path('x'), None, 'g', 'none', split=name)
      for name in spec.SPLITS
  ]
  assert rules.given_split(images) == {name: [name] for name in spec.SPLITS}
  with pytest.raises(spec.DataError, match='split_rule'):
    rules.given_split(records([3]))


def test_an_empty_part_and_odd_shares_are_refused():
  with pytest.raises(spec.DataError, match='split val would be empty'):
    rules.random_split(records([3]), 0)
  with pytest.raises(spec.DataError, match='would be empty'):
    rules.group_split(records([50]), 0)
  with pytest.raises(spec.DataError, match='sum to one'):
    rules.random_split(records([30]), 0, (0.5, 0.5, 0.5))


def test_one_default_rule_for_library_command_and_configuration():
  config = default.get_config().data
  parser = argparse.ArgumentParser()
  subparsers = parser.add_subparsers()
  for command in (prepare_command, audit_command):
    command.add_to(subparsers)
  args = parser.parse_args(['prepare', 'casia1', 'root'])
  library = inspect.signature(preparation_plan.make).parameters
  assert args.rule == config.split_rule == library['split_rule'].default
  assert args.fractions == config.fractions == library['fractions'].default
  audited = parser.parse_args(['audit', 'casia1', 'root'])
  assert audited.split == leakage.SplitChoice().rule == args.rule
  assert audited.fractions == leakage.SplitChoice().fractions == args.fractions


def test_every_rule_splits_and_others_are_refused():
  images = [
      dataclasses.replace(one, split=spec.SPLITS[i % 3])
      for i, one in enumerate(records([3] * 12))
  ]
  for rule in options.RULES:
    split = rules.split_by_rule(rule, images, 0, options.FRACTIONS)
    assert sum(map(len, split.values())) == len(images)
  with pytest.raises(spec.DataError, match='no rule .*random, group, given'):
    rules.split_by_rule('list', images, 0, options.FRACTIONS)


@pytest.mark.parametrize('seed', [-1, 1.5, float('nan'), '0', None, True])
@pytest.mark.parametrize('rule', ['random', 'group'])
def test_bad_seeds_are_refused(rule, seed):
  with pytest.raises(spec.DataError, match='seed'):
    rules.split_by_rule(rule, records([3] * 12), seed, options.FRACTIONS)


@pytest.mark.parametrize(
    'fractions',
    [
        (float('nan'), 0.5, 0.5),
        (float('inf'), 0.5, 0.5),
        (0.5, float('nan'), 0.5),
        (0.5, 0.5),
        (1.5, -0.25, -0.25),
        (0.5, '0.25', 0.25),
        1.0,
    ],
)
@pytest.mark.parametrize('rule', ['random', 'group'])
def test_bad_fractions_are_refused(rule, fractions):
  with pytest.raises(spec.DataError, match='fractions'):
    rules.split_by_rule(rule, records([3] * 12), 0, fractions)


def test_advice_for_an_empty_split_would_help():
  """The rules given and list do not read fractions."""
  images = [
      spec.Record(f'{i}', pathlib.Path('x'), None, 'g', 'none', split='train')
      for i in range(3)
  ]
  with pytest.raises(spec.DataError, match='add the missing files') as given:
    rules.given_split(images)
  with pytest.raises(spec.DataError, match='another list') as listed:
    rules.listed_split(images, {'train': ['0'], 'val': ['9'], 'test': ['1']})
  for error in (given, listed):
    assert 'whatever the fractions' in str(error.value)
    assert '--fractions' not in str(error.value)
