"""Initializers of the convolutions, an unstated choice of the paper.

Traces of manipulation lie in the residual of an image, what its neighbours do
not predict, at about a hundredth of the image's own scale. Where conv1 starts
as random filters its output is dominated by the image, and the long way from
the mask's loss back to conv1 corrects that slowly or never. `residual` starts
where the signal is: conv1 measures residuals at unit scale.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

INITS = ('glorot', 'residual')

# Brings the residuals of photographs in [-1, 1] to about unit variance.
_RESIDUAL_GAIN = 12.0


def get(init: str, layer: str) -> Callable:
  """Returns the kernel initializer of a layer.

  Args:
    init: `glorot` is Glorot's uniform in every layer; `residual` samples conv1
      by `residual_filters`, and the other layers with a ReLU behind them by
      He's rule.
    layer: `conv1` to `conv5`.

  Raises:
    ValueError: Unknown `init`.
  """
  if init not in INITS:
    raise ValueError(f'Unknown init {init!r}; choose one of {INITS}.')
  if init == 'residual' and layer in _RESIDUAL:
    return _RESIDUAL[layer]
  return nn.initializers.glorot_uniform()


def residual_filters(key, shape, dtype=jnp.float32) -> jax.Array:
  """Samples filters that do not respond to smooth image content.

  He's normal distribution, without the part that responds to polynomials of
  the second degree: constant, slopes and curvature.

  Args:
    key: Random key.
    shape: `(height, width, inputs, outputs)`.
    dtype: Of the result.

  Raises:
    ValueError: The kernel is too small to tell residuals from content.
  """
  height, width, *_ = shape
  if height * width <= 6:
    raise ValueError(
        f'A {height}x{width} kernel has no residual left; choose a larger'
        " model.kernel, or model.conv_init = 'glorot'."
    )
  y, x = np.mgrid[:height, :width].reshape(2, -1)
  smooth = np.stack([x**0, x, y, x * y, x**2, y**2], axis=1)
  orthonormal, _ = np.linalg.qr(smooth.astype(np.float64))
  kernel = nn.initializers.he_normal()(key, shape, jnp.float32)
  flat = kernel.reshape(height * width, -1)
  basis = jnp.asarray(orthonormal, jnp.float32)
  flat -= basis @ (basis.T @ flat)
  return (_RESIDUAL_GAIN * flat.reshape(shape)).astype(dtype)


_RESIDUAL = {
    'conv1': residual_filters,
    'conv2': nn.initializers.he_normal(),
    'conv3': nn.initializers.he_normal(),
    'conv4': nn.initializers.he_normal(),
}
