"""Stops a training at the first update whose numbers are not finite."""

import math

import jax

from manloc_jax import errors

# Of `steps.make_train_step`, and what they are called.
_NAMES = {'total': 'loss', 'grad_norm': 'norm of the gradient'}


class Watch:
  """Keeps losses and gradients on the devices until they are checked.

  Once a gradient is not finite no later one is, for the parameters are not: the
  last update tells of all before it. What is saved after a check is good.
  """

  def __init__(self):
    self._pending: list[tuple[int, dict[str, jax.Array]]] = []

  def add(self, step: int, scalars: dict[str, jax.Array]) -> None:
    """Takes the scalars of an update, without a wait for them."""
    self._pending.append((step, {name: scalars[name] for name in _NAMES}))

  def check(self) -> None:
    """Waits for the updates that were added since the last check.

    Raises:
      UserError: The loss or the gradient of one is not finite; the sentence
        names the first.
    """
    pending, self._pending = self._pending, []
    if not pending or _is_finite(pending[-1][1]):
      return
    for step, scalars in pending:
      for key, name in _NAMES.items():
        if not math.isfinite(value := float(scalars[key])):
          raise errors.UserError(
              f'The {name} is {value} at step {step}, of batch {step} of this'
              ' seed, and no checkpoint holds it; choose a smaller'
              ' --config.optim.learning_rate or a --config.optim.clip_norm, and'
              ' another --workdir.'
          )


def _is_finite(scalars: dict[str, jax.Array]) -> bool:
  return all(math.isfinite(float(x)) for x in scalars.values())
