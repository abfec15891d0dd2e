"""Estimates the quality of an earlier compression on the same grid.

Coefficients that were quantized twice avoid some values and favour others. For
each quality of libjpeg the histograms are predicted that two compressions would
have left, and compared with those of the file. What the coefficients were like
before is read from the same pixels off the grid (Fridrich, Goljan, Hogea:
Attacking the OutGuess, 2002).
"""

import dataclasses

import numpy as np

from manloc_jax.examine import encoder_tables
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import luma as luma_lib

FREQUENCIES = jpeg.ZIGZAG[1:16]  # Without the mean, which depends on the scene.
# The tables of libjpeg for qualities 1 to 100, int[100, 8, 8].
TABLES = np.array(
    [encoder_tables.standard_luma(quality) for quality in range(1, 101)]
).reshape(100, 8, 8)
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as JFIF has it.
SIDE = 1024  # Pixels of the middle of an image that are looked at.
_LEAST_BLOCKS = 500
# Ramps and stripes have coefficients of few frequencies, and gather by nature.
_LEAST_FREQUENCIES, _OFTEN = 8, 0.01  # Of the blocks.
# Mean log-likelihood ratio of a block. That of photographs which were saved
# once was below 0.02, and what is between the two was wrong now and then.
_LEAST_EVIDENCE = 0.1
# Pixels down and right. `earlier_grid` finds a grid there most surely.
_OFF_GRID = (3, 2)
_NOISE = 0.5  # Grey levels: the standard deviation of rounding in a decoder.
_MOST_STEPS = 30  # Of the last quantization; higher values are rare.
_REACH, _PARTS = 400, 4  # Histograms: highest coefficient, bins in one level.

NO_PICTURE = (
    'The middle of the image has coefficients of few frequencies only, as'
    ' ramps, stripes and what is of one colour.'
)


@dataclasses.dataclass(frozen=True)
class Estimate:
  """An earlier compression.

  Attributes:
    quality: Of libjpeg, 1 to 100, whose table is nearest.
    evidence: Logarithm of the likelihood ratio against one compression, mean
      of a block.
  """

  quality: int
  evidence: float


def estimate(pixels: np.ndarray, quantization: np.ndarray) -> Estimate | str:
  """Estimates the quality of the compression before the last.

  Args:
    pixels: RGB, uint8[h, w, 3], as decoded.
    quantization: Table of luma of the file, int[8, 8].

  Returns:
    The estimate, or a sentence that says why there is none.
  """
  plane = luma(middle(pixels, SIDE))
  own = np.round(jpeg.block_dct(plane) / quantization).astype(int)
  if not is_picture(own):
    return NO_PICTURE
  varies = np.zeros(own.shape[:2], bool)
  for row, column in FREQUENCIES:
    varies |= own[:, :, row, column] != 0
  count = np.count_nonzero(varies)
  if count < _LEAST_BLOCKS:
    return (
        f'Only {count} blocks of the middle of the image have coefficients'
        f' beside the mean; {_LEAST_BLOCKS} are needed.'
    )
  off_grid = jpeg.block_dct(plane[_OFF_GRID[0] :, _OFF_GRID[1] :])
  gains = np.zeros(len(TABLES))
  for row, column in FREQUENCIES:
    gains += _gains(
        own[:, :, row, column][varies],
        off_grid[:, :, row, column],
        int(quantization[row, column]),
        TABLES[:, row, column],
    )
  gains /= count
  if gains.max() < _LEAST_EVIDENCE:
    return (
        'The histograms tell of no compression before the last. A last'
        ' compression that is as coarse, or coarser, hides earlier ones.'
    )
  return Estimate(int(gains.argmax()) + 1, round(float(gains.max()), 3))


def is_picture(coefficients: np.ndarray) -> bool:
  """Tells whether blocks have coefficients of many frequencies.

  Args:
    coefficients: [rows, columns, 8, 8]; those below 1 count as none.
  """
  often = [
      (np.abs(coefficients[:, :, row, column]) >= 1).mean() >= _OFTEN
      for row, column in FREQUENCIES
  ]
  return sum(often) >= _LEAST_FREQUENCIES


def middle(pixels: np.ndarray, side: int) -> np.ndarray:
  """Returns the middle of an image, from a multiple of 8 on."""
  height, width = pixels.shape[:2]
  top, left = (max(0, length - side) // 16 * 8 for length in (height, width))
  return pixels[top : top + side, left : left + side]


def luma(pixels: np.ndarray) -> np.ndarray:
  """Returns luma as JPEG files hold it, around 0, float64[h, w]."""
  return np.round(luma_lib.mix(pixels, _LUMA)) - 128


def _gains(
    own: np.ndarray, off_grid: np.ndarray, step: int, first_steps: np.ndarray
) -> np.ndarray:
  """Compares the histogram of a frequency with predictions.

  Args:
    own: Quantized coefficients of the file, int[n].
    off_grid: Those of the pixels off the grid, float64[...], not quantized.
    step: Of the file.
    first_steps: Of the compressions that are tried, int[m].

  Returns:
    float64[m], logarithm of the likelihood ratio against one compression.
  """
  most = min(_MOST_STEPS, _REACH // step)
  values = np.arange(-most, most + 1)
  # Zeros are left out: their number depends on the smoothness of the scene.
  counts = np.bincount(
      np.clip(own, -most - 1, most + 1) + most + 1, minlength=2 * most + 3
  )[1:-1] * (values != 0)
  single = _predicted(off_grid, step, most)
  ratios = {}
  for first in map(int, np.unique(first_steps)):
    double = _predicted(np.round(off_grid / first) * first, step, most)
    ratios[first] = counts @ np.log(double / single)
  return np.array([ratios[int(first)] for first in first_steps])


def _predicted(coefficients: np.ndarray, step: int, most: int) -> np.ndarray:
  """Returns the distribution after quantization by a step.

  Args:
    coefficients: Before it, float64[...]; noise is added to them.
    step: The step.
    most: Highest value.

  Returns:
    float64[2 * most + 1], nowhere 0; that of value 0 is 1 and means nothing.
  """
  edge = _REACH * _PARTS
  bins = np.clip(np.round(coefficients * _PARTS), -edge, edge).astype(int)
  fine = np.bincount(bins.ravel() + edge, minlength=2 * edge + 1)
  reach = np.arange(-8, 9) / _PARTS
  kernel = np.exp(-0.5 * (reach / _NOISE) ** 2)
  fine = np.convolve(fine, kernel / kernel.sum(), 'same')
  places = np.arange(-edge, edge + 1) / _PARTS / step
  coarse = np.zeros(2 * most + 3)
  for tie in (-1e-9, 1e-9):  # What lies between two values is halved.
    value = np.clip(np.round(places + tie), -most - 1, most + 1).astype(int)
    coarse += np.bincount(value + most + 1, fine / 2, 2 * most + 3)
  coarse = coarse[1:-1] + 0.5  # So that no value is impossible.
  coarse[most] = 0
  coarse /= coarse.sum()
  coarse[most] = 1
  return coarse
