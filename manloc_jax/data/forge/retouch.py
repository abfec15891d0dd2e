"""Retouches regions in place."""

import cv2
import numpy as np

from manloc_jax.data.forge import fills

METHODS = ('blur', 'median', 'noise', 'tone', 'colour', 'sharpen', 'enlarge')


def retouch(
    host: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, dict]:
  """Changes a whole image by one of `METHODS`; the mask is applied later.

  Args:
    host: uint8[h, w, 3].
    rng: Source of every choice.

  Returns:
    The layer, uint8[h, w, 3], and the facts.
  """
  method = str(rng.choice(METHODS))
  layer, amount = _APPLY[method](host, rng)
  return layer, {'method': method, 'amount': round(float(amount), 3)}


def _blur(host, rng):
  sigma = rng.uniform(0.7, 3)
  return cv2.GaussianBlur(host, (0, 0), sigma), sigma


def _median(host, rng):
  side = int(rng.choice((3, 5, 7)))
  return cv2.medianBlur(host, side), side


def _noise(host, rng):
  sigma = rng.uniform(2, 10)
  return fills.add_noise(host, sigma, rng), sigma


def _tone(host, rng):
  """Changes contrast, brightness and gamma."""
  gain = np.exp(rng.uniform(-0.35, 0.35))
  gamma = np.exp(rng.uniform(-0.35, 0.35))
  shift = rng.uniform(-25, 25)
  levels = np.arange(256) / 255
  curve = (255 * levels**gamma - 128) * gain + 128 + shift
  curve = np.clip(np.rint(curve), 0, 255).astype(np.uint8)
  return cv2.LUT(host, curve), gain


def _colour(host, rng):
  """Turns the hue and changes the saturation."""
  hsv = cv2.cvtColor(host, cv2.COLOR_RGB2HSV_FULL)
  turn = int(rng.integers(15, 241))
  hsv[..., 0] += np.uint8(turn)  # The circle has 256 degrees.
  gain = rng.uniform(0.5, 1.6)
  hsv[..., 1] = np.clip(hsv[..., 1] * gain, 0, 255).astype(np.uint8)
  return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), turn


def _sharpen(host, rng):
  amount = rng.uniform(0.5, 2)
  soft = cv2.GaussianBlur(host, (0, 0), rng.uniform(0.8, 2))
  return cv2.addWeighted(host, 1 + amount, soft, -amount, 0), amount


def _enlarge(host, rng):
  """Enlarges in place, as eyes and muscles are."""
  factor = rng.uniform(1.05, 1.4)
  rows, columns = host.shape[:2]
  centre = columns * rng.uniform(0.3, 0.7), rows * rng.uniform(0.3, 0.7)
  matrix = cv2.getRotationMatrix2D(centre, 0, factor)
  layer = cv2.warpAffine(
      host,
      matrix,
      (columns, rows),
      flags=cv2.INTER_CUBIC,
      borderMode=cv2.BORDER_REFLECT_101,
  )
  return layer, factor


_APPLY = {
    'blur': _blur,
    'median': _median,
    'noise': _noise,
    'tone': _tone,
    'colour': _colour,
    'sharpen': _sharpen,
    'enlarge': _enlarge,
}
