"""Stacked LSTM over the blocks of one patch (paper, Eqs. 1 and 2)."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

Carry = tuple[jax.Array, jax.Array]  # Cell state C and output z of a step.


def cell_step(
    kernel: jax.Array, bias: jax.Array, carry: Carry, x: jax.Array
) -> tuple[Carry, jax.Array]:
  """Computes one LSTM step; a single product makes all gates.

  Args:
    kernel: [inputs + hidden, 4 * hidden], of the dtype of `x`; gates in the
      order input, forget, cell, output.
    bias: f32[4 * hidden].
    carry: Cell state f32[batch, hidden] and output [batch, hidden] of the step
      before.
    x: [batch, inputs]; its dtype is that of the product, which adds up in f32.

  Returns:
    The new carry, and the four gates [batch, 4 * hidden] that made it.
  """
  cell, output = carry
  inputs = jnp.concatenate([x, output], axis=-1)
  gates = jnp.dot(inputs, kernel, preferred_element_type=bias.dtype)
  gates += bias[None]
  i, f, g, o = jnp.split(gates, 4, axis=-1)
  i, f, g, o = nn.sigmoid(i), nn.sigmoid(f), jnp.tanh(g), nn.sigmoid(o)
  cell = f * cell + i * g  # Eq. 1.
  output = o * jnp.tanh(cell)  # Eq. 2.
  gates = jnp.concatenate([i, f, g, o], axis=-1)
  return (cell, output.astype(x.dtype)), gates.astype(x.dtype)


def cell_step_gradient(
    recurrent: jax.Array, carry: Carry, step: tuple[jax.Array, ...]
) -> tuple[Carry, jax.Array]:
  """Steps backward through `cell_step`, leaving the weights for later.

  Args:
    recurrent: [4 * hidden, hidden], transpose of the rows of the kernel for
      the output of the step before.
    carry: Gradients of the step's cell state and output from later steps,
      f32[batch, hidden] each.
    step: Of this step: the gradient of its output from above, the cell state,
      the cell state before, and the gates.

  Returns:
    The carry of the step before, and the gradient [batch, 4 * hidden] of the
    gates before their activations.
  """
  grad_cell, grad_output = carry
  grad_above, cell, cell_before, gates = step
  i, f, g, o = jnp.split(gates, 4, axis=-1)
  tanh_cell = jnp.tanh(cell)
  grad_output += grad_above
  grad_cell += grad_output * o * (1 - tanh_cell**2)
  grad_gates = jnp.concatenate(
      [
          grad_cell * g * i * (1 - i),
          grad_cell * cell_before * f * (1 - f),
          grad_cell * i * (1 - g**2),
          grad_output * tanh_cell * o * (1 - o),
      ],
      axis=-1,
  ).astype(gates.dtype)
  grad_before = jnp.dot(
      grad_gates, recurrent, preferred_element_type=cell.dtype
  )
  return (grad_cell * f, grad_before), grad_gates


@jax.custom_vjp
def lstm(kernel: jax.Array, bias: jax.Array, x: jax.Array) -> jax.Array:
  """Runs one LSTM over a sequence from a zero state.

  Its gradient defers the weights: the backward scan yields the gradients of
  the gates alone, and sum_t [x_t, z_{t-1}]^T dgates_t is then a single product
  over all steps, instead of a small one added up in each.

  Args:
    kernel: f32[inputs + hidden, 4 * hidden], see `cell_step`.
    bias: f32[4 * hidden].
    x: [steps, batch, inputs]; its dtype is that of the products.

  Returns:
    [steps, batch, hidden], the output of every step, of the dtype of `x`.
  """
  kernel = kernel.astype(x.dtype)

  def step(carry, x):
    carry, _ = cell_step(kernel, bias, carry, x)
    return carry, carry[1]

  return jax.lax.scan(step, _zero_carry(bias, x), x)[1]


def _lstm_forward(kernel, bias, x):
  kernel = kernel.astype(x.dtype)

  def step(carry, x):
    carry, gates = cell_step(kernel, bias, carry, x)
    return carry, (*carry, gates)

  cells, outputs, gates = jax.lax.scan(step, _zero_carry(bias, x), x)[1]
  return outputs, (kernel, bias, x, cells, outputs, gates)


def _lstm_backward(saved, grad):
  kernel, bias, x, cells, outputs, gates = saved
  inputs = x.shape[-1]
  recurrent = kernel[inputs:].T
  before = lambda y: jnp.concatenate([jnp.zeros_like(y[:1]), y[:-1]])

  def step(carry, step):
    return cell_step_gradient(recurrent, carry, step)

  zeros, _ = _zero_carry(bias, x)
  _, grad_gates = jax.lax.scan(
      step, (zeros, zeros), (grad, cells, before(cells), gates), reverse=True
  )
  all_inputs = jnp.concatenate([x, before(outputs)], axis=-1)
  return (
      jnp.einsum(
          'tbi,tbo->io',
          all_inputs,
          grad_gates,
          preferred_element_type=bias.dtype,
      ),
      grad_gates.sum(axis=(0, 1), dtype=bias.dtype),
      grad_gates @ kernel[:inputs].T,
  )


lstm.defvjp(_lstm_forward, _lstm_backward)


def _zero_carry(bias: jax.Array, x: jax.Array) -> Carry:
  # Taken from `x`, not from zeros of their own: the carry then varies over the
  # devices like the batch, which `scan` under `shard_map` insists on.
  zeros = jnp.zeros_like(x[0, :, :1])
  zeros = jnp.broadcast_to(zeros, (x.shape[1], bias.size // 4))
  return zeros.astype(bias.dtype), zeros


class _Weights(nn.Module):
  """Declares the parameters of an `nn.Dense` without applying it."""

  shape: tuple[int, int]
  kernel_init: Callable
  use_bias: bool = True

  @nn.compact
  def __call__(self) -> tuple[jax.Array, ...]:
    kernel = self.param('kernel', self.kernel_init, self.shape)
    if not self.use_bias:
      return (kernel,)
    return kernel, self.param('bias', nn.initializers.zeros, self.shape[1:])


class LSTM(nn.Module):
  """One LSTM over a sequence.

  Attributes:
    hidden: Width of the cell state and of the output.
    forget_bias: Added to the forget gate before its sigmoid; no parameter.
  """

  hidden: int
  forget_bias: float = 1.0

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [steps, batch, inputs] to [steps, batch, hidden], same dtype.

    Keeps `outputs` and `cells` of all steps where Flax collects intermediates.
    """
    width = 4 * self.hidden
    init = nn.initializers.glorot_uniform()
    kernel, bias = _Weights((x.shape[-1], width), init, name='input')()
    (recurrent,) = _Weights(
        (self.hidden, width), _orthogonal_per_gate, False, name='recurrent'
    )()
    forget = jnp.array([0, self.forget_bias, 0, 0], bias.dtype)
    bias += jnp.repeat(forget, self.hidden)
    weights = jnp.concatenate([kernel, recurrent]), bias
    if not self.is_mutable_collection('intermediates'):
      return lstm(*weights, x)
    outputs, (*_, cells, _, _) = _lstm_forward(*weights, x)
    self.sow('intermediates', 'outputs', outputs)
    self.sow('intermediates', 'cells', cells)
    return outputs


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
    forget_bias: See `LSTM`.
    dropout: Rate of dropout between layers.
  """

  hidden: Sequence[int] = (256, 256, 256)
  forget_bias: float = 1.0
  dropout: float = 0.0

  @nn.compact
  def __call__(self, blocks: jax.Array, *, train: bool = False) -> jax.Array:
    """Maps [batch, steps, features] to [batch, steps, hidden[-1]]."""
    x = blocks.swapaxes(0, 1)
    for i, width in enumerate(self.hidden):
      if i:
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
      x = LSTM(width, self.forget_bias, name=f'layer{i + 1}')(x)
    return x.swapaxes(0, 1)
