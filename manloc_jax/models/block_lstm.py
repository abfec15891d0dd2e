"""Stacked LSTM over the blocks of one patch (paper, Eqs. 1 and 2)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

Carry = tuple[jax.Array, jax.Array]  # Cell state C and output z of a step.


class LSTMCell(nn.Module):
  """One LSTM step with fused gates, in the order input, forget, cell, output.

  Flax's own cells start every gate bias at zero and cannot add a forget bias.

  Attributes:
    hidden: Width of the cell state and of the output.
    forget_bias: Added to the forget gate before its sigmoid; no parameter.
    kernel_init: Initializer of the input weights.
  """

  hidden: int
  forget_bias: float = 1.0
  kernel_init: Callable = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(self, carry: Carry, x: jax.Array) -> tuple[Carry, jax.Array]:
    """Maps f32[batch, features] to f32[batch, hidden]; both in the carry."""
    cell, output = carry
    gates = nn.Dense(
        4 * self.hidden, kernel_init=self.kernel_init, name='input'
    )(x)
    gates += nn.Dense(
        4 * self.hidden,
        use_bias=False,
        kernel_init=_orthogonal_per_gate,
        name='recurrent',
    )(output)
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = nn.sigmoid(f + self.forget_bias) * cell  # Eq. 1.
    cell += nn.sigmoid(i) * jnp.tanh(g)
    output = nn.sigmoid(o) * jnp.tanh(cell)  # Eq. 2.
    return (cell, output), output


def _orthogonal_per_gate(key, shape, dtype=jnp.float32):
  """Initializes [hidden, 4 * hidden] as four orthogonal matrices."""
  hidden = shape[0]
  make = nn.initializers.orthogonal()
  blocks = [make(k, (hidden, hidden), dtype) for k in jax.random.split(key, 4)]
  return jnp.concatenate(blocks, axis=1)


class BlockLSTM(nn.Module):
  """Runs stacked LSTMs over the block axis, first block to last.

  Attributes:
    hidden: Width of each layer, first to last; the paper stacks three.
    forget_bias: See `LSTMCell`.
    dropout: Rate of dropout between layers.
  """

  hidden: Sequence[int] = (256, 256, 256)
  forget_bias: float = 1.0
  dropout: float = 0.0

  @nn.compact
  def __call__(self, blocks: jax.Array, *, train: bool = False) -> jax.Array:
    """Maps f32[batch, steps, features] to f32[batch, steps, hidden[-1]]."""
    scan = nn.scan(
        LSTMCell,
        variable_broadcast='params',
        split_rngs={'params': False},
        in_axes=1,
        out_axes=1,
    )
    x = blocks
    for i, width in enumerate(self.hidden):
      if i:
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
      # Taken from `x`, not from zeros of its own: the carry then varies over
      # the devices like the batch, which `scan` under `shard_map` insists on.
      zeros = jnp.broadcast_to(
          jnp.zeros_like(x[:, 0, :1]), (x.shape[0], width)
      )
      cell = scan(width, self.forget_bias, name=f'layer{i + 1}')
      _, x = cell((zeros, zeros), x)
    return x
