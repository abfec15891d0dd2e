"""The evaluation step: scores of patches, summed into `metrics.totals`.

Each device adds its shard of a batch to sums of its own; `make_sum_totals`
adds these up once, at the end of a split.
"""

from collections.abc import Mapping
import functools

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from manloc_jax import models
from manloc_jax.metrics import histogram
from manloc_jax.metrics import totals as totals_lib
from manloc_jax.models import postprocess
from manloc_jax.training import losses
from manloc_jax.training import microbatch
from manloc_jax.training import sharding
from manloc_jax.training import steps


def make_zero_totals(
    mesh: Mesh,
    *,
    bins: int,
    side: int,
    tasks: tuple[str, ...] = models.TASKS,
):
  """Returns `zeros(images) -> Totals`, which makes empty sums on each device.

  Args:
    mesh: Devices.
    bins: Of the histograms.
    side: Side of a patch in pixels.
    tasks: Of the network.
  """
  n = mesh.size

  def zeros(images: int) -> totals_lib.Totals:
    """Returns totals of nothing, one part for each device."""
    return totals_lib.Totals(
        patches=jnp.zeros((n, 1, 2, bins), jnp.int32),
        pixels=jnp.zeros((n, images, 2, bins), jnp.int32),
        postprocessed={
            name: jnp.zeros((n, images, 2, bins), jnp.int32)
            for name in postprocess.names(tasks)
        },
        positives=jnp.zeros((n, side, side), jnp.int32),
        loss=jnp.zeros((n, 3), jnp.float32),
        objective=jnp.zeros((n, 3), jnp.float32),
        non_finite=jnp.zeros((n, 2), jnp.int32),
    )

  return jax.jit(
      zeros, static_argnums=0, out_shardings=sharding.sharded(mesh)
  )


def make_eval_step(
    model,
    mesh: Mesh,
    *,
    loss: Mapping | None = None,
    smooth_sigma: float = 1.0,
    microbatch_size: int | None = None,
):
  """Returns `step(params, totals, batch) -> totals`; donates `totals`.

  Args:
    model: A module of `models`.
    mesh: Devices the batch is split over.
    loss: Weights of `losses.joint_loss`, for the objective.
    smooth_sigma: See `postprocess.variants`.
    microbatch_size: See `steps.make_train_step`.

  Returns:
    A compiled function. A batch is as of `steps.make_train_step`, with
    `image_index` i32[b], the row of each patch in `Totals.pixels`. Padding
    counts nowhere.
  """
  weights = dict(loss or {})
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(params, totals: totals_lib.Totals, batch):
    forward = lambda inputs: model.apply({'params': params}, *inputs)
    inputs = (batch['image'], batch['compression'])
    out = microbatch.map_over(forward, inputs, microbatch_size)
    new = _totals_of_batch(
        out, batch, totals.pixels.shape[1:], weights, smooth_sigma
    )
    return jax.tree.map(lambda total, x: total + x[None], totals, new)

  mapped = jax.shard_map(
      local_step,
      mesh=mesh,
      in_specs=(P(), P(sharding.DATA), P(sharding.DATA)),
      out_specs=P(sharding.DATA),
  )
  return jax.jit(mapped, donate_argnums=1)


def make_sum_totals(mesh: Mesh):
  """Returns `add(totals) -> totals`, the sums over the axis of devices.

  They do not depend on how the devices are divided among processes.
  """

  def add_up(part: jax.Array) -> jax.Array:
    """Adds the part of this device, [1, ...], to those of the others."""
    if jnp.issubdtype(part.dtype, jnp.integer):
      return jax.lax.psum(part[0], sharding.DATA)
    # Floats are gathered, and added in the order of devices.
    row = jax.lax.axis_index(sharding.DATA)
    rows = jnp.zeros((mesh.size, *part.shape[1:]), part.dtype)
    return jax.lax.psum(rows.at[row].set(part[0]), sharding.DATA).sum(axis=0)

  add = lambda totals: jax.tree.map(add_up, totals)
  mapped = jax.shard_map(
      add, mesh=mesh, in_specs=P(sharding.DATA), out_specs=P()
  )
  return jax.jit(mapped)


def _totals_of_batch(
    out: models.Outputs,
    batch: Mapping[str, jax.Array],
    shape: tuple[int, ...],
    weights: Mapping,
    smooth_sigma: float,
) -> totals_lib.Totals:
  """Counts one device's shard of a batch, without the device axis.

  Args:
    out: Logits of the patches.
    batch: As of `make_eval_step`.
    shape: Of the pixel scores' histogram, `(images, 2, bins)`.
    weights: Of `losses.joint_loss`, for the objective.
    smooth_sigma: Of `postprocess.variants`.
  """
  patch = steps.manipulation_probability(out.patch_logits)
  pixel = steps.manipulation_probability(out.mask_logits)
  postprocessed = {}
  if pixel is not None:
    postprocessed = postprocess.variants(patch, pixel, smooth_sigma)
  masks = batch['mask'].astype(jnp.int32)
  counted = batch['weight'] > 0
  ignored = -1  # A class that no histogram counts.
  pixel_truth = jnp.where(counted[:, None, None], masks, ignored)
  rows = jnp.broadcast_to(batch['image_index'][:, None, None], masks.shape)
  images, _, bins = shape

  def count_pixels(scores):
    if scores is None:
      scores = jnp.zeros(masks.shape)
    return histogram.histogram(
        scores.ravel(), pixel_truth.ravel(), rows.ravel(), (images, bins)
    )

  loss, objective = _loss_sums(out, batch, masks, weights)
  return totals_lib.Totals(
      patches=histogram.histogram(
          jnp.zeros(counted.shape) if patch is None else patch,
          jnp.where(counted, batch['label'], ignored),
          jnp.zeros_like(batch['label']),
          (1, bins),
      ),
      pixels=count_pixels(pixel),
      postprocessed=jax.tree.map(count_pixels, postprocessed),
      positives=jnp.where(counted[:, None, None], masks, 0).sum(axis=0),
      loss=loss,
      objective=objective,
      non_finite=jnp.stack([
          _count_non_finite(scores, counted) for scores in (patch, pixel)
      ]),
  )


def _loss_sums(
    out: models.Outputs,
    batch: Mapping[str, jax.Array],
    masks: jax.Array,
    weights: Mapping,
) -> tuple[jax.Array, jax.Array]:
  """Returns the sums `loss` and `objective` of `Totals`, f32[3] each."""
  joint_loss = functools.partial(
      losses.joint_loss,
      patch_logits=out.patch_logits,
      mask_logits=out.mask_logits,
      labels=batch['label'],
      masks=masks,
  )
  plain, objective = joint_loss(), joint_loss(**weights)
  summed = lambda terms, key: (terms[key] * batch['weight']).sum()
  loss = [
      summed(plain, 'patch'),
      summed(plain, 'mask'),
      batch['weight'].sum(),
  ]
  return jnp.stack(loss), jnp.stack([
      summed(objective, key) for key in ('total', 'patch', 'mask')
  ])


def _count_non_finite(
    scores: jax.Array | None, counted: jax.Array
) -> jax.Array:
  """Counts NaN and infinities, i32[], in the scores of examples that count."""
  if scores is None:
    return jnp.zeros_like(counted, jnp.int32).sum()
  each = (~jnp.isfinite(scores)).reshape(len(counted), -1).sum(axis=1)
  return (each * counted).sum(dtype=jnp.int32)
