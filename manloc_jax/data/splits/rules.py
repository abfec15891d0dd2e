"""Splits the images of a dataset by a rule, and measures leaks."""

import collections
from collections.abc import Collection, Hashable, Iterable, Mapping
import hashlib

import numpy as np

from manloc_jax.data import argument_checks
from manloc_jax.data import spec
from manloc_jax.data.splits import options

_RULE = '--rule (manloc; of its audit, --split) or --config.data.split_rule'
# What helps where a split of each rule would be empty.
_MORE = (
    'use more images, larger fractions in --fractions (manloc) or'
    f' --config.data.fractions, or the rule random in {_RULE}'
)
_OF_THE_SET = (
    'the set itself fixes it, whatever the fractions, so add the missing files'
    f' or choose the rule random or group in {_RULE}'
)
_OF_THE_LIST = (
    'the list fixes it, whatever the fractions, so add the files that it names'
    ' or make another list with manloc split'
)


def random_split(
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float] = options.FRACTIONS,
) -> dict[str, list[str]]:
  """Splits by image, as the paper does (section 4.1).

  Forgeries of one photograph occur in several splits: on NIST16 nearly every
  test image shares its base photograph with a training image. Use
  `group_split` for scores that hold for new photographs.

  Args:
    records: The images.
    seed: Fixes which images go where.
    fractions: Of the images, for train, val and test; they sum to one.

  Returns:
    Sorted image ids for `train`, `val` and `test`. The first two sizes are
    rounded to the nearest integer, test is the rest: 564 images give
    367, 56 and 141.

  Raises:
    DataError: The seed or the fractions are invalid, or a split would be
      empty.
  """
  argument_checks.check_seed(seed)
  argument_checks.check_fractions(fractions)
  ids = np.array(sorted(record.image_id for record in records))
  ids = ids[np.random.default_rng(seed).permutation(len(ids))]
  num_train, num_val = (
      round(len(ids) * fraction) for fraction in fractions[:2]
  )
  pieces = np.split(ids, [num_train, num_train + num_val])
  return _finish({
      name: piece.tolist()
      for name, piece in zip(spec.SPLITS, pieces, strict=True)
  })


def group_split(
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float] = options.FRACTIONS,
) -> dict[str, list[str]]:
  """Splits by photograph: no group is in two splits.

  Groups are assigned largest first, each to the split that lacks most images,
  so that the fractions are met as nearly as the sizes of the groups allow. With
  at least as many groups as splits no split is empty.

  Args:
    records: The images.
    seed: Orders groups of equal size.
    fractions: Of the images, for train, val and test; they sum to one.

  Returns:
    Sorted image ids for `train`, `val` and `test`.

  Raises:
    DataError: The seed or the fractions are invalid, or a split would be
      empty.
  """
  # Paper: splits by image. Here: groups stay together, because forgeries of
  # one photograph share its content, camera and often the very mask.
  argument_checks.check_seed(seed)
  argument_checks.check_fractions(fractions)
  groups = collections.defaultdict(list)
  for record in records:
    groups[record.group].append(record.image_id)
  names = np.array(sorted(groups))
  names = names[np.random.default_rng(seed).permutation(len(names))]
  lacking = np.array(fractions) * sum(map(len, groups.values()))
  assigned: dict[str, list[str]] = {name: [] for name in spec.SPLITS}
  for name in sorted(names.tolist(), key=lambda name: -len(groups[name])):
    most = int(np.argmax(lacking))
    assigned[spec.SPLITS[most]].append(name)
    lacking[most] -= len(groups[name])
  for names_of_split in assigned.values():
    longest = max(assigned.values(), key=len)
    if not names_of_split and len(longest) > 1:
      names_of_split.append(longest.pop())  # Its smallest group.
  return _finish({
      split: [image_id for name in names for image_id in groups[name]]
      for split, names in assigned.items()
  })


def given_split(records: Iterable[spec.Record]) -> dict[str, list[str]]:
  """Splits as the dataset itself does.

  Raises:
    DataError: The dataset has no split for an image, or a split would be empty.
  """
  split: dict[str, list[str]] = {name: [] for name in spec.SPLITS}
  for record in records:
    if record.split not in split:
      raise spec.DataError(
          f'The dataset fixes no split for {record.image_id}; choose the rule '
          f'random or group in {_RULE}.'
      )
    split[record.split].append(record.image_id)
  return _finish(split, remedy=_OF_THE_SET)


def listed_split(
    records: Iterable[spec.Record],
    listed: Mapping[str, Iterable[str]],
    needed: Collection[str] = spec.SPLITS,
) -> dict[str, list[str]]:
  """Splits by a list, without the images that are not usable.

  Args:
    records: The usable images.
    listed: Image ids of each split, as `split_list.read` returns them.
    needed: Splits that must not be empty.

  Raises:
    DataError: One of them would be empty.
  """
  usable = {record.image_id for record in records}
  return _finish(
      {
          split: [image_id for image_id in ids if image_id in usable]
          for split, ids in listed.items()
      },
      needed,
      remedy=_OF_THE_LIST,
  )


def split_by_rule(
    rule: str,
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float],
) -> dict[str, list[str]]:
  """Splits by one of `options.RULES`; see the functions above.

  Raises:
    DataError: There is no such rule; or see the functions above.
  """
  if rule == 'given':
    return given_split(records)
  if rule == 'group':
    return group_split(records, seed, fractions)
  if rule == 'random':
    return random_split(records, seed, fractions)
  raise spec.DataError(
      f'There is no rule {rule!r} that splits images; choose one of'
      f' {", ".join(options.RULES)} in {_RULE}.'
  )


def leaks(
    split: Mapping[str, list[str]], traits: Mapping[str, Mapping[str, Hashable]]
) -> dict[str, float]:
  """Measures how many test images share a trait with a training image.

  Args:
    split: Image ids of train, val and test.
    traits: Values by the name of the trait and image id, such as
      `{'group': {'0001': 'world/b.jpg'}}`; an image may lack a trait.

  Returns:
    For each trait the fraction of test images whose value occurs in training.
  """
  fractions = {}
  for name, trait in traits.items():
    known = {trait[train] for train in split['train'] if train in trait}
    leaking = [test for test in split['test'] if trait.get(test) in known]
    fractions[name] = len(leaking) / len(split['test'])
  return fractions


def digest(split: Mapping[str, list[str]]) -> str:
  """Returns the sha256 of a split: its names and sorted image ids."""
  lines = [
      f'{name} {image_id}\n'
      for name in sorted(split)
      for image_id in sorted(split[name])
  ]
  return hashlib.sha256(''.join(lines).encode()).hexdigest()


def _finish(
    split: dict[str, list[str]],
    needed: Collection[str] = spec.SPLITS,
    remedy: str = _MORE,
) -> dict[str, list[str]]:
  for name in needed:
    if not split[name]:
      total = sum(map(len, split.values()))
      raise spec.DataError(
          f'The split {name} would be empty with {total} images; {remedy}.'
      )
  return {name: sorted(ids) for name, ids in split.items()}
