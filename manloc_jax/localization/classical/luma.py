"""Computes luma and other weighted sums of channels, a strip at a time."""

from collections.abc import Iterator

import numpy as np

# ITU-R BT.601: black at 16, white at 235.
_STUDIO = np.array([65.481, 128.553, 24.966]) / 255
_STRIP = 64  # Rows.


def studio_luma(pixels: np.ndarray) -> np.ndarray:
  """Returns float64[h, w] in 16 to 235 of RGB, uint8[h, w, 3].

  The thresholds of some methods are set on it.
  """
  luma = mix(pixels, _STUDIO)
  luma += 16
  return luma


def mix(planes: np.ndarray, weights: np.ndarray) -> np.ndarray:
  """Returns `planes @ weights`, float64[h, w], of [h, w, n].

  NumPy would convert all planes to float64 first: gigabytes for large images.
  """
  mixed = np.empty(planes.shape[:2])
  for rows in strips(len(planes)):
    mixed[rows] = planes[rows] @ weights
  return mixed


def strips(height: int) -> Iterator[slice]:
  """Yields strips of rows, so that intermediate arrays are small."""
  for top in range(0, height, _STRIP):
    yield slice(top, min(top + _STRIP, height))
