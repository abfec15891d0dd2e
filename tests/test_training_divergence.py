"""Updates that are not finite: the first is named."""

import jax.numpy as jnp
import pytest

from manloc_jax import errors
from manloc_jax.training import divergence


def watch(losses, norms=None) -> divergence.Watch:
  watch = divergence.Watch()
  for step, loss in enumerate(losses, 1):
    norm = norms[step - 1] if norms else 1.0
    watch.add(
        step, {'total': jnp.float32(loss), 'grad_norm': jnp.float32(norm)}
    )
  return watch


def test_finite_updates_pass_and_are_forgotten():
  seen = watch([1.0, 0.5])
  seen.check()
  seen.check()


def test_the_first_of_several_bad_updates_is_named():
  nan = float('nan')
  with pytest.raises(errors.UserError, match='loss is nan at step 3, of batch'):
    watch([1.0, 0.5, nan, nan, nan]).check()


def test_a_gradient_tells_before_the_loss_does():
  norms = [1.0, float('inf')]
  with pytest.raises(errors.UserError, match='gradient is inf at step 2'):
    watch([1.0, 0.5], norms).check()
