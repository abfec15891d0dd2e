"""Finds areas of one colour, which carry no trace of how an image was made.

A clipped sky, a bar beside a film's picture and a page around a photograph are
such areas. Statistics over blocks leave them out, so that they do not change
the scores of other blocks. A few blocks of one colour are no such area: strong
compression leaves them on smooth ground, and that is a trace.
"""

import numpy as np
from scipy import ndimage

from manloc_jax.localization.classical import compiled

BLOCK = 8  # Pixels.
# Blocks, two patches of the network. In photographs that were saved as JPEG,
# compression alone seldom leaves larger areas of exactly one colour.
LEAST_AREA = 128
_RINGING = 8  # Levels of a JPEG file's bar, beside the picture.


def counted(pixels: np.ndarray) -> np.ndarray:
  """Finds the blocks that are not in an area of one colour.

  Such an area is a bar as long as the image between other bars, or at least
  `LEAST_AREA` blocks in one piece.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    bool[ceil(h / 8), ceil(w / 8)]; all False where no block varies.
  """
  varies = varying(pixels)
  if varies.all() or not varies.any():
    return varies
  first = pixels[::BLOCK, ::BLOCK].astype(np.int32)
  colours = np.where(varies, -1, first @ (1 << 16, 1 << 8, 1))
  counts = np.zeros(varies.shape, bool)
  counts[_between_bars(colours)] = True
  found, sizes = np.unique(colours[~varies], return_counts=True)
  for colour in found[sizes >= LEAST_AREA]:
    labels, _ = ndimage.label(colours == colour)
    areas = np.bincount(labels.ravel()) >= LEAST_AREA
    areas[0] = False  # Other colours.
    counts &= ~areas[labels]
  return counts


def _between_bars(colours: np.ndarray) -> tuple[slice, slice]:
  """Strips bars from all sides until none is left.

  Args:
    colours: int[rows, columns], a number for the colour of each block, -1 for
      blocks that vary, of which there is one at least.
  """
  top, left = 0, 0
  bottom, right = colours.shape
  while True:
    inner = colours[top:bottom, left:right]
    is_bar = [
        line[0] >= 0 and (line == line[0]).all()
        for line in (inner[0], inner[-1], inner[:, 0], inner[:, -1])
    ]
    if not any(is_bar):
      return slice(top, bottom), slice(left, right)
    top, bottom = top + is_bar[0], bottom - is_bar[1]
    left, right = left + is_bar[2], right - is_bar[3]


def varying(pixels: np.ndarray) -> np.ndarray:
  """Finds the blocks whose pixels are not all alike.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    bool[ceil(h / 8), ceil(w / 8)], also for incomplete blocks.
  """
  rows, columns = (-(-side // BLOCK) for side in pixels.shape[:2])
  varies = np.zeros((rows, columns), bool)
  _find_varying(pixels, varies)
  return varies


@compiled.compiled
def _find_varying(pixels, varies):
  """Marks blocks that vary; in most of them the first pixels tell."""
  for row in range(pixels.shape[0]):
    for column in range(pixels.shape[1]):
      down, right = row // BLOCK, column // BLOCK
      if not varies[down, right]:
        first = pixels[down * BLOCK, right * BLOCK]
        this = pixels[row, column]
        varies[down, right] = (
            this[0] != first[0] or this[1] != first[1] or this[2] != first[2]
        )


def bounds(counts: np.ndarray) -> tuple[slice, slice]:
  """Returns the bounding box of the counted blocks, in blocks.

  Args:
    counts: Of `counted`, not all False.
  """
  return ndimage.find_objects(counts.astype(np.uint8))[0]


def picture(
    pixels: np.ndarray, counts: np.ndarray, is_jpeg: bool
) -> tuple[slice, slice]:
  """Finds the picture between bars of any width.

  Args:
    pixels: RGB, uint8[h, w, 3].
    counts: Of `counted`, not all False.
    is_jpeg: Whether the pixels come from a JPEG file. Where the edge of a bar
      cuts through its blocks, the bar is not exactly of one colour.

  Returns:
    Its rows and columns, in pixels.
  """
  sides = [pixels_of(blocks) for blocks in bounds(counts)]
  bar_lines = _jpeg_bar_lines if is_jpeg else _bar_lines
  for axis in (0, 1):
    lines = np.moveaxis(pixels, axis, 0)[:, sides[1 - axis]]
    start, stop = sides[axis].start, min(sides[axis].stop, len(lines))
    if start > 0:
      start += bar_lines(lines[start:stop], lines[start - 1])
    if stop < len(lines):
      stop -= bar_lines(lines[start:stop][::-1], lines[stop])
    sides[axis] = slice(start, stop)
  return sides[0], sides[1]


def _bar_lines(lines: np.ndarray, bar: np.ndarray) -> int:
  """Counts the lines that go on a bar, at most all but one.

  Args:
    lines: uint8[n, length, 3], from the bar on.
    bar: uint8[length, 3], the line before.
  """
  count = 0
  while count < len(lines) - 1 and (lines[count] == bar).all():
    count += 1
  return count


def _jpeg_bar_lines(lines: np.ndarray, bar: np.ndarray) -> int:
  """Counts the lines that go on a bar in the next block of a JPEG file.

  They are about as the bar is, and others of the block are not. A block all of
  which is about as the bar is belongs to a dark picture beside a black bar,
  unless most of its lines are exactly as the bar is: then only colour has
  spilled over, since the file stores it for larger blocks. One line may be the
  photograph's own.

  Args:
    lines: uint8[n, length, 3], from the bar on.
    bar: uint8[length, 3], the line before.
  """
  if len(lines) <= 2 * BLOCK:  # Something has to be left at both ends.
    return 0
  block = lines[:BLOCK].astype(np.int16)
  distance = np.median(abs(block - bar).max(2), axis=1)
  if distance.max() <= _RINGING and (block[: BLOCK - 2] == bar).all():
    return BLOCK
  count = int((distance > _RINGING).argmax())
  return count if count > 1 else 0


def whole_blocks(side: slice, length: int) -> slice:
  """Shrinks a side of a picture to the whole blocks of its file.

  Args:
    side: Of `picture`.
    length: Pixels of that side of the file, whose last block may be incomplete.
  """
  stop = side.stop if side.stop == length else side.stop // BLOCK * BLOCK
  return slice(-(-side.start // BLOCK) * BLOCK, stop)


def pixels_of(blocks: slice) -> slice:
  """Converts a range of blocks to a range of pixels."""
  return slice(blocks.start * BLOCK, blocks.stop * BLOCK)


def pick(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Selects the values of the counted blocks.

  Args:
    values: [rows, columns, ...].
    counts: bool[rows, columns].

  Returns:
    [n, ...], or `values` itself where all blocks count, so that sums over them
    are the same to the last bit.
  """
  return values if counts.all() else values[counts]


def filled(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """Replaces the values of other blocks by those of the nearest counted one.

  Filters then treat a bar like the border of a picture, which is replicated.

  Args:
    values: [rows, columns].
    counts: bool[rows, columns], not all False.
  """
  if counts.all():
    return values
  nearest = ndimage.distance_transform_edt(
      ~counts, return_distances=False, return_indices=True
  )
  return values[tuple(nearest)]


def enlarged(counts: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """Repeats the value of each block for its pixels.

  Args:
    counts: bool[rows, columns].
    shape: Height and width in pixels.

  Returns:
    bool[shape].
  """
  row, column = (np.arange(side) // BLOCK for side in shape)
  return counts[row[:, None], column]
