"""Describes the JPEG compression of an image in one small array.

It holds the file's quantization table of luma and, for every coefficient of the
DCT, how much more often each size occurs in the image than the sizes beside it.
Compression with one table and then another leaves peaks and gaps there; blocks
that were compressed once only, as pasted ones often are, do not keep to them.
"""

import pathlib

import numpy as np
from scipy import fft

from manloc_jax.data.decoding import quantization as quantization_lib

BLOCK = 8  # Pixels along each side of JPEG's blocks.
LEVELS = 32  # Sizes of a coefficient that are told apart, from 1 on.
SHAPE = (BLOCK, BLOCK, LEVELS + 2)
# The stored odds are ZERO plus SCALE times their natural logarithm.
ZERO, SCALE = 128, 32

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601.
_REACH = 2  # Sizes on either side that one is compared with.
_MOST_BLOCKS = 16_384  # That are measured; in larger images, rows of them.

# Of pixels without a file and a grid: a table of ones, and even odds.
NONE = np.full(SHAPE, ZERO, np.uint8)
NONE[..., 0] = 1
NONE.flags.writeable = False


def of_file(path: pathlib.Path, pixels: np.ndarray) -> np.ndarray:
  """Describes an image file; see `measure`.

  Args:
    path: The file.
    pixels: RGB, uint8[h, w, 3], as `images.read_image` decodes it.

  Raises:
    DataError: It is no image.
  """
  return measure(pixels, quantization_lib.read(path))


def measure(
    pixels: np.ndarray, quantization: np.ndarray | None
) -> np.ndarray:
  """Describes the compression of an image.

  Args:
    pixels: RGB, uint8[h, w, 3]; JPEG's grid begins at its corner, and only
      whole blocks count.
    quantization: The file's table of luma, int[8, 8]; None for files that have
      none, which count as JPEG files with a table of ones.

  Returns:
    uint8[8, 8, 2 + LEVELS], for each frequency, the vertical one first: its
    step in the table, then for each size of the coefficient in steps, from 0
    on, `ZERO + SCALE * log(odds)`. Odds are its frequency over the mean of its
    own and those of sizes up to 2 away. They are even for the size 0, and for
    the last, which stands for all larger ones.
  """
  table = quantization_lib.ONES if quantization is None else quantization
  described = NONE.copy()
  described[..., 0] = table
  levels = _levels(pixels, table)
  if len(levels):
    levels += np.arange(BLOCK * BLOCK) * (LEVELS + 1)
    counts = np.bincount(
        levels.ravel(), minlength=BLOCK * BLOCK * (LEVELS + 1)
    )
    odds = _log_odds(counts.reshape(BLOCK, BLOCK, LEVELS + 1)[..., 1:-1])
    stored = np.round(ZERO + SCALE * odds)
    described[..., 2:-1] = np.clip(stored, 0, 2 * ZERO - 1)
  return described


def _levels(pixels: np.ndarray, table: np.ndarray) -> np.ndarray:
  """Returns the sizes of coefficients in steps, int64[blocks, 64]."""
  rows, columns = (side // BLOCK for side in pixels.shape[:2])
  fit = max(_MOST_BLOCKS // max(columns, 1), 1)
  chosen = np.unique(np.linspace(0, rows - 1, min(rows, fit)).astype(int))
  whole = pixels[: rows * BLOCK, : columns * BLOCK]
  strips = whole.reshape(rows, BLOCK, columns, BLOCK, 3)[chosen]
  luma = strips.astype(np.float32) @ _LUMA - 128
  blocks = luma.transpose(0, 2, 1, 3)
  sizes = np.abs(fft.dctn(blocks, axes=(2, 3), norm='ortho')) / table
  levels = np.minimum(np.round(sizes), LEVELS).astype(np.int64)
  return levels.reshape(-1, BLOCK * BLOCK)


def _log_odds(counts: np.ndarray) -> np.ndarray:
  """Compares each count of the last axis with the mean of those around it."""
  counts = counts + 1.0  # No logarithm of zero.
  last = counts.shape[-1]
  total = np.concatenate(
      [np.zeros((*counts.shape[:-1], 1)), counts.cumsum(axis=-1)], axis=-1
  )
  first = np.maximum(np.arange(last) - _REACH, 0)
  end = np.minimum(np.arange(last) + _REACH + 1, last)
  return np.log(counts * (end - first) / (total[..., end] - total[..., first]))
