"""One training, evaluation or prediction step, mapped over the devices.

Each step is written for one device's shard of the batch; what crosses devices
is a visible `psum`.
"""

from collections.abc import Mapping
import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
import optax

from manloc_jax import models
from manloc_jax.metrics import histogram
from manloc_jax.metrics import totals as totals_lib
from manloc_jax.models import postprocess
from manloc_jax.training import augment
from manloc_jax.training import losses
from manloc_jax.training import microbatch
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib


def make_train_step(
    model,
    tx: optax.GradientTransformation,
    mesh: Mesh,
    *,
    loss: Mapping | None = None,
    symmetries: bool = False,
    microbatch_size: int | None = None,
):
  """Returns `step(state, batch) -> (state, scalars)`; donates `state`.

  Args:
    model: A module of `models`.
    tx: The optimizer.
    mesh: Devices the batch is split over.
    loss: Weights of `losses.joint_loss`.
    symmetries: Whether patches are flipped and rotated at random.
    microbatch_size: Patches that a device computes at once, 0 for all, by
      default what is fastest there. The gradient is the same sum.

  Returns:
    A compiled function. A batch holds `image` uint8[b, side, side, 3], `mask`
    uint8[b, side, side], `label` i32[b] and `weight` f32[b]; an example of
    weight zero is padding. Scalars are means over the weights.
  """
  gradient = jax.grad(_make_loss(model, dict(loss or {})), has_aux=True)
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(state: state_lib.TrainState, batch):
    key = jax.random.fold_in(state.rng, state.step)
    key = jax.random.fold_in(key, jax.lax.axis_index(sharding.DATA))
    symmetry_key, dropout_key = jax.random.split(key)
    if symmetries:
      images, masks = augment.random_symmetry(
          batch['image'], batch['mask'], symmetry_key
      )
      batch = {**batch, 'image': images, 'mask': masks}
    # Weights of the whole batch, so that padding never biases the mean.
    total = jax.lax.psum(batch['weight'].sum(), sharding.DATA)
    examples = jnp.arange(batch['weight'].size)

    # Without the cast, autodiff sums the gradient over devices by itself and
    # the psum below would count it once per device.
    params = jax.lax.pcast(state.params, sharding.DATA, to='varying')

    def grads_and_terms(microbatch_arrays):
      batch, examples = microbatch_arrays
      key = jax.random.fold_in(dropout_key, examples[0])
      return gradient(params, batch, total, key)

    summed = microbatch.sum_over(
        grads_and_terms, (batch, examples), microbatch_size
    )
    grads, terms = jax.lax.psum(summed, sharding.DATA)

    updates, opt_state = tx.update(grads, state.opt_state, state.params)
    new_state = dataclasses.replace(
        state,
        step=state.step + 1,
        params=optax.apply_updates(state.params, updates),
        opt_state=opt_state,
    )
    return new_state, {**terms, 'grad_norm': optax.tree.norm(grads)}

  mapped = jax.shard_map(
      local_step,
      mesh=mesh,
      in_specs=(P(), P(sharding.DATA)),
      out_specs=(P(), P()),
  )
  return jax.jit(mapped, donate_argnums=0)


def _make_loss(model, loss: Mapping):
  """Returns `f(params, batch, total, key) -> (loss, terms)` of a microbatch.

  `total` is the sum of the weights of the whole batch.
  """

  def objective(params, batch, total, key):
    out = model.apply(
        {'params': params}, batch['image'], train=True, rngs={'dropout': key}
    )
    terms = losses.joint_loss(
        patch_logits=out.patch_logits,
        mask_logits=out.mask_logits,
        labels=batch['label'],
        masks=batch['mask'].astype(jnp.int32),
        **loss,
    )
    terms = {k: (v * batch['weight']).sum() / total for k, v in terms.items()}
    return terms['total'], terms

  return objective


def _score(logits: jax.Array | None) -> jax.Array | None:
  """Probability of manipulation from [..., 2] logits; None stays None."""
  return None if logits is None else jax.nn.softmax(logits)[..., 1]


def _count_non_finite(
    scores: jax.Array | None, counted: jax.Array
) -> jax.Array:
  """Counts NaN and infinities, i32[], in the scores of examples that count."""
  if scores is None:
    return jnp.zeros_like(counted, jnp.int32).sum()
  each = (~jnp.isfinite(scores)).reshape(len(counted), -1).sum(axis=1)
  return (each * counted).sum(dtype=jnp.int32)


def make_predict_step(
    model, mesh: Mesh, *, microbatch_size: int | None = None
):
  """Returns `predict(params, images) -> (patch scores, pixel scores)`.

  Images are uint8[batch, side, side, 3]; scores are probabilities of
  manipulation, f32[batch] and f32[batch, side, side], sharded like the images,
  or None where the network does not have that task.
  `microbatch_size` is as for training.
  """
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(params, images):
    def predict(images):
      out = model.apply({'params': params}, images)
      return _score(out.patch_logits), _score(out.mask_logits)

    return microbatch.map_over(predict, images, microbatch_size)

  mapped = jax.shard_map(
      local_step,
      mesh=mesh,
      in_specs=(P(), P(sharding.DATA)),
      out_specs=(P(sharding.DATA), P(sharding.DATA)),
  )
  return jax.jit(mapped)


def make_zero_totals(
    mesh: Mesh,
    *,
    bins: int,
    side: int,
    tasks: tuple[str, ...] = models.TASKS,
):
  """Returns `zeros(images) -> Totals`: a set of empty sums on each device."""
  n = mesh.size

  def zeros(images: int) -> totals_lib.Totals:
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

  A batch is as for training, with `image_index` i32[b], the row of each
  patch in `Totals.pixels`. Padding counts nowhere. `loss` and
  `microbatch_size` are as for training; `smooth_sigma` is that of
  `postprocess.variants`.
  """
  weights = dict(loss or {})
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(params, totals: totals_lib.Totals, batch):
    forward = lambda images: model.apply({'params': params}, images)
    out = microbatch.map_over(forward, batch['image'], microbatch_size)
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


def _totals_of_batch(
    out: models.Outputs,
    batch: Mapping[str, jax.Array],
    shape: tuple[int, ...],
    weights: Mapping,
    smooth_sigma: float,
) -> totals_lib.Totals:
  """Counts one device's shard of a batch, without the device axis.

  Args:
    out: What the network says about the patches.
    batch: As of `make_eval_step`.
    shape: Of the pixel scores' histogram, `(images, 2, bins)`.
    weights: Of `losses.joint_loss`, for the objective.
    smooth_sigma: Of `postprocess.variants`.
  """
  patch, pixel = _score(out.patch_logits), _score(out.mask_logits)
  after = {}
  if pixel is not None:
    after = postprocess.variants(patch, pixel, smooth_sigma)
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
      postprocessed=jax.tree.map(count_pixels, after),
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


def make_sum_totals(mesh: Mesh):
  """Returns `add(totals) -> totals`: sums over the devices, whose axis goes."""
  add = lambda t: jax.tree.map(lambda x: jax.lax.psum(x[0], sharding.DATA), t)
  mapped = jax.shard_map(
      add, mesh=mesh, in_specs=P(sharding.DATA), out_specs=P()
  )
  return jax.jit(mapped)
