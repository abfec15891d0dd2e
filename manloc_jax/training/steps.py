"""One training or prediction step, mapped over the devices.

Each step is written for one device's shard of the batch; what crosses devices
is a visible `psum`.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
import optax

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
    uint8[b, side, side], `compression` uint8[b, 8, 8, 34], `label` i32[b] and
    `weight` f32[b]; an example of weight zero is padding. Scalars are means
    over the weights.
  """
  gradient = jax.grad(_make_loss(model, dict(loss or {})), has_aux=True)
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(state: state_lib.TrainState, batch):
    """Works on the part of a batch that one device holds."""
    symmetry_key, dropout_key = _step_keys(state)
    if symmetries:
      batch = _augment(batch, symmetry_key)
    local_sums = _sum_gradients(
        gradient, state.params, batch, dropout_key, microbatch_size
    )
    grads, terms = jax.lax.psum(local_sums, sharding.DATA)
    scalars = {**terms, 'grad_norm': optax.tree.norm(grads)}
    return _apply_gradients(state, tx, grads), scalars

  mapped = jax.shard_map(
      local_step,
      mesh=mesh,
      in_specs=(P(), P(sharding.DATA)),
      out_specs=(P(), P()),
  )
  return jax.jit(mapped, donate_argnums=0)


def _step_keys(state: state_lib.TrainState) -> jax.Array:
  """Returns this device's keys of symmetries and of dropout, key[2]."""
  key = jax.random.fold_in(state.rng, state.step)
  key = jax.random.fold_in(key, jax.lax.axis_index(sharding.DATA))
  return jax.random.split(key)


def _augment(batch: dict[str, jax.Array], key: jax.Array):
  """Returns the batch with its patches flipped and rotated at random."""
  images, masks, compression = augment.random_symmetry(
      batch['image'], batch['mask'], batch['compression'], key
  )
  return {**batch, 'image': images, 'mask': masks, 'compression': compression}


def _sum_gradients(
    gradient: Callable,
    params: Any,
    batch: dict[str, jax.Array],
    dropout_key: jax.Array,
    microbatch_size: int,
) -> tuple[Any, dict[str, jax.Array]]:
  """Returns one device's addends to the gradient and to the loss terms.

  Args:
    gradient: `gradient(params, batch, total, key) -> (grads, terms)`.
    params: Parameters, the same on all devices.
    batch: This device's shard.
    dropout_key: Key of this device and step.
    microbatch_size: See `make_train_step`.
  """
  # Weights of the whole batch, so that padding never biases the mean.
  total = jax.lax.psum(batch['weight'].sum(), sharding.DATA)
  examples = jnp.arange(batch['weight'].size)

  # Without the cast, autodiff sums the gradient over devices by itself and
  # the `psum` of the step would count it once per device.
  params = jax.lax.pcast(params, sharding.DATA, to='varying')

  def grads_and_terms(microbatch_arrays):
    batch, examples = microbatch_arrays
    key = jax.random.fold_in(dropout_key, examples[0])
    return gradient(params, batch, total, key)

  return microbatch.sum_over(
      grads_and_terms, (batch, examples), microbatch_size
  )


def _apply_gradients(
    state: state_lib.TrainState, tx: optax.GradientTransformation, grads: Any
) -> state_lib.TrainState:
  """Returns the state after one update."""
  updates, opt_state = tx.update(grads, state.opt_state, state.params)
  return dataclasses.replace(
      state,
      step=state.step + 1,
      params=optax.apply_updates(state.params, updates),
      opt_state=opt_state,
  )


def _make_loss(model, loss: Mapping):
  """Returns `f(params, batch, total, key) -> (loss, terms)` of a microbatch.

  `total` is the sum of the weights of the whole batch.
  """

  def objective(params, batch, total, key):
    """Returns loss and terms of a microbatch; see `_make_loss`."""
    out = model.apply(
        {'params': params},
        batch['image'],
        batch['compression'],
        train=True,
        rngs={'dropout': key},
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


def manipulation_probability(logits: jax.Array | None) -> jax.Array | None:
  """Maps f32[..., 2] logits to probabilities, f32[...]; None stays None."""
  return None if logits is None else jax.nn.softmax(logits)[..., 1]


def make_predict_step(
    model, mesh: Mesh, *, microbatch_size: int | None = None
):
  """Returns `predict(params, images, compression) -> scores`.

  Args:
    model: A module of `models`.
    mesh: Devices the images are split over.
    microbatch_size: See `make_train_step`.

  Returns:
    A compiled function. Images are uint8[batch, side, side, 3], compression
    uint8[batch, 8, 8, 34]; scores are those of patches and of pixels,
    probabilities of manipulation, f32[batch] and f32[batch, side, side],
    sharded like the images, or None where the network does not have that task.
  """
  if microbatch_size is None:
    microbatch_size = microbatch.default_size(mesh)

  def local_step(params, images, compression):
    """Works on the part of a batch that one device holds."""
    def predict(inputs):
      out = model.apply({'params': params}, *inputs)
      return (
          manipulation_probability(out.patch_logits),
          manipulation_probability(out.mask_logits),
      )

    inputs = (images, compression)
    return microbatch.map_over(predict, inputs, microbatch_size)

  mapped = jax.shard_map(
      local_step,
      mesh=mesh,
      in_specs=(P(), P(sharding.DATA), P(sharding.DATA)),
      out_specs=(P(sharding.DATA), P(sharding.DATA)),
  )
  return jax.jit(mapped)
