"""A split to sums: the network's scores counted over all devices."""

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


def make_totaller(
    model, mesh, config: ml_collections.ConfigDict
) -> Callable[[Any, Iterable, int, str], totals_lib.Totals]:
  """Returns `total(params, batches, images, name)`, sums over all devices.

  The sums are NumPy arrays. `total` compiles once for equally many images; the
  pixel scores take 8 bytes per bin and image on each device. It raises a
  UserError with the subject `name` where scores are not finite.

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

  def total(
      params, batches: Iterable, images: int, name: str
  ) -> totals_lib.Totals:
    totals = zeros(images)
    for batch in sharding.prefetch(batches, mesh):
      totals = add_batch(params, totals, batch)
    summed = jax.device_get(sum_over_devices(totals))
    totals_lib.check_finite(summed, name)
    return summed

  return total


def make_counter(
    model,
    mesh,
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
) -> Callable[..., totals_lib.Totals]:
  """Returns `count(params, split, network='The network') -> totals`.

  `network` says whose parameters these are, for errors; see `make_totaller`.
  """
  total = make_totaller(model, mesh, config)
  process = (jax.process_index(), jax.process_count())

  def count(
      params, split: str, network: str = 'The network'
  ) -> totals_lib.Totals:
    batches = backend.eval_batches(
        prepared,
        split,
        batch_size=config.eval.batch_size // jax.process_count(),
        process=process,
    )
    images = len(prepared.image_ids(split))
    return total(params, batches, images, f'{network} on the split {split!r}')

  return count


def mean_mask(
    prepared: prepared_set.PreparedSet, split: str = 'train'
) -> np.ndarray:
  """Returns the mean mask of a split, f64[side, side]."""
  total, count = 0.0, 0
  for batch in backend.eval_batches(prepared, split, batch_size=256):
    masks = batch['mask'][batch['weight'] > 0]
    total, count = total + masks.sum(axis=0, dtype=np.int64), count + len(masks)
  return np.asarray(total / max(count, 1), np.float64)


def best_edge(totals: totals_lib.Totals) -> int:
  """Returns the bin edge with the best F1 over the pixels of a split."""
  pixels = np.asarray(totals.pixels).sum(axis=0, dtype=np.int64)
  return int(histogram.f1_curve(pixels).argmax())
