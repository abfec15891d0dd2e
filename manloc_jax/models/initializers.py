"""Initializers of the convolutions, an unstated choice of the paper."""

from collections.abc import Callable

import flax.linen as nn

INITS = ('glorot',)


def get(init: str, layer: str) -> Callable:
  """Returns the kernel initializer of a layer.

  Args:
    init: `glorot` is Glorot's uniform in every layer.
    layer: `conv1` to `conv5`.

  Raises:
    ValueError: Unknown `init`.
  """
  del layer
  if init == 'glorot':
    return nn.initializers.glorot_uniform()
  raise ValueError(f'Unknown init {init!r}; choose one of {INITS}.')
