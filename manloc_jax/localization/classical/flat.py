"""Finds blocks of one colour, which carry no trace of how an image was made.

A clipped sky, a bar beside a film's picture and a page around a photograph are
made of such blocks. Statistics over blocks leave them out, so that they do not
change the scores of other blocks.
"""

import numpy as np
from scipy import ndimage

from manloc_jax.localization.classical import luma

BLOCK = 8  # Pixels.


def varying(pixels: np.ndarray) -> np.ndarray:
  """Finds the blocks whose pixels are not all alike.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    bool[ceil(h / 8), ceil(w / 8)], also for incomplete blocks.
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
  """Returns the bounding box of the blocks that vary, in blocks.

  Args:
    varies: bool[rows, columns], not all False.
  """
  return ndimage.find_objects(varies.astype(np.uint8))[0]


def picture(
    pixels: np.ndarray, varies: np.ndarray, keeps_grid: bool
) -> tuple[slice, slice]:
  """Finds the picture between bars of any width.

  Args:
    pixels: RGB, uint8[h, w, 3].
    varies: Of `varying`, not all False.
    keeps_grid: Whether the picture has to begin on a block of 8x8 pixels, as
      the blocks of a JPEG file do. Otherwise it begins where the bar ends,
      where the blocks of an earlier compression began.

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
  """Converts a range of blocks to a range of pixels."""
  return slice(blocks.start * BLOCK, blocks.stop * BLOCK)


def pick(values: np.ndarray, varies: np.ndarray) -> np.ndarray:
  """Selects the values of blocks that vary.

  Args:
    values: [rows, columns, ...].
    varies: bool[rows, columns].

  Returns:
    [n, ...], or `values` itself where all blocks vary, so that sums over them
    are the same to the last bit.
  """
  return values if varies.all() else values[varies]


def filled(values: np.ndarray, varies: np.ndarray) -> np.ndarray:
  """Replaces the values of blocks of one colour by those of the nearest other.

  Filters then treat a bar like the border of a picture, which is replicated.

  Args:
    values: [rows, columns].
    varies: bool[rows, columns], not all False.
  """
  if varies.all():
    return values
  nearest = ndimage.distance_transform_edt(
      ~varies, return_distances=False, return_indices=True
  )
  return values[tuple(nearest)]


def enlarged(varies: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """Repeats the value of each block for its pixels.

  Args:
    varies: bool[rows, columns].
    shape: Height and width in pixels.

  Returns:
    bool[shape].
  """
  row, column = (np.arange(side) // BLOCK for side in shape)
  return varies[row[:, None], column]
