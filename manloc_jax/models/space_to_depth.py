"""Convolutions with few channels after a space-to-depth transform.

The transform turns a map of side s and c channels into one of side s/2 and 4c
channels, each position of which holds 2x2 pixels. A 5x5 convolution of c to d
channels then is a 3x3 convolution of 4c to 4d channels: the same sums in
another order, in a shape that matrix units compute fast. A 2x2 max pool is a
maximum over the four pixels of a position, whose gradient is a comparison
where that of a pooling window is a scatter.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax.models import convolution


def to_depth(x: jax.Array) -> jax.Array:
  """Maps [b, h, w, c] to [b, h/2, w/2, 4c], 2x2 pixels row by row."""
  b, h, w, c = x.shape
  x = x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, h // 2, w // 2, 4 * c)


def to_space(x: jax.Array) -> jax.Array:
  """Maps [b, h, w, 4c] to [b, 2h, 2w, c]; inverts `to_depth`."""
  b, h, w, c = x.shape
  x = x.reshape(b, h, w, 2, 2, c // 4).transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(b, 2 * h, 2 * w, c // 4)


@jax.custom_vjp
def pool(x: jax.Array) -> jax.Array:
  """Maps [b, h, w, 4c] to [b, h, w, c]: the 2x2 max pool of the pixels.

  Pixels that are the largest of their position divide its gradient evenly.
  """
  return _by_pixel(x).max(axis=3)


def _by_pixel(x: jax.Array) -> jax.Array:
  b, h, w, c = x.shape
  return x.reshape(b, h, w, 4, c // 4)


def _pool_forward(x):
  largest = pool(x)
  return largest, (x, largest)


def _pool_backward(saved, grad):
  x, largest = saved
  # Counted by comparing slices: fuses into one loop, where the reduction of
  # autodiff writes an array of the size of x.
  count = sum((y == largest).astype(x.dtype) for y in jnp.split(x, 4, axis=-1))
  grad_each = (grad / count)[:, :, :, None]
  is_largest = _by_pixel(x) == largest[:, :, :, None]
  return (jnp.where(is_largest, grad_each, 0).reshape(x.shape),)


pool.defvjp(_pool_forward, _pool_backward)


def depth_kernel(kernel: jax.Array) -> jax.Array:
  """Turns a kernel on pixels into one on maps after `to_depth`.

  The output pixel (a, b) of a position depends on the rows and columns around
  it, so its kernel is the given one shifted by (a, b) within the pixels that
  the positions of the result span.

  Args:
    kernel: f32[k, k, c, d], k odd.

  Returns:
    f32[n, n, 4c, 4d], n = 3 for k = 3 or 5.

  Raises:
    ValueError: k is even.
  """
  k, _, c, d = kernel.shape
  if k % 2 == 0:
    raise ValueError(
        f'A kernel of {k} pixels has no centre; choose an odd model.kernel.'
    )
  reach = (k - 1) // 2
  n = 2 * ((reach + 1) // 2) + 1
  before = n - 1 - reach
  pad = lambda shift: (before + shift, 2 * n - k - before - shift)
  shifted = [
      jnp.pad(kernel, (pad(a), pad(b), (0, 0), (0, 0)))
      for a in (0, 1)
      for b in (0, 1)
  ]
  x = jnp.stack(shifted, axis=-2)  # [2n, 2n, c, 4, d]
  x = x.reshape(n, 2, n, 2, c, 4, d).transpose(0, 2, 1, 3, 4, 5, 6)
  return x.reshape(n, n, 4 * c, 4 * d)


class SpaceToDepthConv(nn.Module):
  """A convolution of pixels on maps after `to_depth`.

  Its parameters are those of `nn.Conv` on the pixels.

  Attributes:
    features: Output channels per pixel.
    kernel_size: Side of the kernel in pixels, odd.
    kernel_init: Initializer of the kernel on pixels.
    constraint: Maps the kernel on pixels to the one that is used.
  """

  features: int
  kernel_size: int = 5
  kernel_init: nn.initializers.Initializer = nn.initializers.glorot_uniform()
  constraint: Callable[[jax.Array], jax.Array] | None = None

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, h, w, 4c] to [b, h, w, 4 * features] of the same dtype."""
    side = self.kernel_size
    shape = (side, side, x.shape[-1] // 4, self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    if self.constraint is not None:
      kernel = self.constraint(kernel)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    bias = jnp.tile(bias, 4).astype(x.dtype).reshape(1, 1, 1, -1)
    return convolution.convolve(x, depth_kernel(kernel)) + bias
