"""Aligned double compression with a model of its histograms (ADQ2).

Bianchi, De Rosa, Piva: Improved DCT coefficient analysis for forgery
localization in JPEG images (2011).
"""

from collections.abc import Iterable, Iterator
import dataclasses

import numpy as np
from scipy import ndimage

from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import interface
from manloc_jax.localization.classical import jpeg

# Highest first step tried, from low to high frequency.
_MAX_STEPS = (20,) * 10 + (30,) * 5
_BINS = np.arange(-(2**11), 2**11)
ZERO = 2**11  # Bin of the coefficient 0.
_MIN_FRACTION = 0.25  # Of twice compressed blocks; fewer are not trusted.
_REACH = 6  # Standard deviations that the rounding error's kernel spans.
_SMOOTHING = 5  # Blocks.


@dataclasses.dataclass(frozen=True)
class Fitted:
  """What one frequency says about blocks that were compressed twice.

  Attributes:
    bins: int[rows, columns], where the coefficient of each block counts in the
      histograms.
    observed: int[4096], the histogram of the coefficients.
    single: int[4096], the histogram that they would have after one compression.
    odds: float64[4096], odds that a value comes from two compressions; 1 where
      they cannot be told apart.
  """

  bins: np.ndarray
  observed: np.ndarray
  single: np.ndarray
  odds: np.ndarray


def score(image: jpeg.Jpeg) -> np.ndarray:
  """Scores blocks by how badly a double compression explains them.

  Args:
    image: A JPEG image.

  Returns:
    float64[rows, columns], probability of a block that was compressed once
    on this grid, in an image compressed twice; 1/2 where no histogram is
    informative or the block is not counted, and 0 at corners, where the last
    median filter reads zeros outside.
  """
  return combine(fit(image), image.counted)


def fit(image: jpeg.Jpeg) -> Iterator[Fitted]:
  """Fits the model to each frequency; to none where no block is counted.

  Args:
    image: A JPEG image.

  Yields:
    What the 15 lowest frequencies say, in the order of `jpeg.ZIGZAG`.
  """
  counted = image.counted
  if not counted.any():
    return
  error = image.rounding_error
  # Off the grid, coefficients are distributed as before any quantization.
  unquantized = jpeg.low_frequencies(image.luma[1:, 1:])
  all_counted = (
      counted[:-1, :-1] & counted[:-1, 1:] & counted[1:, :-1] & counted[1:, 1:]
  )  # Of the four blocks under one off the grid.
  for i, max_step in enumerate(_MAX_STEPS):
    row, column = jpeg.ZIGZAG[i]
    values = image.coefficients[:, :, row, column]
    step = int(image.quantization[row, column])
    noise = flat.pick(error[i], counted)
    observed = _histogram(flat.pick(values, counted))
    single = _histogram(flat.pick(unquantized[i], all_counted) / step)
    odds = _odds_of_double(
        observed,
        single,
        step,
        max_step,
        bias=noise.mean() / step if i == 0 else 0.0,
        std=noise.std() / step,
    )
    yield Fitted(_bin(values), observed, single, odds)


def combine(fitted: Iterable[Fitted], counted: np.ndarray) -> np.ndarray:
  """Returns the map of `score`.

  Args:
    fitted: Of `fit`.
    counted: bool[rows, columns], of the image.
  """
  odds = np.ones(counted.shape)
  for one in fitted:
    odds *= one.odds[one.bins]
  # The filter treats blocks that are not counted as outside of the image.
  scores = np.where(counted, 1 / (1 + odds), 0)
  scores = ndimage.median_filter(scores, _SMOOTHING, mode='constant')
  return np.where(counted, scores, 0.5)


def _bin(values: np.ndarray) -> np.ndarray:
  nearest = np.round(values).astype(int)
  return np.clip(nearest, _BINS[0], _BINS[-1]) + ZERO


def _histogram(values: np.ndarray) -> np.ndarray:
  return np.bincount(_bin(values).ravel(), minlength=len(_BINS))


def _odds_of_double(
    observed: np.ndarray,
    single: np.ndarray,
    step: int,
    max_step: int,
    bias: float,
    std: float,
) -> np.ndarray:
  """Fits the first step and the fraction of twice compressed blocks.

  Args:
    observed: Histogram of the coefficients, int[4096].
    single: Histogram that they would have after one compression.
    step: Quantization step of the file.
    max_step: Highest first step tried.
    bias: Mean of the rounding error, in steps.
    std: Standard deviation of the rounding error, in steps.

  Returns:
    float64[4096], as of `Fitted`.
  """
  occupied = np.flatnonzero((observed > 0) | (single > 0))
  # Bins beyond have no effect on the fit.
  inner = np.s_[occupied[0] : occupied[-1] + 1]
  zero = ZERO - occupied[0]
  difference, once = (observed - single)[inner], single[inner]
  least, best = np.inf, None
  for first in range(1, max_step + 1):
    gain = _gain(_BINS[inner], first / step, bias, std)
    effect = gain * once - once
    if 0 <= zero < len(once):
      effect[zero] = difference[zero] = 0
    power = effect @ effect
    fraction = min(effect @ difference / power, 1) if power > 1e-9 else 0
    error = np.sum((difference - fraction * effect) ** 2)
    if fraction > _MIN_FRACTION and error < least:
      least, best = error, (first, fraction)
  if best is None:
    return np.ones(len(_BINS))
  first, fraction = best
  odds = fraction * _gain(_BINS, first / step, bias, std) + 1 - fraction
  odds /= odds.mean()
  odds[ZERO] = 1
  return odds


def _gain(
    bins: np.ndarray, ratio: float, bias: float, std: float
) -> np.ndarray:
  """Returns how much more often values occur after two compressions.

  Args:
    bins: The values, in second steps; a part of `_BINS`.
    ratio: First step over second; 1 / ratio whole gives 1 everywhere.
    bias: Mean of the rounding error between them, in second steps.
    std: Its standard deviation, in second steps.

  Returns:
    float64[len(bins)].
  """
  # Broken files may have errors without bounds.
  reach = int(min(np.ceil(_REACH * std), len(_BINS)))
  around = np.arange(bins[0] - reach, bins[-1] + reach + 1)
  ends = (np.clip(around, _BINS[0], _BINS[-1]) + bias) / ratio
  half = 0.5 / ratio
  counts = _floor(ends + half) + _floor(half - ends) + 1
  kernel = np.exp(
      -0.5 * (np.arange(-reach, reach + 1) / max(std, 1e-9)) ** 2
  )
  kernel /= kernel.sum()
  return np.convolve(ratio * counts, kernel, mode='valid')


def _floor(values: np.ndarray) -> np.ndarray:
  """Rounds down, and whole numbers to half a step less: both are possible."""
  down = np.floor(values + 1e-12)
  return down - 0.5 * (np.abs(values - down) < 1e-12)


METHOD = interface.Method(
    score,
    needs='jpeg',
    block=8,
    is_probability=True,
    constant_score=0.5,
    min_side=64,
    max_megapixels=50,
)
