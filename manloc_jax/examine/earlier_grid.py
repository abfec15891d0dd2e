"""Finds the grid of an earlier compression, and its quality.

On the grid on which an image was compressed, its coefficients gather at
multiples of the quantization steps. For each of the 64 grids and each quality
of libjpeg it is measured how strongly they do, as the mean cosine of their
phases.
"""

import dataclasses
import itertools

import numpy as np

from manloc_jax.examine import earlier_jpeg
from manloc_jax.localization.classical import jpeg

SIDE = 640  # Pixels of the middle of an image that are looked at.
_LEAST_SIDE = 128
_QUALITIES = np.arange(30, 98)  # Finer steps than those of 97 leave no gaps.
_REACH, _PARTS = 400, 4  # Histograms: highest coefficient, bins in one level.
# In standard deviations of coefficients without any grid. The best of all grids
# and qualities has about 4 then.
_LEAST_STRENGTH = 10.0
# A JPEG file's own grid shows on grids that lie half a block beside it as well,
# the more blocks there are, as if of a finer compression. This is times the
# square root of their number.
_LEAST_STRENGTH_BESIDE = 1.0
_HALF = 4  # Pixels of a block.


@dataclasses.dataclass(frozen=True)
class Grid:
  """The grid of an earlier compression.

  Attributes:
    top: Row of its first line, 0 to 7 pixels.
    left: Column of its first line, 0 to 7 pixels.
    quality: Of libjpeg, whose table fits best.
    strength: In standard deviations of what chance leaves.
    is_beside: Whether it lies half a block beside a JPEG file's own grid, where
      an earlier compression on that grid leaves a trace as well.
  """

  top: int
  left: int
  quality: int
  strength: float
  is_beside: bool


def find(pixels: np.ndarray, quantization: np.ndarray | None) -> Grid | str:
  """Finds the grid of an earlier compression.

  Args:
    pixels: RGB, uint8[h, w, 3], as decoded.
    quantization: Table of luma of a JPEG file, int[8, 8], whose own grid is
      none; None for other files.

  Returns:
    The grid, or a sentence that says why there is none.
  """
  height, width = pixels.shape[:2]
  if min(height, width) < _LEAST_SIDE:
    return (
        f'The image has {width}x{height} pixels; {_LEAST_SIDE} are needed in'
        ' both directions.'
    )
  part = earlier_jpeg.middle(pixels, SIDE)
  plane = earlier_jpeg.luma(part)
  if not earlier_jpeg.is_picture(jpeg.block_dct(plane)):
    return earlier_jpeg.NO_PICTURE
  strengths = _strengths(plane).reshape(8, 8, -1)
  excess = strengths - np.median(strengths, axis=(0, 1))
  if quantization is not None:
    excess = np.minimum(excess, _beyond_mirrored(strengths))
    excess[0, 0] = -np.inf
    excess[::_HALF, ::_HALF, _is_finer(quantization)] = -np.inf
  top, left, index = np.unravel_index(excess.argmax(), excess.shape)
  strength = float(excess[top, left, index])
  # The mirror image of these is themselves.
  is_beside = quantization is not None and top % _HALF == left % _HALF == 0
  least = _LEAST_STRENGTH
  if is_beside:
    blocks = part.shape[0] * part.shape[1] / 64
    least = max(least, _LEAST_STRENGTH_BESIDE * blocks**0.5)
  if strength < least:
    return (
        'No grid of an earlier compression was found. A coarse last'
        ' compression hides it, and resizing removes it.'
    )
  quality = int(_QUALITIES[index])
  return Grid(
      int(top), int(left), quality, round(strength, 1), bool(is_beside)
  )


def _is_finer(quantization: np.ndarray) -> np.ndarray:
  """Tells which qualities have finer steps than a table, bool[qualities]."""
  rows, columns = zip(*earlier_jpeg.FREQUENCIES, strict=True)
  tables = earlier_jpeg.TABLES[_QUALITIES - 1]
  return tables[:, rows, columns].mean(1) < quantization[rows, columns].mean()


def _strengths(plane: np.ndarray) -> np.ndarray:
  """Returns how strongly coefficients gather at multiples of steps.

  Args:
    plane: Luma, float64[h, w].

  Returns:
    float64[64, qualities], for each grid, those that begin in row 0 first, and
    each quality, in standard deviations of evenly distributed phases.
  """
  tables = earlier_jpeg.TABLES[_QUALITIES - 1]
  frequencies = earlier_jpeg.FREQUENCIES
  steps = np.unique([tables[:, row, column] for row, column in frequencies])
  edge = _REACH * _PARTS
  levels = np.arange(-edge, edge + 1) / _PARTS
  # What was quantized to 0 has no phase.
  counts = (np.abs(levels)[:, None] > steps / 2).astype(np.float32)
  cosines = np.cos(2 * np.pi * levels[:, None] / steps) * counts
  both = np.concatenate([cosines, counts], axis=1, dtype=np.float32)
  height, width = ((side - 8) // 8 * 8 for side in plane.shape)
  plane = plane.astype(np.float32)
  histograms = np.stack([
      _histogram(blocks[:, :, row, column], edge)
      for top, left in itertools.product(range(8), range(8))
      for blocks in [
          jpeg.block_dct(plane[top : top + height, left : left + width])
      ]
      for row, column in frequencies
  ])
  sums, numbers = np.split(histograms @ both, 2, axis=1)
  total, count = np.zeros((2, 64, len(_QUALITIES)))
  for i, (row, column) in enumerate(frequencies):
    at = np.searchsorted(steps, tables[:, row, column])
    is_coarse = tables[:, row, column] > 1
    total += sums[i :: len(frequencies), at] * is_coarse
    count += numbers[i :: len(frequencies), at] * is_coarse
  return total / np.sqrt(count / 2 + 1)


def _histogram(values: np.ndarray, edge: int) -> np.ndarray:
  bins = np.clip(np.round(values * _PARTS), -edge, edge).astype(np.int32)
  counts = np.bincount(bins.ravel() + edge, minlength=2 * edge + 1)
  return counts.astype(np.float32)


def _beyond_mirrored(strengths: np.ndarray) -> np.ndarray:
  """Subtracts the strongest of the grids on the other sides of the own grid.

  What a file's own grid leaves on others is alike on both its sides.

  Args:
    strengths: float64[8, 8, qualities].

  Returns:
    float64 of the same shape, infinite for grids that have no other side.
  """
  mirror = -np.arange(8) % 8
  others = [
      strengths[mirror], strengths[:, mirror], strengths[mirror][:, mirror]
  ]  # fmt: skip
  excess = np.full(strengths.shape, np.inf)
  row, column = np.indices((8, 8))
  is_itself = [
      row == mirror[row],
      column == mirror[column],
      (row == mirror[row]) & (column == mirror[column]),
  ]
  for other, itself in zip(others, is_itself, strict=True):
    difference = np.where(itself[..., None], np.inf, strengths - other)
    excess = np.minimum(excess, difference)
  return excess
