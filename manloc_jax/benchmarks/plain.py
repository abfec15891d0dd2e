"""The network as one would first write it in Linen: the reference.

It knows none of the arrangements of `models`, computes the same function and
keeps its parameters in the same tree.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax import models
from manloc_jax.models import blocks
from manloc_jax.models import network


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


class PlainNetwork(models.JConvLSTMConv):
  """`models.JConvLSTMConv` in plain layers; the same fields, and which parts.

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
    self.lstm = BlockLSTM(
        tuple(self.lstm_hidden), self.forget_bias, self.lstm_dropout
    )

  def _set_up_convolutions(self):
    if not self.plain_convolutions:
      super()._set_up_convolutions()
      return
    conv = lambda filters, side: nn.Conv(filters, (side, side))
    self.conv1 = conv(self.conv1_filters, self.kernel)
    self.conv2 = conv(self.conv2_filters, self.kernel)
    self.conv3 = conv(self.conv3_filters, self.kernel)
    self.conv4 = conv(self.conv4_filters, self.conv45_kernel)
    self.conv5 = conv(2, self.conv45_kernel)

  def read_blocks(self, images: jax.Array) -> jax.Array:
    """Convolves patches and cuts the map into blocks."""
    if not self.plain_convolutions:
      return super().read_blocks(images)
    x = nn.relu(self.conv1(network.normalize(images, self.input_norm)))
    x = self.conv2(x)
    x = nn.relu(x) if self.conv2_activation else x
    return blocks.to_sequence(x, self.grid, self.block_order)

  def decode(self, outputs: jax.Array, side: int = models.SIDE) -> jax.Array:
    """Turns the LSTM's outputs into the logits of a mask."""
    if not self.plain_convolutions:
      return super().decode(outputs, side)
    x = blocks.to_map(outputs, self.grid, self.block_order)
    x = nn.relu(self.conv3(x))
    if self._pools(x.shape[1], side):
      x = nn.max_pool(x, (2, 2), (2, 2))
    return self.conv5(nn.relu(self.conv4(x)))
