"""Measures which values of DCT coefficients an image prefers.

Compression with one quantization table and then another leaves histograms of
coefficients with peaks and gaps. Blocks that were compressed once only, as
pasted ones often are, do not keep to them. The odds of a value tell, for a
whole image, how much more often it occurs than the values beside it.
"""

import numpy as np
from scipy import fft

BLOCK = 8  # Pixels.
LEVELS = 32  # Sizes of a coefficient that are told apart, from 1 on.
SCALE = 16  # Steps of the stored odds per unit of the natural logarithm.

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601.
_REACH = 2  # Values on either side that one is compared with.
_STRIP = 128  # Blocks that are transformed at once, to save memory.


def measure(pixels: np.ndarray, quantization: np.ndarray) -> np.ndarray:
  """Measures the odds of coefficients of luma.

  Args:
    pixels: RGB, uint8[h, w, 3]; JPEG's grid begins at its corner, and only
      whole blocks count.
    quantization: The file's table of luma, int[8, 8]; ones for files that are
      not JPEG.

  Returns:
    int8[64, LEVELS + 1]: for each frequency, row by row from the lowest, and
    each size in units of the table, the logarithm of its frequency over the
    mean of it and its neighbours, times `SCALE`. It is 0 for the size 0, and
    for the last, which stands for all larger ones.
  """
  rows, columns = (side // BLOCK for side in pixels.shape[:2])
  counts = np.zeros((BLOCK * BLOCK, LEVELS + 1))
  for first in range(0, rows, _STRIP):
    strip = pixels[BLOCK * first : BLOCK * min(first + _STRIP, rows)]
    luma = strip[:, : BLOCK * columns].astype(np.float32) @ _LUMA - 128
    blocks = luma.reshape(-1, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    sizes = np.abs(fft.dctn(blocks, axes=(2, 3), norm='ortho') / quantization)
    levels = np.minimum(np.round(sizes), LEVELS).astype(np.int64)
    levels = levels.reshape(-1, BLOCK * BLOCK)
    levels += np.arange(BLOCK * BLOCK) * (LEVELS + 1)
    counts += np.bincount(levels.ravel(), minlength=counts.size).reshape(
        counts.shape
    )
  return _odds(counts)


def _odds(counts: np.ndarray) -> np.ndarray:
  """Turns histograms, float64[64, LEVELS + 1], into odds; see `measure`."""
  inner = counts[:, 1:-1] + 1  # No logarithm of zero.
  size = 2 * _REACH + 1
  window = lambda x: np.apply_along_axis(
      np.convolve, 1, x, np.ones(size), 'same'
  )
  around = window(inner) / window(np.ones_like(inner))
  odds = np.zeros(counts.shape)
  odds[:, 1:-1] = np.log(inner / around)
  return np.clip(np.round(SCALE * odds), -127, 127).astype(np.int8)
