"""Compares locations for a piece of an image."""

import cv2
import numpy as np

_PIXELS = 64  # Of a rim or a region, that are compared.
_DIFFERENCE = 12.0  # Levels by which a thing stands out.
_BIAS = 0.3  # What a level of colour counts that is matched afterwards.
# Lightness and detail do not match pixel by pixel.
_WEIGHTS = np.array([0.5, 1, 1, 0.5], np.float32)


class Placements:
  """Locations of a region in a host."""

  def __init__(
      self,
      shifts: np.ndarray,
      turn: np.ndarray,
      region: np.ndarray,
      host: np.ndarray,
      shape: tuple[int, int],
  ):
    """Reads the host there.

    Args:
      shifts: f64[n, 2], columns and rows.
      turn: f64[2, 3], what is done to the region before.
      region: uint8[rows, columns], 1 inside.
      host: Of `texture.measure`.
      shape: Height and width of the host.
    """
    self._region = region
    rim = region - cv2.erode(region, np.ones((3, 3), np.uint8))
    self._rim = _spaced(rim)
    self._around, self._in_frame = _look_up(
        host, *_moved(self._rim, turn, shifts), shape
    )
    self._inner = _moved(_spaced(region), turn, shifts)
    self._inside, _ = _look_up(host, *self._inner, shape)

  def difference(
      self, texture: np.ndarray, *, is_matched: bool = False
  ) -> np.ndarray:
    """Compares the rim of the region with what it is laid on.

    Args:
      texture: Of `texture.measure`, of the image that the region is of.
      is_matched: Whether its colours are matched afterwards.

    Returns:
      f32[n], in levels of Lab.
    """
    wanted, _ = _look_up(
        texture, self._rim[0], self._rim[1], self._region.shape
    )
    apart = (self._around - wanted) * _WEIGHTS * self._in_frame[..., None]
    means = apart.mean(axis=1, keepdims=True)
    result = 2 * np.abs(means[:, 0, 3])  # Nothing smooth lies on gravel.
    if is_matched:
      means[..., 3] = 0
      apart = apart - means
      result += _BIAS * np.abs(means).mean(axis=(1, 2))
    return result + np.abs(apart).mean(axis=(1, 2))

  def hidden(self) -> np.ndarray:
    """Returns the fraction of the region that hides what stands out, f64[n]."""
    around, inside = self._around[..., :3], self._inside[..., :3]
    low = around.min(axis=1, keepdims=True) - _DIFFERENCE
    high = around.max(axis=1, keepdims=True) + _DIFFERENCE
    beyond = (inside < low) | (inside > high)
    return np.logical_or.reduce(np.moveaxis(beyond, -1, 0)).mean(axis=1)

  def overlap(self) -> np.ndarray:
    """Returns the fraction that lies on the region itself, f64[n].

    What is outside of the frame counts half.
    """
    hits, inside = _look_up(self._region, *self._inner, self._region.shape)
    return np.where(inside, hits, 0.5).mean(axis=1)


def _spaced(mask: np.ndarray) -> np.ndarray:
  """Returns rows and columns of a few pixels of a mask, int64[2, m]."""
  pixels = np.flatnonzero(mask)
  count = min(_PIXELS, len(pixels))
  chosen = pixels[np.linspace(0, len(pixels) - 1, count).astype(int)]
  return np.stack(np.divmod(chosen, mask.shape[1]))


def _moved(
    pixels: np.ndarray, turn: np.ndarray, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns rows and columns of pixels after each shift, f64[n, m] each."""
  rows, columns = pixels
  columns, rows = turn @ np.stack([columns, rows, np.ones(len(rows))])
  return rows + shifts[:, 1:], columns + shifts[:, :1]


def _look_up(
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    shape: tuple[int, ...],
) -> tuple[np.ndarray, np.ndarray]:
  """Reads values, reduced from an image of `shape`, at locations in it.

  Returns:
    The values of the nearest pixels, and which locations lie in the image.
  """
  inside = (rows >= 0) & (rows < shape[0])
  inside &= (columns >= 0) & (columns < shape[1])
  down, across = values.shape[0] / shape[0], values.shape[1] / shape[1]
  y = np.clip(rows * down, 0, values.shape[0] - 1).astype(int)
  x = np.clip(columns * across, 0, values.shape[1] - 1).astype(int)
  return values[y, x], inside
