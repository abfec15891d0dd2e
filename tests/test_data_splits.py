"""Splits by image and by photograph."""

import pathlib

import pytest

from manloc_jax.data import spec
from manloc_jax.data.splits import splits


def records(sizes):
  return [
      spec.Record(f'{group}-{i}', pathlib.Path('x'), None, str(group), 'none')
      for group, size in enumerate(sizes)
      for i in range(size)
  ]


def test_the_paper_s_counts():
  split = splits.random_split(records([564]), seed=0)
  assert [len(split[name]) for name in spec.SPLITS] == [367, 56, 141]


@pytest.mark.parametrize('draw', [splits.random_split, splits.group_split])
def test_a_partition_that_only_the_seed_changes(draw):
  images = records([4, 8, 12, 3, 1] * 6)
  split = draw(images, 1)
  ids = sorted(sum(split.values(), []))
  assert ids == sorted(record.image_id for record in images)
  assert draw(images[::-1], 1) == split
  assert splits.digest(draw(images, 2)) != splits.digest(split)


def test_groups_stay_together_and_shares_are_met():
  # The group sizes of NIST16.
  images = records([4] * 17 + [8] * 32 + [12] * 20)
  split = splits.group_split(images, seed=0)
  sides = [{i.split('-')[0] for i in split[name]} for name in spec.SPLITS]
  assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]
  for name, share in zip(spec.SPLITS, (0.65, 0.1, 0.25), strict=True):
    assert abs(len(split[name]) - share * len(images)) <= 4


def test_given_parts():
  images = [
      spec.Record(name, pathlib.Path('x'), None, 'g', 'none', split=name)
      for name in spec.SPLITS
  ]
  assert splits.given_split(images) == {name: [name] for name in spec.SPLITS}
  with pytest.raises(spec.DataError, match='split_rule'):
    splits.given_split(records([3]))


def test_an_empty_part_and_odd_shares_are_refused():
  with pytest.raises(spec.DataError, match='val would be empty'):
    splits.random_split(records([3]), 0)
  with pytest.raises(spec.DataError, match='would be empty'):
    splits.group_split(records([50]), 0)
  with pytest.raises(spec.DataError, match='sum to one'):
    splits.random_split(records([30]), 0, (0.5, 0.5, 0.5))
