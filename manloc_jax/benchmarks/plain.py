"""The network in plain Linen layers: the reference of benchmarks and tests.

It has none of the optimizations of `models`, computes the same function and
keeps its parameters in the same tree.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax import models


class LSTMCell(nn.Module):
  """One step of an LSTM, gates in the order input, forget, cell, output."""

  hidden: int
  forget_bias: float

  @nn.compact
  def __call__(self, carry, x: jax.Array):
    """Maps f32[batch, inputs] to f32[batch, hidden]; both in the carry."""
    cell, output = carry
    gates = nn.Dense(4 * self.hidden, name='input')(x)
    gates += nn.Dense(4 * self.hidden, use_bias=False, name='recurrent')(output)
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = nn.sigmoid(f + self.forget_bias) * cell
    cell += nn.sigmoid(i) * jnp.tanh(g)
    output = nn.sigmoid(o) * jnp.tanh(cell)
    return (cell, output), output


class BlockLSTM(nn.Module):
  """LSTM cells, scanned over the blocks and stacked."""

  hidden: tuple[int, ...]
  forget_bias: float
  dropout: float

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
    """Maps f32[batch, steps, inputs] to f32[batch, steps, hidden[-1]]."""
    scan = nn.scan(
        LSTMCell,
        variable_broadcast='params',
        split_rngs={'params': False},
        in_axes=1,
        out_axes=1,
    )
    for i, width in enumerate(self.hidden):
      if i:
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
      zeros = jnp.broadcast_to(x[:, 0, :1] * 0, (x.shape[0], width))
      cell = scan(width, self.forget_bias, name=f'layer{i + 1}')
      _, x = cell((zeros, zeros), x)
    return x


class PlainNetwork(models.ConvLSTMConv):
  """`models.ConvLSTMConv` in plain layers, with the same fields.

  Attributes:
    plain_convolutions: Whether the convolutions and the max pool are plain.
    plain_lstm: Whether the LSTM is.
  """

  plain_convolutions: bool = True
  plain_lstm: bool = True

  def _set_up_lstm(self):
    if not self.plain_lstm:
      super()._set_up_lstm()
      return
    # The same calls as those of the parent's layers.
    self.lstm = BlockLSTM(  # type: ignore[assignment]
        tuple(self.lstm_hidden), self.forget_bias, self.lstm_dropout
    )

  def _set_up_convolutions(self):
    if not self.plain_convolutions:
      super()._set_up_convolutions()
      return
    # Any: the parent has layers of its own under these names.
    conv: Callable[[int, int], Any] = lambda filters, side: nn.Conv(
        filters, (side, side)
    )
    self.conv1 = conv(self.conv1_filters, self.kernel)
    self.conv2 = conv(self.conv2_filters, self.kernel)
    self.conv3 = conv(self.conv3_filters, self.kernel)
    self.conv4 = conv(self._conv4_filters, self.conv45_kernel)
    self.conv5 = conv(2, self.conv45_kernel)

  def _convolve(self, x: jax.Array) -> jax.Array:
    if not self.plain_convolutions:
      return super()._convolve(x)
    x = self.conv2(nn.relu(self.conv1(x)))
    return nn.relu(x) if self.conv2_activation else x

  def _decode_map(self, x: jax.Array, pools: bool) -> jax.Array:
    if not self.plain_convolutions:
      return super()._decode_map(x, pools)
    x = nn.relu(self.conv3(x))
    x = self.conv4(nn.max_pool(x, (2, 2), (2, 2)) if pools else x)
    return x if self.decoder == 'conv34' else self.conv5(nn.relu(x))
