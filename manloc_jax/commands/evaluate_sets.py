"""Opens the sets that are to be scored, and what the methods learned from."""

import argparse
from collections.abc import Iterable
import functools
import pathlib
from typing import TYPE_CHECKING

from manloc_jax import errors
from manloc_jax.commands import evaluate_arguments

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.evaluation import image_sets
  from manloc_jax.evaluation import training_images


def trainings(
    methods: list[evaluate_arguments.Method],
) -> 'dict[str, training_images.Training | None]':
  """Returns what each method was trained on, by its label; None for nothing."""
  from manloc_jax.evaluation import training_images

  return {
      method.label: training_images.training_of(method.kind, method.source)
      for method in methods
  }


def open_all(
    args: argparse.Namespace,
    trained_on: 'Iterable[training_images.Training | None]',
    failed: list[str],
) -> 'list[image_sets.ImageSet]':
  """Opens the sets; of one that cannot be opened, adds why.

  Args:
    args: Of `evaluate_arguments.add_to`.
    trained_on: Of `trainings`.
    failed: Gets a sentence for each set that cannot be opened.
  """
  from manloc_jax.data import datasets
  from manloc_jax.evaluation import image_sets
  from manloc_jax.evaluation import leakage
  from manloc_jax.evaluation import training_images

  known = [training for training in trained_on if training]
  opened, names = [], evaluate_arguments.set_names(args.data)
  for name, (key, root) in zip(names, args.data, strict=True):
    dataset = key if key in datasets.DATASETS else 'folder'
    own = [
        training_images.split_again(training, dataset, pathlib.Path(root))
        for training in known
        if training.dataset == dataset
    ]
    own = [training for training in own if training.test_ids]
    choose_test = functools.partial(leakage.choose_test, own) if own else None
    try:
      opened.append(
          image_sets.open_set(
              dataset,
              root,
              name=name,
              split=args.split,
              choose_test=choose_test,
              allow_outside=args.allow_outside,
          )
      )
    except errors.UserError as error:
      failed.append(f'{name}: {error}')
  return opened
