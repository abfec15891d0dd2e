"""Gives a piece the colours of what it is laid on."""

import cv2
import numpy as np

_GREY = 3.0  # Mean distance of the channels; images below it have no colour.


def match(
    layer: np.ndarray,
    mask: np.ndarray,
    host: np.ndarray,
    strength: float,
) -> np.ndarray:
  """Moves mean and standard deviation of a layer's colours, in Lab.

  At the edge of the mask they come closer to those of the host there, so that
  one light seems to fall on both.

  Args:
    layer: uint8[h, w, 3].
    mask: uint8[h, w], where the layer is to be used.
    host: uint8[h, w, 3].
    strength: From 0, as it was, to 1, as the host.
  """
  left, top, width, height = cv2.boundingRect(mask)
  box = np.s_[top : top + height, left : left + width]
  inner = cv2.erode(mask[box], np.ones((7, 7), np.uint8))
  edge = mask[box] - inner
  own = cv2.cvtColor(layer[box], cv2.COLOR_RGB2LAB).astype(np.float32)
  theirs = cv2.cvtColor(host[box], cv2.COLOR_RGB2LAB)
  mean, deviation = (n[:, 0] for n in cv2.meanStdDev(own, mask=edge))
  to_mean, to_deviation = (n[:, 0] for n in cv2.meanStdDev(theirs, mask=edge))
  gain = np.clip((to_deviation + 3) / (deviation + 3), 0.7, 1.4)
  matched = (own - mean) * gain + to_mean
  mixed = own + strength * (matched - own)
  mixed = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
  result = layer.copy()
  result[box] = cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB)
  return result


def without(layer: np.ndarray) -> np.ndarray:
  """Returns a layer, uint8[h, w, 3], in shades of grey."""
  grey = cv2.cvtColor(layer, cv2.COLOR_RGB2GRAY)
  return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def is_grey(image: np.ndarray) -> bool:
  """Tells whether an image, uint8[h, w, 3], has no colour."""
  small = image[::4, ::4].astype(np.int16)
  return float(np.ptp(small, axis=-1).mean()) < _GREY
