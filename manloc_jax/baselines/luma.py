"""Luma of studio range, on which the thresholds of some methods are set."""

import numpy as np

# ITU-R BT.601: black at 16, white at 235.
_WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255


def studio_luma(pixels: np.ndarray) -> np.ndarray:
  """Returns float64[h, w] in 16 to 235 of RGB, uint8[h, w, 3]."""
  return 16 + pixels @ _WEIGHTS
