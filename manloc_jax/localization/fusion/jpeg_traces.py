"""Measures in every 8x8 block what earlier JPEG compressions left behind.

The maps of the classical methods end with a decision for each block. What is
measured here comes before it: evidence that the network adds up over the blocks
around in its own way.
"""

from collections.abc import Iterable

import numpy as np

from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import luma as luma_lib
from manloc_jax.localization.classical.methods import adjpeg

_BLOCK = 8
_BANDS = 3  # Of frequencies of ADJPEG, as many in each.
_PER_BAND = jpeg.LOW_FREQUENCIES // _BANDS
_LEAST_ODDS = 1e-3  # Of a single coefficient.
_PRIOR = 4.0  # Coefficients added to each bin of two histograms compared.
_MOST = 15.0  # Of the logarithm of odds.
_QUALITIES = (50, 60, 65, 70, 75, 80, 85, 90, 95, 98)
_DUST = 0.05  # Squared grey levels.
_EDGE = 12.0  # Larger second differences are the picture's own edges.
_FLAT = 0.5  # Added to the mean second difference that lines are relative to.
_LUMA = np.array([0.299, 0.587, 0.114])

OF_COEFFICIENTS = tuple(
    f'{kind}_{band}'
    for kind in ('twice', 'observed')
    for band in ('low', 'middle', 'high')
)
OF_PIXELS = (
    *(f'ghost_{quality}' for quality in _QUALITIES),
    *(f'line_{axis}_{i}' for axis in ('x', 'y') for i in range(_BLOCK)),
)


def of_coefficients(
    fitted: Iterable[adjpeg.Fitted], shape: tuple[int, int]
) -> np.ndarray:
  """Adds up the log-odds of a double compression, in bands of frequencies.

  The odds are those of ADJPEG's model, `twice`, and what the histograms say
  without a model, `observed`: how much more often a value occurs than it would
  after one compression. A 0 says nothing.

  Args:
    fitted: Of `adjpeg.fit`.
    shape: Rows and columns of blocks.

  Returns:
    f32[rows, columns, len(OF_COEFFICIENTS)].
  """
  added = np.zeros((len(OF_COEFFICIENTS), *shape), np.float32)
  for i, one in enumerate(fitted):
    twice, observed = added[i // _PER_BAND :: _BANDS]
    twice += _log(np.maximum(one.odds, _LEAST_ODDS))[one.bins]
    share = one.observed.sum() / max(one.single.sum(), 1)
    ratio = (one.observed + _PRIOR) / (share * one.single + _PRIOR)
    ratio[adjpeg.ZERO] = 1
    observed += _log(ratio)[one.bins]
  return np.moveaxis(np.clip(added, -_MOST, _MOST), 0, -1)


def of_pixels(pixels: np.ndarray) -> np.ndarray:
  """Measures JPEG ghosts and the lines of a grid.

  Ghosts: how much another compression on this grid would change a block, at
  each of several qualities; little at the quality that it was saved with before
  (Farid: Exposing digital forgeries from JPEG ghosts, 2009). Lines: second
  differences across each of the eight columns and rows of a block, relative to
  their mean; the borders of the blocks of an earlier grid stand out, wherever
  that grid lies.

  Args:
    pixels: RGB, uint8[h, w, 3]; both sides are multiples of 8.

  Returns:
    f32[h / 8, w / 8, len(OF_PIXELS)].
  """
  rows, columns = (side // _BLOCK for side in pixels.shape[:2])
  luma = luma_lib.mix(pixels, _LUMA).astype(np.float32)
  luma = np.pad(luma, ((1, 1), (0, 0)), 'edge')
  measured = np.empty((rows, columns, len(OF_PIXELS)), np.float32)
  # In strips, whose planes stay in the cache.
  for blocks, lines in jpeg.strips(rows):
    above, strip, below = (
        luma[lines.start + i : lines.stop + i] for i in range(3)
    )
    sides = np.pad(strip, ((0, 0), (1, 1)), 'edge')
    across = jpeg.split(_curvature(sides[:, :-2], strip, sides[:, 2:]))
    down = jpeg.split(_curvature(above, strip, below))
    measured[blocks] = np.concatenate(
        [
            _ghosts(jpeg.block_dct(strip - 128)),
            _relative(across.mean(axis=2)),
            _relative(down.mean(axis=3)),
        ],
        axis=-1,
    )
  return measured


def _ghosts(coefficients: np.ndarray) -> np.ndarray:
  """Returns f32[rows, columns, qualities] of f32[rows, columns, 8, 8]."""
  ghosts = []
  for quality in _QUALITIES:
    table = quantization_lib.scaled(quantization_lib.STANDARD, quality)
    table = table.astype(np.float32)
    change = coefficients / table
    change -= np.round(change)
    change *= table
    ghosts.append(np.log(np.mean(change**2, axis=(2, 3)) + _DUST))
  return np.stack(ghosts, axis=-1)


def _curvature(
    before: np.ndarray, plane: np.ndarray, after: np.ndarray
) -> np.ndarray:
  """Returns the size of second differences, f32[h, w], of neighbours."""
  return np.minimum(np.abs(after - 2 * plane + before), _EDGE)


def _relative(lines: np.ndarray) -> np.ndarray:
  """Returns lines, f32[rows, columns, 8], relative to their mean."""
  mean = lines.mean(axis=-1, keepdims=True)
  return (lines - mean) / (mean + _FLAT)


def _log(odds: np.ndarray) -> np.ndarray:
  return np.log(odds).astype(np.float32)
