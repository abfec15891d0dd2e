"""Train, validation and test parts of a dataset, and what leaks between."""

import collections
from collections.abc import Collection, Hashable, Iterable, Mapping
import hashlib

import numpy as np

from manloc_jax.data import arguments
from manloc_jax.data import spec
from manloc_jax.data.splits import rules

_RULE = '--rule (manloc; of its audit, --split) or --config.data.split_rule'


def random_split(
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float] = rules.FRACTIONS,
) -> dict[str, list[str]]:
  """Splits by image, as the paper does (section 4.1).

  Forgeries of one photograph fall on both sides: on NIST16 nearly every test
  image shares its base photograph with a training image. Use `group_split`
  for a figure that means something on new photographs.

  Args:
    records: The images.
    seed: Fixes the draw.
    fractions: Shares of train, val and test; they sum to one.

  Returns:
    Sorted image ids for `train`, `val` and `test`. The first two sizes are
    rounded to the nearest integer, test is the rest: 564 images give
    367, 56 and 141.

  Raises:
    DataError: The fractions are no shares, or a part would be empty.
  """
  arguments.check_seed(seed)
  arguments.check_fractions(fractions)
  ids = np.array(sorted(record.image_id for record in records))
  ids = ids[np.random.default_rng(seed).permutation(len(ids))]
  num_train, num_val = (round(len(ids) * share) for share in fractions[:2])
  parts = np.split(ids, [num_train, num_train + num_val])
  return _finish({
      name: part.tolist()
      for name, part in zip(spec.SPLITS, parts, strict=True)
  })


def group_split(
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float] = rules.FRACTIONS,
) -> dict[str, list[str]]:
  """Splits by photograph: no group is on two sides.

  Groups are dealt out largest first, each to the part that lacks most images,
  so that the shares are met as nearly as the sizes of the groups allow. With
  as many groups as parts none stays empty.

  Args:
    records: The images.
    seed: Orders groups of equal size.
    fractions: Shares of train, val and test; they sum to one.

  Returns:
    Sorted image ids for `train`, `val` and `test`.

  Raises:
    DataError: The fractions are no shares, or a part would be empty.
  """
  # Paper: splits by image. Here: groups stay together, because forgeries of
  # one photograph share its content, camera and often the very mask.
  arguments.check_seed(seed)
  arguments.check_fractions(fractions)
  groups = collections.defaultdict(list)
  for record in records:
    groups[record.group].append(record.image_id)
  names = np.array(sorted(groups))
  names = names[np.random.default_rng(seed).permutation(len(names))]
  lacking = np.array(fractions) * sum(map(len, groups.values()))
  dealt: dict[str, list[str]] = {name: [] for name in spec.SPLITS}
  for name in sorted(names.tolist(), key=lambda name: -len(groups[name])):
    part = int(np.argmax(lacking))
    dealt[spec.SPLITS[part]].append(name)
    lacking[part] -= len(groups[name])
  for part in spec.SPLITS:
    richest = max(dealt.values(), key=len)
    if not dealt[part] and len(richest) > 1:
      dealt[part].append(richest.pop())  # Its smallest.
  return _finish({
      part: [image_id for name in some for image_id in groups[name]]
      for part, some in dealt.items()
  })


def given_split(records: Iterable[spec.Record]) -> dict[str, list[str]]:
  """Takes the parts that the dataset itself fixes.

  Raises:
    DataError: An image has no part of its own, or a part would be empty.
  """
  split = {name: [] for name in spec.SPLITS}
  for record in records:
    if record.split not in split:
      raise spec.DataError(
          f'The dataset fixes no part for {record.image_id}; choose the rule '
          f'random or group in {_RULE}.'
      )
    split[record.split].append(record.image_id)
  return _finish(split)


def listed_split(
    records: Iterable[spec.Record],
    listed: Mapping[str, Iterable[str]],
    needed: Collection[str] = spec.SPLITS,
) -> dict[str, list[str]]:
  """Takes the parts of a list, as far as their images are usable.

  Args:
    records: The usable images.
    listed: Image ids of each part, as `split_list.read` returns them.
    needed: Parts that must not be empty.

  Raises:
    DataError: One of them would be.
  """
  usable = {record.image_id for record in records}
  split = {
      part: [image_id for image_id in ids if image_id in usable]
      for part, ids in listed.items()
  }
  return _finish(split, needed)


def draw(
    rule: str,
    records: Iterable[spec.Record],
    seed: int,
    fractions: tuple[float, float, float],
) -> dict[str, list[str]]:
  """Splits by one of `rules.RULES`; see the functions above.

  Raises:
    DataError: There is no such rule, or as the functions above.
  """
  if rule == 'given':
    return given_split(records)
  if rule == 'group':
    return group_split(records, seed, fractions)
  if rule == 'random':
    return random_split(records, seed, fractions)
  raise spec.DataError(
      f'There is no rule {rule!r} that splits images; choose one of'
      f' {", ".join(rules.RULES)} in {_RULE}.'
  )


def leaks(
    split: Mapping[str, list[str]], traits: Mapping[str, Mapping[str, Hashable]]
) -> dict[str, float]:
  """Measures what test images have in common with training images.

  Args:
    split: Image ids of each part.
    traits: What each image has, by the name of the trait and image id, such
      as `{'group': {'0001': 'world/b.jpg'}}`; an image may lack a trait.

  Returns:
    For each trait the share of test images that have one which an image in
    training has too.
  """
  shares = {}
  for name, trait in traits.items():
    known = {trait[one] for one in split['train'] if one in trait}
    leaking = [one for one in split['test'] if trait.get(one) in known]
    shares[name] = len(leaking) / len(split['test'])
  return shares


def digest(split: dict[str, list[str]]) -> str:
  """Names a split: sha256 over its parts and their sorted image ids."""
  lines = [
      f'{part} {image_id}\n'
      for part in sorted(split)
      for image_id in sorted(split[part])
  ]
  return hashlib.sha256(''.join(lines).encode()).hexdigest()


def _finish(
    split: dict[str, list[str]], needed: Collection[str] = spec.SPLITS
) -> dict[str, list[str]]:
  for part in needed:
    if not split[part]:
      total = sum(map(len, split.values()))
      raise spec.DataError(
          f'The part {part} would be empty with {total} images; use more '
          'images, larger shares in --fractions (manloc) or '
          f'--config.data.fractions, or the rule random in {_RULE}.'
      )
  return {part: sorted(ids) for part, ids in split.items()}
