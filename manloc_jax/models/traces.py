"""Traces of manipulation that a network reads in place of colours.

A photograph's content is a hundred times as strong as what an editor leaves in
it. Each function here measures something that depends little on content:
residuals of high-pass filters (Fridrich, Kodovsky: Rich models for
steganalysis of digital images, 2012), the DCT coefficients that a JPEG file
stores, and the spectrum that resampling leaves (Bappy et al., TIP 2019, fed
their LSTM such features).
"""

import jax
import jax.numpy as jnp
import numpy as np

BLOCK = 8  # Pixels, of JPEG's blocks.
# How `data/compression.py` stores logarithms of odds.
ODDS_ZERO, ODDS_SCALE = 128, 32

_LUMA = (0.299, 0.587, 0.114)  # Of red, green and blue (ITU-R BT.601).
_EXACT = jax.lax.Precision.HIGHEST  # Accelerators round more in products.
# Three of the kernels of rich models, as 5x5 pixels.
_LINE = np.zeros((5, 5))
_LINE[2, 1:4] = (0.5, -1, 0.5)
_SQUARE3 = np.zeros((5, 5))
_SQUARE3[1:4, 1:4] = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
_SQUARE5 = (
    np.array([
        [-1, 2, -2, 2, -1],
        [2, -6, 8, -6, 2],
        [-2, 8, -12, 8, -2],
        [2, -6, 8, -6, 2],
        [-1, 2, -2, 2, -1],
    ])
    / 12
)
_KERNELS = np.stack([_LINE, _SQUARE3, _SQUARE5], axis=-1)[:, :, None]
_MOST = 3.0  # Residuals beyond are edges.
_RESIDUAL_SCALE = 2.0  # Grey levels; brings most residuals below `_MOST`.
# Brings the prediction errors of photographs in [-1, 1] to about unit variance.
_PREDICTION_GAIN = 12.0


def luma(images: jax.Array) -> jax.Array:
  """Maps RGB in 0..255, [b, h, w, 3] of any type, to luma, f32[b, h, w]."""
  weights = jnp.array(_LUMA, jnp.float32)
  return jnp.dot(images.astype(jnp.float32), weights, precision=_EXACT)


def residuals(images: jax.Array) -> jax.Array:
  """Filters luma by three fixed high-pass filters.

  Args:
    images: [batch, h, w, 3], RGB in 0..255, uint8 or float.

  Returns:
    f32[batch, h, w, 3] in [-3, 3]; beyond the border pixels repeat.
  """
  padded = jnp.pad(luma(images), ((0, 0), (2, 2), (2, 2)), 'edge')
  filtered = jax.lax.conv_general_dilated(
      padded[..., None],
      jnp.asarray(_KERNELS, jnp.float32),
      window_strides=(1, 1),
      padding='VALID',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      precision=_EXACT,
  )
  return jnp.clip(filtered / _RESIDUAL_SCALE, -_MOST, _MOST)


def prediction_errors(kernel: jax.Array) -> jax.Array:
  """Constrains kernels to errors of predicting a pixel from its neighbours.

  The centre is -1 and the other weights sum to 1 (Bayar, Stamm: A deep learning
  approach to universal image manipulation detection, 2016), all times a gain.
  The weights are moved to that sum, not divided by their own, which may be 0.

  Args:
    kernel: f32[k, k, inputs, outputs], k odd.

  Returns:
    f32 of the same shape; each input channel has a kernel of its own.
  """
  side = len(kernel)
  centre = np.zeros((side, side, 1, 1), np.float32)
  centre[side // 2, side // 2] = 1
  around = kernel * (1 - centre)
  lacking = 1 - around.sum(axis=(0, 1), keepdims=True)
  around += (1 - centre) * lacking / (side**2 - 1)
  return _PREDICTION_GAIN * (around - centre)


def coefficients(
    blocks: jax.Array, compression: jax.Array | None
) -> jax.Array:
  """Computes what a JPEG file stores of blocks that lie on its grid.

  Args:
    blocks: f32[batch, n, 64], luma in 0..255 of 8x8 pixels, row by row.
    compression: uint8[batch, 8, 8, n], whose first entries are the quantization
      tables of luma, see `data/compression.py`; None for tables of ones.

  Returns:
    f32[batch, n, 64], whole numbers: coefficients in units of the table, row by
    row from the lowest frequency. Rounding of colours makes some of a real
    file's coefficients differ by one.
  """
  batch, count, _ = blocks.shape
  pixels = blocks.reshape(batch, count, BLOCK, BLOCK) - 128.0
  basis = jnp.asarray(_dct_basis(), jnp.float32)
  transformed = jnp.einsum(
      'uy,bnyx,vx->bnuv', basis, pixels, basis, precision=_EXACT
  )
  if compression is not None:
    transformed /= compression[:, None, ..., 0].astype(jnp.float32)
  return jnp.round(transformed).reshape(batch, count, BLOCK * BLOCK)


def odds(
    coefficients: jax.Array, compression: jax.Array | None
) -> jax.Array:
  """Looks up how often each coefficient's size occurs in the whole image.

  Args:
    coefficients: f32[batch, n, 64], of `coefficients`.
    compression: uint8[batch, 8, 8, 2 + levels], see `data/compression.py`; None
      for even odds.

  Returns:
    f32[batch, n, 64], logarithms of the odds.
  """
  if compression is None:
    return jnp.zeros_like(coefficients)
  batch, *_, entries = compression.shape
  stored = compression.reshape(batch, 1, BLOCK * BLOCK, entries)[..., 1:]
  level = jnp.minimum(jnp.abs(coefficients), entries - 2).astype(jnp.int32)
  found = jnp.take_along_axis(stored, level[..., None], axis=-1)[..., 0]
  return (found.astype(jnp.float32) - ODDS_ZERO) / ODDS_SCALE


def spectrum(blocks: jax.Array) -> jax.Array:
  """Computes how blocks deviate from what neighbours predict, by frequency.

  Interpolated pixels are predicted better at some positions than at others, and
  periodically so: peaks of the spectrum.

  Args:
    blocks: f32[batch, n, 64], luma in 0..255 of 8x8 pixels, row by row.

  Returns:
    f32[batch, n, 40], logarithms of magnitudes.
  """
  x = blocks.reshape(*blocks.shape[:2], BLOCK, BLOCK)
  inside = slice(1, -1)
  vertical = x[..., :-2, inside] + x[..., 2:, inside]
  horizontal = x[..., inside, :-2] + x[..., inside, 2:]
  error = jnp.abs((vertical + horizontal) / 4 - x[..., inside, inside])
  size = jnp.abs(jnp.fft.rfft2(error, s=(BLOCK, BLOCK)))
  return jnp.log1p(size).reshape(*blocks.shape[:2], -1)


def _dct_basis() -> np.ndarray:
  """Returns the orthonormal DCT of eight numbers as a matrix, f64[8, 8]."""
  frequency, position = np.mgrid[:BLOCK, :BLOCK]
  basis = np.cos((2 * position + 1) * frequency * np.pi / (2 * BLOCK))
  basis *= np.sqrt(2 / BLOCK)
  basis[0] /= np.sqrt(2)
  return basis
