"""The training state and the optimizer that updates it."""

from typing import Any

from flax import struct
import jax
import jax.numpy as jnp
import optax


@struct.dataclass
class TrainState:
  """Everything that a resumed run needs, as a pytree of arrays.

  Attributes:
    step: i32[], number of updates applied.
    params: Parameters of the network.
    opt_state: State of the optimizer.
    rng: Base key; each step folds `step` into it.
  """

  step: jax.Array
  params: Any
  opt_state: optax.OptState
  rng: jax.Array


def make_optimizer(
    *,
    learning_rate: float,
    num_steps: int,
    first_step: int = 0,
    warmup_steps: int = 0,
    final_fraction: float = 1.0,
    clip_norm: float = 0.0,
    weight_decay: float = 0.0,
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """Makes Adam (paper, section 3.1.3) with a schedule.

  Args:
    learning_rate: Peak, reached after the warm-up.
    num_steps: Updates in all; the schedule ends there.
    first_step: Updates before the schedule begins, of a run that is extended.
    warmup_steps: Updates of linear growth from zero.
    final_fraction: The last learning rate as a fraction of the peak, reached by
      a half cosine; 1 keeps it constant.
    clip_norm: Largest global norm of a gradient; 0 does not clip.
    weight_decay: Decoupled decay of the kernels (AdamW); 0 is plain Adam.

  Returns:
    The optimizer and its schedule, a function of the step.
  """
  schedule = optax.warmup_cosine_decay_schedule(
      init_value=0.0 if warmup_steps else learning_rate,
      peak_value=learning_rate,
      warmup_steps=warmup_steps,
      decay_steps=max(num_steps - first_step, warmup_steps + 1),
      end_value=final_fraction * learning_rate,
  )
  if first_step:
    schedule = optax.join_schedules(
        [optax.constant_schedule(0.0), schedule], [first_step]
    )
  kernels = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)
  return (
      optax.chain(
          optax.clip_by_global_norm(clip_norm) if clip_norm else
          optax.identity(),
          optax.adamw(schedule, weight_decay=weight_decay, mask=kernels),
      ),
      schedule,
  )


def create(
    model, tx: optax.GradientTransformation, side: int, key: jax.Array
) -> TrainState:
  """Returns the initial state; safe under `jax.jit` and `jax.eval_shape`.

  Args:
    model: A module of `models`.
    tx: The optimizer.
    side: Side of a patch in pixels.
    key: Random key, of the parameters and of all later steps.
  """
  init_key, rng = jax.random.split(key)
  params = model.init(init_key, jnp.zeros((1, side, side, 3)))['params']
  return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      opt_state=tx.init(params),
      rng=rng,
  )
