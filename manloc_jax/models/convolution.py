"""Convolutions whose gradients are fast wherever they are evaluated."""

import flax.linen as nn
import jax
from jax import lax
import jax.numpy as jnp

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')


def _convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
  return lax.conv_general_dilated(
      x,
      kernel.astype(x.dtype),
      window_strides=(1, 1),
      padding='SAME',
      dimension_numbers=_DIMENSIONS,
  )


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Convolves with zeros beyond the borders, in the dtype of `x`.

  XLA's compiler for CPUs brings the operands of a gradient into the order that
  its convolution is made for, but not inside loops, where it falls back to one
  that is some twenty times slower; there the gradients are written out, see
  `input_gradient` and `kernel_gradient`.

  Args:
    x: [batch, height, width, inputs].
    kernel: [k, k, inputs, outputs], k odd.

  Returns:
    [batch, height, width, outputs].
  """
  return _convolve(x, kernel)


def _forward(x, kernel):
  return _convolve(x, kernel), (x, kernel)


def _backward(saved, grad):
  return lax.platform_dependent(
      *saved, grad, cpu=_written_out, default=_by_autodiff
  )


convolve.defvjp(_forward, _backward)


def _written_out(x, kernel, grad):
  kernel_grad = kernel_gradient(x, grad, len(kernel)).astype(kernel.dtype)
  return input_gradient(grad, kernel), kernel_grad


def _by_autodiff(x, kernel, grad):
  # In the form that the compilers of accelerators look for.
  return jax.vjp(_convolve, x, kernel)[1](grad)


def input_gradient(grad: jax.Array, kernel: jax.Array) -> jax.Array:
  """The gradient of the input is a convolution with the transposed kernel.

  y[p] = sum_q x[p + q] w[q], so dL/dx[p] = sum_q dL/dy[p + q] w[-q]^T.

  Args:
    grad: [batch, height, width, outputs], gradient of the result.
    kernel: [k, k, inputs, outputs].

  Returns:
    [batch, height, width, inputs].
  """
  return _convolve(grad, _transpose(kernel))


def kernel_gradient(x: jax.Array, grad: jax.Array, side: int) -> jax.Array:
  """The gradient of the kernel is a convolution over the batch.

  dL/dw[q, c, d] = sum_{n, p} x[n, p + q, c] dL/dy[n, p, d]: the batch takes
  the place of the channels, and the gradient that of the kernel. The sum has
  two readings, for x and dL/dy may change places where q changes its sign; the
  fast one has the array of fewer channels as the image.

  Args:
    x: [batch, height, width, inputs].
    grad: [batch, height, width, outputs].
    side: k, odd.

  Returns:
    [k, k, inputs, outputs], at least f32.
  """
  if grad.shape[-1] < x.shape[-1]:
    return _transpose(kernel_gradient(grad, x, side))
  margin = (side - 1) // 2
  result = lax.conv_general_dilated(
      x.transpose(3, 1, 2, 0),  # [inputs, height, width, batch]
      grad.transpose(1, 2, 0, 3),  # [height, width, batch, outputs]
      window_strides=(1, 1),
      padding=((margin, margin), (margin, margin)),
      dimension_numbers=_DIMENSIONS,
      preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
  )  # [inputs, k, k, outputs]
  return result.transpose(1, 2, 0, 3)


def _transpose(kernel: jax.Array) -> jax.Array:
  """Turns a kernel around its centre and swaps inputs and outputs."""
  return kernel[::-1, ::-1].swapaxes(2, 3)


class Conv(nn.Module):
  """A convolution; parameters as of `nn.Conv`.

  Attributes:
    features: Output channels.
    kernel_size: Side of the kernel, odd.
    kernel_init: Initializer of the kernel.
  """

  features: int
  kernel_size: int = 5
  kernel_init: nn.initializers.Initializer = nn.initializers.glorot_uniform()

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, h, w, c] to [b, h, w, features] of the same dtype."""
    side = self.kernel_size
    shape = (side, side, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    return convolve(x, kernel) + bias.astype(x.dtype).reshape(1, 1, 1, -1)
