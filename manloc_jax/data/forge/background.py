"""Tells where the outline of a region lies in one background.

Whatever is in such a region can be cut out, covered or laid elsewhere without
cutting through something.
"""

import functools

import cv2
import numpy as np

from manloc_jax.data.forge import texture as texture_lib

# Bounds in levels of Lab, of `texture.measure`.
_DEVIATION = np.array([20, 6, 6], np.float32)  # Of lightness and colours.
_DETAIL = 16.0  # Mean; letters and pebbles have more.
_SMOOTH = 2.5  # Mean detail of what has no texture.
_MARGIN = np.array([7, 4, 4, 3], np.float32)  # Beyond the values of the rim.
_OUTSIDE = 0.02  # Fraction of pixels that may be beyond them.
_DIFFERENCE = 12.0  # From the rim, in levels; what stands out.
_DIFFERENT = 0.15  # Fraction of a region that stands out, at least.
_WINDOW = 5  # Pixels, reduced, in which fine texture is averaged.
_COARSE_DEVIATION = np.array([7, 4, 4], np.float32)
_COARSE_MARGIN = np.array([6, 4, 4], np.float32)
_QUIET = 0.2  # Of an image, is where it has least structure.
_QUIET_WINDOW = 15  # Pixels, reduced.
_LEAST_RIM = 8  # Pixels, reduced.


def quiet_places(texture: np.ndarray) -> np.ndarray:
  """Lists where an image has least structure.

  Args:
    texture: Of `texture.measure`.

  Returns:
    f64[n, 2], rows and columns as fractions of height and width; none where
    there is structure everywhere.
  """
  light, window = texture[..., 0], (_QUIET_WINDOW, _QUIET_WINDOW)
  deviation = cv2.blur(light**2, window) - cv2.blur(light, window) ** 2
  most = min(_DEVIATION[0] ** 2, float(np.quantile(deviation, _QUIET)))
  return (np.argwhere(deviation <= most) + 0.5) / light.shape


class Rim:
  """What surrounds a region, at the size of a texture.

  Attributes:
    inside: bool[rows, columns], the region.
    values: f32[n, 4], the texture around it.
  """

  def __init__(self, region: np.ndarray, texture: np.ndarray):
    """Finds the rim.

    Args:
      region: uint8[h, w], 1 inside.
      texture: Of `texture.measure`, of an image of that size.
    """
    self._texture = texture
    small = texture_lib.reduced(region, texture)
    self.inside = small == 1
    reach = 3 + round(0.15 * np.sqrt(cv2.countNonZero(small)))
    kernel = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2
    )
    # The detail of the pixels next to a region is that of what is in it.
    near = cv2.dilate(small, np.ones((5, 5), np.uint8)) == 1
    self._ring = (cv2.dilate(small, kernel) == 1) & ~near
    self.values = texture[self._ring]

  @functools.cached_property
  def _range(self) -> np.ndarray:
    """The least and largest usual values, f32[2, 4]."""
    return np.percentile(self.values, (2, 98), axis=0)

  def is_background(self) -> bool:
    """Tells whether it is of one colour and without much detail."""
    if len(self.values) < _LEAST_RIM:
      return False
    deviation = self.values[:, :3].std(axis=0)
    return bool(
        (deviation <= _DEVIATION).all()
        and self.values[:, 3].mean() <= _DETAIL
    )

  def is_smooth(self) -> bool:
    """Tells whether it has no texture."""
    return bool(self.values[:, 3].mean() <= _SMOOTH)

  def stands_out(self) -> bool:
    """Tells whether what is inside stands out."""
    if len(self.values) < _LEAST_RIM:
      return False
    values = self._texture[self.inside]
    low, high = self._range
    beyond = np.maximum(low - values, values - high).max(axis=-1)
    return float((beyond > _DIFFERENCE).mean()) > _DIFFERENT

  @functools.cached_property
  def _coarse(self) -> np.ndarray:
    """The colours without fine texture, f32[rows, columns, 3].

    The region itself does not count in them. Letters are left, sand is not.
    """
    known = (~self.inside).astype(np.float32)
    window = _WINDOW, _WINDOW
    total = cv2.blur(self._texture[..., :3] * known[..., None], window)
    return total / np.maximum(cv2.blur(known, window), 1e-3)[..., None]

  def is_even(self) -> bool:
    """Tells whether the rim has no structure but fine texture."""
    deviation = self._coarse[self._ring].std(axis=0)
    return bool((deviation <= _COARSE_DEVIATION).all())

  def goes_on(self, shift: np.ndarray) -> bool:
    """Tells whether nothing stands out in a shifted copy of the region.

    Args:
      shift: int64[2], rows and columns of the texture.
    """
    y, x = np.nonzero(self.inside)
    y, x = y + shift[0], x + shift[1]
    rows, columns = self.inside.shape
    in_frame = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    y, x = y[in_frame], x[in_frame]
    coarse = self._coarse[self._ring]
    checks = (
        (self._texture[y, x], self._range, _MARGIN),
        (
            self._coarse[y, x],
            (coarse.min(axis=0), coarse.max(axis=0)),
            _COARSE_MARGIN,
        ),
    )
    return all(
        ((values < low - margin) | (values > high + margin))
        .any(axis=-1)
        .mean()
        <= _OUTSIDE
        for values, (low, high), margin in checks
    )
