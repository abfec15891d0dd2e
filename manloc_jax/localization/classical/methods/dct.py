"""DCT histograms: the trace of aligned double compression (ADQ1).

Lin, He, Tang, Tang: Fast, automatic and fine-grained tampered JPEG image
detection via DCT coefficient analysis (2009).
"""

import numpy as np

from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import interface
from manloc_jax.localization.classical import jpeg

_FREQUENCIES = 15
_MIN_PEAK = 1 / 5  # Of the spectrum's value at 0.
_MAX_FLOOR = 0.9  # Of the spectrum's peak.


def score(image: jpeg.Jpeg) -> np.ndarray:
  """Scores blocks by coefficients that double compression makes rare.

  Histograms of twice quantized coefficients are periodic. A forged block
  was compressed once on this grid, and its values are distributed evenly over
  a period.

  Args:
    image: A JPEG image.

  Returns:
    float64[rows, columns], probability of a forged block. It is 1/2
    everywhere if no histogram is periodic, and where no block is counted.
  """
  counted = image.counted
  if not counted.any():
    return np.full(counted.shape, 0.5)
  forged = untouched = np.ones(image.coefficients.shape[:2])
  for row, column in jpeg.ZIGZAG[:_FREQUENCIES]:
    values = image.coefficients[:, :, row, column]
    picked = flat.pick(values, counted)
    low, high = picked.min(), picked.max()
    values = np.clip(values, low, high) - low + 1  # Empty bins at both ends.
    histogram = np.bincount(
        (picked - low + 1).ravel(), minlength=high - low + 3
    )
    period = _period(histogram)
    if period > 1:
      forged = forged / period
      untouched = untouched * _fractions(histogram, period)[values]
  return np.where(counted, forged / (forged + untouched), 0.5)


def _period(histogram: np.ndarray) -> int:
  """Returns the period of a histogram, int[n]; 1 if it has none."""
  spectrum = np.abs(np.fft.fft(histogram))
  rises = np.flatnonzero(np.diff(spectrum) > 0)
  valley = rises[0] if rises.size else len(spectrum)
  beyond = spectrum[valley : len(spectrum) // 2]  # The first lobe is left.
  if not beyond.size:
    return 1
  peak = beyond.max()
  if peak < _MIN_PEAK * spectrum[0] or beyond.min() > _MAX_FLOOR * peak:
    return 1
  return int(len(spectrum) / (valley + beyond.argmax()) + 0.5)


def _fractions(histogram: np.ndarray, period: int) -> np.ndarray:
  """Returns the fraction of every bin in its period, float64[n].

  Periods begin at the highest bin, to both sides. As in the toolbox, bins
  less than a period below it belong to the period above it, and a period that
  reaches over an end of the histogram is moved inside.
  """
  size = len(histogram)
  highest = histogram.argmax()
  offset = np.trunc((np.arange(size) - highest) / period).astype(int) * period
  start = highest + offset - (period - 1) * (offset < 0)
  start = np.clip(start, 0, size - period)
  below = np.concatenate([[0], np.cumsum(histogram)])
  totals = below[start + period] - below[start]
  # A period without blocks has no block to score.
  return histogram / np.maximum(totals, 1)


METHOD = interface.Method(
    score,
    needs='jpeg',
    block=8,
    is_probability=True,
    constant_score=0.5,
    min_side=64,
    max_megapixels=50,
)
