"""Scores the patches of a split and sums the counts over all devices."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import ml_collections
import numpy as np

from manloc_jax import errors
from manloc_jax import models
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.metrics import histogram
from manloc_jax.metrics import totals as totals_lib
from manloc_jax.training import eval_step
from manloc_jax.training import sharding


def make_batch_evaluator(
    model, mesh, config: ml_collections.ConfigDict
) -> Callable[[Any, Iterable, int, str], totals_lib.Totals]:
  """Returns `evaluate(params, batches, images, name) -> totals`.

  It is compiled once for equally many images; the pixel scores take 8 bytes
  per bin and image on each device.

  Args:
    model: A module of `models`.
    mesh: Devices.
    config: The run's config.

  Returns:
    A function of the parameters; of batches of NumPy arrays as of
    `eval_step.make_eval_step`, this process's shards; of the number of images
    that they are from; and of a name, the subject of the error where a score
    is not finite. It returns sums over all devices as NumPy arrays, and raises
    UserError.

  Raises:
    UserError: `eval.bins` is odd, or the batch does not split.
  """
  sharding.check_batch_size(config.eval.batch_size, mesh)
  if config.eval.bins % 2:
    raise errors.UserError(
        f'{config.eval.bins} bins have no edge at the threshold 0.5; choose an'
        ' even --config.eval.bins.'
    )
  zeros = eval_step.make_zero_totals(
      mesh, bins=config.eval.bins, side=models.SIDE, tasks=model.tasks
  )
  add_batch = eval_step.make_eval_step(
      model, mesh, loss=config.loss, smooth_sigma=config.eval.smooth_sigma
  )
  sum_over_devices = eval_step.make_sum_totals(mesh)

  def evaluate(
      params, batches: Iterable, images: int, name: str
  ) -> totals_lib.Totals:
    """Returns the totals over all batches; see the function around."""
    totals = zeros(images)
    for batch in sharding.prefetch(batches, mesh):
      totals = add_batch(params, totals, batch)
    summed = jax.device_get(sum_over_devices(totals))
    totals_lib.check_finite(summed, name)
    return summed

  return evaluate


def make_split_evaluator(
    model,
    mesh,
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
) -> Callable[..., totals_lib.Totals]:
  """Returns `evaluate(params, split, network='The network') -> totals`.

  Args:
    model: A module of `models`.
    mesh: Devices.
    config: The run's config.
    prepared: The set that `split` is of.

  Returns:
    A function whose argument `network` says whose parameters these are, for
    errors; otherwise see `make_batch_evaluator`.

  Raises:
    UserError: As `make_batch_evaluator`.
  """
  evaluate_batches = make_batch_evaluator(model, mesh, config)
  process = (jax.process_index(), jax.process_count())

  def evaluate(
      params, split: str, network: str = 'The network'
  ) -> totals_lib.Totals:
    """Returns the totals over all batches; see the function around."""
    batches = backend.eval_batches(
        prepared,
        split,
        batch_size=config.eval.batch_size // jax.process_count(),
        process=process,
    )
    images = len(prepared.image_ids(split))
    name = f'{network} on the split {split!r}'
    return evaluate_batches(params, batches, images, name)

  return evaluate


def mean_mask(
    prepared: prepared_set.PreparedSet, split: str = 'train'
) -> np.ndarray:
  """Returns the mean mask of a split, f64[side, side], a trivial baseline.

  That of a split without patches, as online generation may have, is zero.
  """
  total, count = np.zeros((models.SIDE, models.SIDE), np.int64), 0
  for batch in backend.eval_batches(prepared, split, batch_size=256):
    masks = batch['mask'][batch['weight'] > 0]
    total, count = total + masks.sum(axis=0, dtype=np.int64), count + len(masks)
  return total / max(count, 1)


def best_edge(totals: totals_lib.Totals) -> int:
  """Returns the bin edge with the best F1 over the pixels of a split."""
  pixels = np.asarray(totals.pixels).sum(axis=0, dtype=np.int64)
  return int(histogram.f1_curve(pixels).argmax())
