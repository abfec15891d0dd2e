"""Measures leaks: what test images of a split share with training images."""

from collections.abc import Hashable, Mapping
import dataclasses
from typing import Any

import numpy as np

from manloc_jax.data import argument_checks
from manloc_jax.data import spec
from manloc_jax.data.audit import checks
from manloc_jax.data.splits import options
from manloc_jax.data.splits import rules

_SHARED = {
    'group': 'their photograph',
    'mask': 'the very mask',
    'image': 'the very image',
}


@dataclasses.dataclass(frozen=True)
class SplitChoice:
  """The choice of a split, or of one for each of several seeds.

  Attributes:
    rule: One of `options.ALL_RULES`.
    seed: The first seed.
    fractions: Of the images, for train, val and test.
    num_seeds: The number of seeds to average over.
    listed: Image ids of each split by the rule `list`, which has no seed; see
      `split_list.read`. Validation may be empty.
  """

  rule: str = options.DEFAULT
  seed: int = 0
  fractions: tuple[float, float, float] = options.FRACTIONS
  num_seeds: int = 1
  listed: Mapping[str, list[str]] | None = None

  def __post_init__(self):
    if self.rule not in options.ALL_RULES:
      raise spec.DataError(
          f'There is no rule {self.rule!r} that splits images; choose one of'
          f' {", ".join(options.ALL_RULES)}.'
      )
    argument_checks.check_seed(self.seed)
    argument_checks.check_fractions(self.fractions)
    argument_checks.check_count('The number of seeds', self.num_seeds)

  def split(self, records: list[spec.Record]) -> list[dict[str, list[str]]]:
    """Splits images once for each seed, as preparation does.

    Raises:
      DataError: As the functions of `rules`.
    """
    if self.listed is not None:
      return [rules.listed_split(records, self.listed, ('train', 'test'))]
    return [
        rules.split_by_rule(self.rule, records, self.seed + i, self.fractions)
        for i in range(self.num_seeds)
    ]

  def about(self) -> dict[str, Any]:
    """Describes the choice, as JSON holds it."""
    if self.rule == 'list':
      return {'rule': 'list'}
    return {
        'rule': self.rule,
        'seed': self.seed,
        'fractions': self.fractions,
        'draws': self.num_seeds,
    }


def leakage(
    tree: checks.Tree, usable: list[spec.Record], choice: SplitChoice
) -> tuple[dict[str, Any], list[checks.Check]]:
  """Measures which fraction of test images share a trait with training.

  Args:
    tree: The tree.
    usable: The images to split.
    choice: How they are split; the same rule, seed and fractions give the
      split that `prepare` makes.

  Returns:
    How images were split, with the digest of the first split and the fractions
    of test images by trait (both missing if the images cannot be split so); and
    a check for each trait.
  """
  about = choice.about()
  try:
    made = choice.split(usable)
  except spec.DataError as error:
    return about, [checks.Check('leak', checks.SKIPPED, str(error))]
  traits: dict[str, dict[str, Hashable]] = {
      'group': {record.image_id: record.group for record in usable},
      'mask': checks.mask_keys(tree),
  }
  if tree.decoded:
    traits['image'] = {
        record.image_id: tree.decoded[record.image].digest for record in usable
    }
  leaks = [rules.leaks(split, traits) for split in made]
  fractions = {
      trait: float(np.mean([leak[trait] for leak in leaks]))
      for trait in traits
  }
  about['digest'] = rules.digest(made[0])
  about['shares_of_test_in_training'] = fractions
  return about, [_leak(*item, choice) for item in fractions.items()]


def _leak(trait: str, fraction: float, choice: SplitChoice) -> checks.Check:
  how = f'{choice.rule}, seed {choice.seed}'
  if choice.num_seeds > 1:
    how = f'{choice.rule}, {choice.num_seeds} seeds'
  if choice.rule == 'list':
    how = choice.rule
  is_expected = choice.rule == 'random' or trait == 'mask'
  return checks.Check(
      f'leak: {trait}',
      (checks.NOTE if is_expected else checks.WRONG) if fraction else checks.OK,
      f'{fraction:.1%} of test images share {_SHARED[trait]} with training '
      f'({how})',
  )
