"""JPEG ghosts: what changes least when an image is saved again.

Farid: Exposing digital forgeries from JPEG ghosts (2009). A region that was
saved at some quality before changes less than the rest at about that quality.
"""

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from manloc_jax.examine import section as section_lib

GROUP = 'ghosts'
QUALITIES = tuple(range(50, 100, 5))
BLOCK = 16  # Pixels, over which changes are averaged.
_LEAST_SIDE = 4 * BLOCK
_MOST_SIDE = 65_500  # That the encoder takes.
_MOST_PIXELS = 50_000_000  # More would take half a minute.
_NONE = 1e-3  # Squared grey levels; such a block changes at no quality.


def section(pixels: np.ndarray) -> section_lib.Section:
  """Returns how much an image changes at each quality, and the pictures.

  Args:
    pixels: RGB, uint8[h, w, 3].
  """
  height, width = pixels.shape[:2]
  if min(height, width) < _LEAST_SIDE:
    return section_lib.Section(
        section_lib.cannot_tell(
            f'The image has {width}x{height} pixels; {_LEAST_SIDE} are needed'
            ' in both directions.'
        )
    )
  if height * width > _MOST_PIXELS or max(height, width) > _MOST_SIDE:
    return section_lib.Section(
        section_lib.cannot_tell(
            f'The image has {width}x{height} pixels; above'
            f' {_MOST_PIXELS:,}, or {_MOST_SIDE:,} along a side, it is not'
            ' saved again, and a reduced image has lost these traces.'
        )
    )
  changes = measure(pixels)
  facts: dict[str, Any] = {
      'changes': [
          {'quality': quality, 'mean_squared_change': round(float(mean), 3)}
          for quality, mean in zip(
              QUALITIES, changes.mean((1, 2)), strict=True
          )
      ]
  }
  pictures = tuple(
      section_lib.Picture(
          f'ghost_{quality}',
          f'Changes at quality {quality}.',
          section_lib.coloured(scaled),
          group=GROUP,
      )
      for quality, scaled in zip(QUALITIES, scale(changes), strict=True)
  )
  return section_lib.Section(facts, pictures)


def measure(pixels: np.ndarray) -> np.ndarray:
  """Saves an image at each quality and measures the change of its blocks.

  The encoder is Pillow's libjpeg-turbo.

  Args:
    pixels: RGB, uint8[h, w, 3], of at least one block.

  Returns:
    f32[len(QUALITIES), h // 16, w // 16], mean of squared grey levels.
  """
  # Paper: it averages over the colours; luma is saved as grey here, which
  # keeps the tables and the halving of chroma out of the comparison.
  rows, columns = (side // BLOCK for side in pixels.shape[:2])
  grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
  image = Image.fromarray(grey)
  inside = grey[: rows * BLOCK, : columns * BLOCK]
  changes = np.empty((len(QUALITIES), rows, columns), np.float32)
  for change, quality in zip(changes, QUALITIES, strict=True):
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=quality)
    with Image.open(file) as again:
      resaved = np.asarray(again)[: rows * BLOCK, : columns * BLOCK]
    difference = cv2.absdiff(inside, resaved)
    squared = cv2.multiply(difference, difference, dtype=cv2.CV_32F)
    change[:] = cv2.resize(
        squared, (columns, rows), interpolation=cv2.INTER_AREA
    )
  return changes


def scale(changes: np.ndarray) -> np.ndarray:
  """Scales the changes of each block to 0 to 1 over the qualities.

  Args:
    changes: Of `measure`.

  Returns:
    f32 of the same shape; NaN in blocks that do not change.
  """
  low, high = changes.min(0), changes.max(0)
  span = np.where(high - low > _NONE, high - low, np.nan)
  return (changes - low) / span
