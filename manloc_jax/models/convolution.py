"""Convolutions that are fast wherever they and their gradients are computed."""

import flax.linen as nn
import jax
from jax import lax
import jax.numpy as jnp

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# How many times fewer channels one side has, where products on a CPU beat
# XLA's convolutions.
_NARROW = 4


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

  Accelerators use their own convolution; a CPU uses `convolve_on_cpu`, and its
  gradients are written out: XLA's compiler brings the operands of a gradient
  into the order that its convolution expects, but not inside loops, where it
  falls back to one that is some twenty times slower.

  Args:
    x: [batch, height, width, inputs].
    kernel: [k, k, inputs, outputs], k odd.

  Returns:
    [batch, height, width, outputs].
  """
  return lax.platform_dependent(
      x, kernel, cpu=convolve_on_cpu, default=_convolve
  )


def _forward(x, kernel):
  return convolve(x, kernel), (x, kernel)


def _backward(saved, grad):
  return lax.platform_dependent(
      *saved, grad, cpu=_explicit_gradient, default=_by_autodiff
  )


convolve.defvjp(_forward, _backward)


def _explicit_gradient(x, kernel, grad):
  # y[p] = sum_q x[p + q] w[q], so dL/dx[p] = sum_q dL/dy[p + q] w[-q]^T.
  kernel_grad = kernel_gradient(x, grad, len(kernel)).astype(kernel.dtype)
  return convolve_on_cpu(grad, _transpose(kernel)), kernel_grad


def _by_autodiff(x, kernel, grad):
  # In the form that the compilers of accelerators recognize.
  return jax.vjp(_convolve, x, kernel)[1](grad)


def convolve_on_cpu(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Convolves, to few channels by one product.

  y[p] = sum_q x[p + q] w[q]: x times the kernels of all q is one product, and
  adding up its k^2 slices, each shifted by its q, is cheap for few outputs.

  Args:
    x: [batch, height, width, inputs].
    kernel: [k, k, inputs, outputs], k odd.

  Returns:
    [batch, height, width, outputs] of the dtype of `x`.
  """
  side, _, inputs, outputs = kernel.shape
  if _NARROW * outputs > inputs:
    return _convolve(x, kernel)
  batch, height, width, _ = x.shape
  kernels = kernel.transpose(2, 0, 1, 3).reshape(inputs, -1)
  products = jnp.dot(
      x, kernels.astype(x.dtype), preferred_element_type=_at_least_f32(x)
  )
  products = products.reshape(batch, height, width, side, side, outputs)
  margin = [(side // 2, side // 2)]
  products = jnp.pad(products, [(0, 0), *2 * margin, (0, 0), (0, 0), (0, 0)])
  shifted = [
      products[:, i : i + height, j : j + width, i, j]
      for i in range(side)
      for j in range(side)
  ]
  result = sum(shifted, start=jnp.zeros((), products.dtype))
  return result.astype(x.dtype)


def kernel_gradient(x: jax.Array, grad: jax.Array, side: int) -> jax.Array:
  """The gradient of a kernel: dL/dw[q] = sum_{n, p} x[n, p + q]^T dL/dy[n, p].

  The sum can be computed in two ways, for x and dL/dy may be exchanged where q
  changes its sign; the fast one has the array of fewer channels as x.

  Args:
    x: [batch, height, width, inputs].
    grad: [batch, height, width, outputs].
    side: k, odd.

  Returns:
    [k, k, inputs, outputs], at least f32.
  """
  inputs, outputs = x.shape[-1], grad.shape[-1]
  if outputs < inputs:
    return _transpose(kernel_gradient(grad, x, side))
  if _NARROW * inputs > outputs:
    return _convolve_batches(x, grad, side)
  _, height, width, _ = x.shape
  margin = [(side // 2, side // 2)]
  x = jnp.pad(x.transpose(3, 0, 1, 2), [(0, 0), (0, 0), *2 * margin])
  # A product of columns: x shifted by every pixel of the kernel.
  columns = jnp.stack([
      x[:, :, i : i + height, j : j + width]
      for i in range(side)
      for j in range(side)
  ])
  result = jnp.dot(
      columns.reshape(side**2 * inputs, -1),
      grad.reshape(-1, outputs),
      preferred_element_type=_at_least_f32(x),
  )
  return result.reshape(side, side, inputs, outputs)


def _convolve_batches(x, grad, side):
  """`kernel_gradient` as a convolution, where the batch is the channels."""
  margin = (side - 1) // 2
  result = lax.conv_general_dilated(
      x.transpose(3, 1, 2, 0),  # [inputs, height, width, batch]
      grad.transpose(1, 2, 0, 3),  # [height, width, batch, outputs]
      window_strides=(1, 1),
      padding=((margin, margin), (margin, margin)),
      dimension_numbers=_DIMENSIONS,
      preferred_element_type=_at_least_f32(x),
  )  # [inputs, k, k, outputs]
  return result.transpose(1, 2, 0, 3)


def _transpose(kernel: jax.Array) -> jax.Array:
  """Turns a kernel around its centre and swaps inputs and outputs."""
  return kernel[::-1, ::-1].swapaxes(2, 3)


def _at_least_f32(x: jax.Array) -> jnp.dtype:
  return jnp.promote_types(x.dtype, jnp.float32)


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
