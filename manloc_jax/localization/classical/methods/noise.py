"""Noise inconsistencies.

Mahdian, Saic: Using noise inconsistencies for blind image forensics (2009),
without its last step, which merges blocks to regions.
"""

import numpy as np
import pywt

from manloc_jax.localization.classical import interface
from manloc_jax.localization.classical import luma

_BLOCK = 8  # Coefficients, of 2x2 pixels each.
_WAVELET = pywt.Wavelet('db8')
_STRIP = 8  # Blocks.
_MEDIAN_OF_NORMAL = 0.6745  # Of the absolute value, at a deviation of 1.


def score(pixels: np.ndarray) -> np.ndarray:
  """Scores blocks of 16x16 pixels by their noise.

  A high value means more noise. Less noise than elsewhere is as good a sign of
  manipulation: the direction of the score is arbitrary.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    float64[rows, columns], standard deviation of the noise in grey levels. The
    wavelet's own support adds up to a block in each direction:
    `rows = ((h + 15) // 2) // 8`.
  """
  height = len(pixels)
  rows = pywt.dwt_coeff_len(height, _WAVELET, 'symmetric') // _BLOCK
  strips = []
  for first in range(0, rows, _STRIP):
    start = max(first - 1, 0)  # The wavelet reaches less than a block back.
    lines = np.s_[2 * _BLOCK * start : 2 * _BLOCK * (first + _STRIP)]
    grey = np.round(luma.studio_luma(pixels[lines]))
    strips.append(_deviations(grey)[first - start :][:_STRIP])
  return np.concatenate(strips)


def _deviations(grey: np.ndarray) -> np.ndarray:
  """Returns the deviation of the noise of a strip; see `score`."""
  _, across = pywt.dwt(grey, _WAVELET, axis=1)
  _, diagonal = pywt.dwt(across, _WAVELET, axis=0)
  rows, columns = (side // _BLOCK for side in diagonal.shape)
  blocks = np.abs(diagonal[: rows * _BLOCK, : columns * _BLOCK]).reshape(
      rows, _BLOCK, columns, _BLOCK
  )
  return np.median(blocks, (1, 3)) / _MEDIAN_OF_NORMAL


METHOD = interface.Method(
    score,
    needs='pixels',
    block=16,
    is_probability=False,
    constant_score=0.0,
    min_side=32,
    max_megapixels=50,
)
