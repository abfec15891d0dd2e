"""Generates training patches online: forges images during training.

Each worker process forges a group of images, samples patches from them by the
paper's sampler, and shuffles those. All groups have equally many patches, so
that the number of a batch determines its groups: generation that starts at step
n yields what uninterrupted generation yields from step n on.
"""

from collections.abc import Iterator
import dataclasses
import functools
import itertools
import logging
import pathlib

import numpy as np

from manloc_jax.data import argument_checks
from manloc_jax.data import compression
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.decoding import quantization
from manloc_jax.data.forge import photographs as photographs_lib
from manloc_jax.data.forge import sequence
from manloc_jax.data.forge import tree
from manloc_jax.data.sampling import balance
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import prepared_set

Batch = dict[str, np.ndarray]
FIELDS = ('image', 'mask', 'label', 'compression')


@dataclasses.dataclass(frozen=True)
class Plan:
  """The arguments that are the same for all groups.

  Attributes:
    listed: The photographs.
    size: Least and largest short side of a forgery in pixels.
    sampler: How patches are sampled.
    images_per_group: Forgeries of a group; one worker holds all of them.
    patches_per_image: Patches of a group, per forgery. A forgery gives up to
      twice as many, for regions are of all sizes.
    seed: Fixes the forgeries, the patches and their order.
  """

  listed: tuple[photographs_lib.Photograph, ...]
  size: tuple[int, int]
  sampler: patches.Sampler
  images_per_group: int
  patches_per_image: int
  seed: int

  def __post_init__(self):
    argument_checks.check_seed(self.seed)
    for name in ('images_per_group', 'patches_per_image'):
      argument_checks.check_count(name, getattr(self, name))

  @property
  def patches_per_group(self) -> int:
    return self.images_per_group * self.patches_per_image


def train_batches(
    prepared: prepared_set.PreparedSet,
    *,
    root: str | pathlib.Path | None = None,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    process: tuple[int, int] = (0, 1),
    images_per_group: int = 64,
    patches_per_image: int = 16,
    workers: int | None = None,
) -> Iterator[Batch]:
  """Yields batches of fresh forgeries for ever.

  They are made of the photographs of the training split alone. Batch k is a
  function of the seed, k, the size of a batch and those of a group, with the
  same photographs and versions of the image libraries. Workers run at most
  two groups each ahead, and end when the iterator is closed.

  Args:
    prepared: A prepared set of forgeries of `manloc_jax.data.forge`.
    root: Folder of their tree now; by default the one that was prepared.
    batch_size: Patches per batch of this process.
    seed: Fixes the forgeries and their order; not negative.
    start_step: Batches to skip; their groups are not made.
    process: `(index, count)` of this process, which makes its own groups.
    images_per_group: See `Plan`.
    patches_per_image: See `Plan`.
    workers: Processes; None for one per core. With one, forgeries are made in
      this process, between the batches.

  Yields:
    `image` uint8[batch, 64, 64, 3], `mask` uint8[batch, 64, 64],
    `compression` uint8[batch, 8, 8, 34], `label` int32[batch] and `weight`
    f32[batch], all one.

  Raises:
    DataError: The tree does not exist, an argument is invalid, or no photograph
      can be read.
  """
  argument_checks.check_count('batch_size', batch_size)
  argument_checks.check_count('start_step', start_step, least=0)
  root = pathlib.Path(root or prepared.root)
  settings = _read_settings(prepared, root)
  plan = Plan(
      listed=tree.listed(root, 'train'),
      size=sequence.check_size(settings['size']),
      sampler=prepared.job.sampler,
      images_per_group=images_per_group,
      patches_per_image=patches_per_image,
      seed=seed,
  )
  index, processes = process
  first, skip = divmod(start_step * batch_size, plan.patches_per_group)
  numbers = itertools.count(index + first * processes, processes)
  with worker_pool.ordered_map(workers) as run:
    made = run(functools.partial(make_group, plan=plan), numbers)
    yield from _batches(_log_rejected(made), skip, batch_size)


def _read_settings(
    prepared: prepared_set.PreparedSet, root: pathlib.Path
) -> dict:
  """Reads the settings of the tree that a set was prepared from.

  Raises:
    DataError: The tree does not exist, or holds other forgeries.
  """
  dataset = prepared.manifest['dataset']
  if dataset != synthetic.DATASET.name:
    raise spec.DataError(
        f'{prepared.folder} is a prepared set of {dataset}, of which nothing'
        ' can be generated; prepare one of what manloc forge makes.'
    )
  if not (root / synthetic.SETTINGS).is_file():
    raise spec.DataError(
        f'The forgeries that {prepared.folder} was prepared from are not in'
        f' {root};'
        ' name the folder that holds them now in --config.data.root.'
    )
  settings = synthetic.read_settings(root)
  made_by = synthetic.digest(settings)
  for image_id in prepared.image_ids('train'):
    if not image_id.endswith(made_by):
      raise spec.DataError(
          f'{root} holds other forgeries than those that {prepared.folder} was'
          ' prepared from; name their folder in --config.data.root, or prepare'
          ' these.'
      )
  return settings


def make_group(number: int, plan: Plan) -> tuple[Batch, dict[str, str]]:
  """Forges the images of a group and samples its patches.

  Args:
    number: Number of the group, from 0 on.
    plan: The arguments that are the same for all groups.

  Returns:
    The fields of a batch but for `weight`, `plan.patches_per_group` rows; and
    the photographs that could not be read, by name, and why.
  """
  photographs = tree.opened(plan.listed)
  first = number * plan.images_per_group
  forgeries = [
      sequence.generate(photographs, plan.seed, first + i, plan.size)
      for i in range(plan.images_per_group)
  ]
  rng = np.random.default_rng((plan.seed, number, 2))
  candidates = [
      patches.candidates(forgery.mask, plan.sampler) for forgery in forgeries
  ]
  counts = _patch_counts(candidates, plan, rng)
  cuts = [
      patches.cut(
          forgery.image,
          forgery.mask,
          locations,
          patches.choose(locations, num_positives, num_negatives, rng),
          compression.measure(
              forgery.image, quantization.of_bytes(forgery.file)
          ),
      )
      for forgery, locations, (num_positives, num_negatives) in zip(
          forgeries, candidates, counts, strict=True
      )
  ]
  rows = {
      'image': np.concatenate([cut.images for cut in cuts]),
      'mask': np.concatenate([cut.masks for cut in cuts]),
      'label': np.concatenate([cut.locations.labels for cut in cuts]),
      'compression': np.concatenate([cut.compression for cut in cuts]),
  }
  # Small images may have too few patches: some are repeated.
  order = np.resize(rng.permutation(len(rows['label'])), plan.patches_per_group)
  rows = {name: rows[name][order] for name in FIELDS}
  return rows, photographs.rejected


def _log_rejected(
    made: Iterator[tuple[Batch, dict[str, str]]],
) -> Iterator[Batch]:
  """Yields the groups, and logs each rejected photograph once."""
  logged: set[str] = set()
  for rows, rejected in made:
    for name in rejected.keys() - logged:
      logging.warning('Left out: %s', rejected[name])
      logged.add(name)
    yield rows


def _patch_counts(
    candidates: list[patches.Candidates],
    plan: Plan,
    rng: np.random.Generator,
) -> list[tuple[int, int]]:
  """Decides how many patches of each label each image gives.

  The sampler balances the group; of the patches that it allows, those of the
  group are picked at random.
  """
  cap = min(2 * plan.patches_per_image, plan.sampler.max_per_image or np.inf)
  sampler = dataclasses.replace(plan.sampler, max_per_image=int(cap))
  positives = np.array([x.labels.sum() for x in candidates])
  negatives = np.array([len(x.labels) for x in candidates]) - positives
  allowed = np.stack(balance.balance(positives, negatives, sampler), axis=1)
  if not allowed.any():  # A few regions, all too small to label a patch.
    allowed[:, 1] = np.minimum(negatives, cap)
  owners = np.repeat(np.arange(allowed.size), allowed.ravel())
  picked = rng.permutation(owners)[: plan.patches_per_group]
  counts = np.bincount(picked, minlength=allowed.size).tolist()
  return list(zip(counts[::2], counts[1::2], strict=True))


def _batches(
    groups: Iterator[Batch], skip: int, batch_size: int
) -> Iterator[Batch]:
  """Cuts a sequence of groups into batches, after some patches."""
  left = None
  for group in groups:
    rows = {name: array[skip:] for name, array in group.items()}
    skip = 0
    if left is not None:
      rows = {name: np.concatenate([left[name], rows[name]]) for name in FIELDS}
    full = len(rows['label']) // batch_size * batch_size
    for start in range(0, full, batch_size):
      batch = {name: rows[name][start : start + batch_size] for name in FIELDS}
      yield {**batch, 'weight': np.ones(batch_size, np.float32)}
    left = {name: rows[name][full:] for name in FIELDS}
