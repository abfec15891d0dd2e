"""Blocks in which nothing varies: they do not tell how an image was made.

A clipped sky, a bar beside a film's picture or a page around a photograph fit
any history. They are left out of whatever is counted over blocks, so that they
change nothing elsewhere.
"""

import numpy as np
from scipy import ndimage

from manloc_jax.localization.classical import luma

BLOCK = 8  # Pixels.


def varying(pixels: np.ndarray) -> np.ndarray:
  """Tells the blocks in which any pixel differs from another.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    bool[ceil(h / 8), ceil(w / 8)]; incomplete blocks count as they are.
  """
  rows, columns = (-(-side // BLOCK) for side in pixels.shape[:2])
  varies = np.empty((rows, columns), bool)
  for strip in luma.strips(pixels.shape[0]):  # Of whole blocks.
    part = pixels[strip]
    first = part[::BLOCK, ::BLOCK].repeat(BLOCK, 0).repeat(BLOCK, 1)
    differs = (part != first[: part.shape[0], : part.shape[1]]).any(2)
    by_row = np.logical_or.reduceat(
        differs, range(0, part.shape[0], BLOCK), axis=0
    )
    top = strip.start // BLOCK
    varies[top : top + len(by_row)] = np.logical_or.reduceat(
        by_row, range(0, part.shape[1], BLOCK), axis=1
    )
  return varies


def bounds(varies: np.ndarray) -> tuple[slice, slice]:
  """Returns rows and columns of the box around the blocks that vary."""
  return ndimage.find_objects(varies.astype(np.uint8))[0]


def picture(
    pixels: np.ndarray, varies: np.ndarray, keeps_grid: bool
) -> tuple[slice, slice]:
  """Finds the picture between bars of any width.

  Args:
    pixels: RGB, uint8[h, w, 3].
    varies: Of `varying`, not all False.
    keeps_grid: Whether the picture begins on a block, as a JPEG file's own
      blocks demand; else it begins where the bar ends, where the blocks of an
      earlier compression do.

  Returns:
    Its rows and columns, in pixels.
  """
  rows, columns = map(pixels_of, bounds(varies))
  sides = [rows, columns]
  for axis in () if keeps_grid else (0, 1):
    lines = np.moveaxis(pixels, axis, 0)[:, sides[1 - axis]]
    start, stop = sides[axis].start, min(sides[axis].stop, len(lines))
    while 0 < start < stop - 1 and (lines[start] == lines[start - 1]).all():
      start += 1
    while start + 1 < stop < len(lines) and (
        lines[stop - 1] == lines[stop]
    ).all():
      stop -= 1
    sides[axis] = slice(start, stop)
  return sides[0], sides[1]


def pixels_of(blocks: slice) -> slice:
  """Returns the pixels of a row or column of blocks."""
  return slice(blocks.start * BLOCK, blocks.stop * BLOCK)


def pick(values: np.ndarray, varies: np.ndarray) -> np.ndarray:
  """Returns the values, [rows, columns, ...], of blocks that vary.

  Where all do, it is the array itself: sums come out the same to the last bit.
  """
  return values if varies.all() else values[varies]


def filled(values: np.ndarray, varies: np.ndarray) -> np.ndarray:
  """Gives other blocks the values of the nearest one that varies.

  It is what replicating the border does for a picture without bars around it.
  """
  if varies.all():
    return values
  nearest = ndimage.distance_transform_edt(
      ~varies, return_distances=False, return_indices=True
  )
  return values[tuple(nearest)]


def enlarged(varies: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """Returns the same of pixels, bool[shape]."""
  row, column = (np.arange(side) // BLOCK for side in shape)
  return varies[row[:, None], column]
