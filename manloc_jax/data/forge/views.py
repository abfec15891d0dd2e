"""Samples views of a photograph: random crops at random scales."""

import cv2
import numpy as np

LEAST_SIDE = 96  # Pixels; only smaller photographs are enlarged.
NATIVE_FRACTION = 0.4  # Of the views, where the photograph is large enough.
MIRRORED = 0.03  # Of the others; lettering must not often be mirrored.
ASPECTS = (1.0, 5 / 4, 4 / 3, 3 / 2, 3 / 2, 16 / 9)
_GRID = 16  # Pixels of a JPEG coding unit with halved colours.
_FILTERS = {
    'area': cv2.INTER_AREA,
    'linear': cv2.INTER_LINEAR,
    'cubic': cv2.INTER_CUBIC,
    'lanczos': cv2.INTER_LANCZOS4,
}


def view(
    photograph: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    reduced: float = 1.0,
) -> tuple[np.ndarray, dict]:
  """Samples a view.

  A fraction of the views is cut out at native resolution on the photograph's
  JPEG grid, so that the traces of the camera stay; the others are reduced.

  Args:
    photograph: uint8[rows, columns, 3].
    size: Least and largest short side in pixels. A smaller photograph gives a
      smaller view, but one below `LEAST_SIDE` is enlarged to it, or to the
      least side where that is smaller.
    rng: Source of every choice.
    reduced: The factor that the photograph was reduced by before; below 1
      nothing is native.

  Returns:
    The view, uint8[h, w, 3], and the facts: `scale` (of the photograph before
    that), `filter` and `native`.
  """
  height, width = _shape(photograph.shape[:2], size, rng)
  rows, columns = photograph.shape[:2]
  least = max(height / rows, width / columns)
  if reduced == 1 and least <= 1 and rng.random() < NATIVE_FRACTION:
    top = int(rng.integers((rows - height) // _GRID + 1)) * _GRID
    left = int(rng.integers((columns - width) // _GRID + 1)) * _GRID
    crop = photograph[top : top + height, left : left + width]
    facts = {'scale': 1.0, 'filter': 'none', 'native': True}
    return np.ascontiguousarray(crop), facts
  scale = least
  if least < 0.95:
    scale = float(np.exp(rng.uniform(np.log(least), np.log(0.95))))
  crop = _crop(photograph, height / scale, width / scale, rng)
  if rng.random() < MIRRORED:
    crop = crop[:, ::-1]
  name = _filter(scale, rng)
  resized = cv2.resize(crop, (width, height), interpolation=_FILTERS[name])
  scale = round(scale * reduced, 4)
  return resized, {'scale': scale, 'filter': name, 'native': False}


def resize(
    image: np.ndarray, factor: float, rng: np.random.Generator
) -> tuple[np.ndarray, str]:
  """Resizes with a filter at random; returns the image and its name."""
  name = _filter(factor, rng)
  height, width = (max(1, round(factor * n)) for n in image.shape[:2])
  return cv2.resize(
      image, (width, height), interpolation=_FILTERS[name]
  ), name


def _shape(
    photograph: tuple[int, int],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[int, int]:
  """Samples height and width."""
  low, high = sorted(photograph)
  short = int(np.clip(rng.integers(size[0], size[1] + 1), None, low))
  aspect = float(rng.choice(ASPECTS))
  short = max(short, min(LEAST_SIDE, size[0]))
  long = max(short, min(round(short * aspect), high))
  is_wide = photograph[1] >= photograph[0]
  if is_wide != (rng.random() < 0.1):
    return short, long
  return long, short


def _crop(
    photograph: np.ndarray,
    height: float,
    width: float,
    rng: np.random.Generator,
) -> np.ndarray:
  rows, columns = photograph.shape[:2]
  height = max(1, min(rows, round(height)))
  width = max(1, min(columns, round(width)))
  top = rng.integers(rows - height + 1)
  left = rng.integers(columns - width + 1)
  return photograph[top : top + height, left : left + width]


def _filter(scale: float, rng: np.random.Generator) -> str:
  # Filters of fixed width alias where they leave many pixels out.
  if scale < 0.5:
    return 'area'
  names = tuple(_FILTERS) if scale < 1 else tuple(_FILTERS)[1:]
  return str(rng.choice(names))
