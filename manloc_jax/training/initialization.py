"""The state that training starts from: restored, fine-tuned or random."""

import dataclasses
import functools
import sys
from typing import Any

import jax
import ml_collections
import optax
from orbax import checkpoint as ocp

from manloc_jax import errors
from manloc_jax import models
from manloc_jax.training import checkpoint
from manloc_jax.training import network_weights
from manloc_jax.training import run_history
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib


def restore_or_initialize(
    config: ml_collections.ConfigDict,
    model,
    tx: optax.GradientTransformation,
    mesh,
    manager: ocp.CheckpointManager,
) -> tuple[state_lib.TrainState, checkpoint.Progress]:
  """Returns the state of the newest checkpoint, or an initial one.

  The initial parameters are random or those that `train.init_from` names.

  Args:
    config: The run's config.
    model: A module of `models`.
    tx: The optimizer.
    mesh: Devices, which all get a copy.
    manager: Of the run's checkpoints.

  Returns:
    The state on the devices, and the progress of the run so far.

  Raises:
    UserError: A checkpoint or a file of weights does not hold this model, or it
      is damaged.
  """
  fresh = _new_state(model, tx, mesh, config.seed)
  if config.train.init_from and manager.latest_step() is None:
    weights = _trained(config.train.init_from)
    models.check_shapes(
        weights.params, fresh.params, f'What {config.train.init_from!r} names'
    )
    params = sharding.replicate(weights.params, mesh)
    fresh = dataclasses.replace(fresh, params=params)
    if jax.process_index() == 0:
      _record(config.train.init_from, weights, manager.directory.parent)
  return checkpoint.restore_or(manager, fresh)


def _trained(init_from: str) -> network_weights.Weights:
  """Returns the weights of a file, or the best of a run."""
  path = network_weights.file_of(init_from)
  if path is None:
    return network_weights.of_run(init_from, read_threshold=False)
  return network_weights.load(path)


def _record(
    init_from: str, weights: network_weights.Weights, workdir: Any
) -> None:
  """Says what a run starts from, and writes it into the run's history."""
  origin = weights.provenance
  print(
      f'Starts from the parameters of {init_from} at step {origin["step"]},'
      f' trained on {origin["data"].get("name")}; the optimizer starts anew.',
      file=sys.stderr,
  )
  run_history.record_start(
      workdir,
      {
          'source': init_from,
          'params_sha256': network_weights.digest(weights.params),
          **origin,
      },
  )


def _new_state(model, tx, mesh, seed: int) -> state_lib.TrainState:
  """Makes the initial state on the devices: no host copy, no transfer."""
  create = lambda key: state_lib.create(model, tx, models.SIDE, key)
  create = jax.jit(
      create,
      out_shardings=sharding.replicated(mesh),
      # It runs once: what counts is the time to compile it.
      compiler_options={'xla_backend_optimization_level': 1},
  )
  return create(jax.random.key(seed))


def check_conv2_is_active(model, params: Any, images: jax.Array) -> None:
  """Refuses initial parameters whose conv2 is zero everywhere.

  Args:
    model: A module of `models`; one without a ReLU after conv2 passes.
    params: Its parameters.
    images: uint8[batch, side, side, 3], of training.

  Raises:
    UserError: conv2 is zero everywhere, so that nothing could be learned.
  """
  fields = dict(vars(model))
  if fields.get('lstm_input') != 'conv' or not fields['conv2_activation']:
    return
  # Compiled as one: operation by operation takes seconds.
  read_blocks = jax.jit(functools.partial(model.apply, method='read_blocks'))
  blocks = read_blocks({'params': params}, images)
  if not bool((blocks > 0).any()):
    raise errors.UserError(
        'No value of conv2 is positive at the start, so its ReLU passes'
        ' nothing and no gradient returns; choose another --config.seed or a'
        ' larger --config.model.conv2_filters.'
    )
