"""Measures colour and detail at low resolution, to tell what looks alike."""

import cv2
import numpy as np

_SIDE = 128  # Short side in pixels of the image that is measured.
_WINDOW = 5  # Pixels of it, in which detail is measured.


def measure(image: np.ndarray) -> np.ndarray:
  """Measures an image.

  Args:
    image: uint8[h, w, 3].

  Returns:
    f32[rows, columns, 4], at most `_SIDE` of the shorter ones: lightness and
    the two colours of Lab as OpenCV scales them to bytes, and the standard
    deviation of the lightness around a pixel.
  """
  rows, columns = image.shape[:2]
  factor = min(1.0, _SIDE / min(rows, columns))
  size = max(1, round(factor * columns)), max(1, round(factor * rows))
  small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
  lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
  light = lab[..., 0]
  window = _WINDOW, _WINDOW
  mean = cv2.blur(light, window)
  variance = np.maximum(cv2.blur(light**2, window) - mean**2, 0)
  return np.dstack([lab, np.sqrt(variance)])


def reduced(mask: np.ndarray, texture: np.ndarray) -> np.ndarray:
  """Reduces a mask to the size of a texture.

  Args:
    mask: uint8[h, w], 1 inside.
    texture: Of `measure`, of an image of that size.

  Returns:
    uint8[rows, columns], 1 where pixels are inside, be they few.
  """
  covered = cv2.resize(
      mask * 255, texture.shape[1::-1], interpolation=cv2.INTER_AREA
  )
  return (covered > 0).astype(np.uint8)
