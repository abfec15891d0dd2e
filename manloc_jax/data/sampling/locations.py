"""Lists the locations of patches: windows, boxes around regions, shifted boxes.

A location is `(top, left, height, width)` in pixels of the source image.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from manloc_jax.data import spec


def windows(
    shape: tuple[int, ...], stride: int, grid: int = 1
) -> np.ndarray:
  """Lists native windows on a lattice over the whole image.

  The last row and column are moved inside the image, to the last multiple of
  `grid` that fits, so that they may overlap their neighbours. With a grid of 1
  no pixel is left out; with one of 8, up to 7 pixels at the lower and at the
  right edge are in no window.

  Args:
    shape: Height and width of the image.
    stride: Pixels between windows, a multiple of `grid`.
    grid: Windows begin at multiples of it, in pixels.

  Returns:
    int32[n, 4] boxes, row by row; none if the image is smaller than a patch.
  """
  if min(shape) < spec.SIDE:
    return np.zeros((0, 4), np.int32)
  tops, lefts = (
      np.unique(np.append(np.arange(0, last, stride), last))
      for last in np.subtract(shape, spec.SIDE) // grid * grid
  )
  rows, columns = np.meshgrid(tops, lefts, indexing='ij')
  sides = np.full(rows.size, spec.SIDE)
  corners = [rows.ravel(), columns.ravel()]
  return np.stack([*corners, sides, sides], axis=1).astype(np.int32)


def boxes(
    mask: np.ndarray, *, box_per: str, min_area: float, enlarge: float
) -> np.ndarray:
  """Puts an enlarged box around each manipulated region.

  Args:
    mask: uint8[h, w], 1 = manipulated.
    box_per: `component`, or `union` for one box around all of them.
    min_area: Smallest area, in pixels, inside an outline that runs through the
      centres of the region's outermost pixels.
    enlarge: Side of the box over side of the region.

  Returns:
    int32[n, 4], inside the image: a box that hangs out is shifted inside, so
    that it keeps its scale, and only a box larger than the image is clipped.
  """
  # Paper: boxes may be of any size, the network's input is 64x64. Here: a box
  # has at least 64 pixels per side, because enlarging a crop would add the very
  # resampling traces that the network detects.
  contours, _ = cv2.findContours(
      mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
  )
  # One hundredth of the outline follows the region to a few pixels.
  contours = [
      cv2.approxPolyDP(contour, 0.01 * cv2.arcLength(contour, True), True)
      for contour in contours
      if cv2.contourArea(contour) >= min_area
  ]
  if box_per == 'union' and contours:
    contours = [np.concatenate(contours)]
  if not contours:
    return np.zeros((0, 4), np.int32)
  left, top, width, height = np.array(
      [cv2.boundingRect(contour) for contour in contours]
  ).T
  new_height, new_width = (
      np.maximum(np.ceil(enlarge * side), spec.SIDE) for side in (height, width)
  )
  enlarged = np.stack([
      top + (height - new_height) / 2,
      left + (width - new_width) / 2,
      new_height,
      new_width,
  ], axis=1)
  return _move_inside(enlarged, mask.shape)


def shifted(
    boxes: np.ndarray, shifts: Sequence[float], shape: tuple[int, ...]
) -> np.ndarray:
  """Shifts each box up, down, left and right by fractions of its own sides.

  Args:
    boxes: int32[n, 4].
    shifts: Fractions of the side.
    shape: Height and width of the image.

  Returns:
    int32[4 * n * len(shifts), 4], inside the image.
  """
  height, width = boxes[:, 2], boxes[:, 3]
  moved = [boxes[:0]]
  for shift in shifts:
    for down, right in ((-shift, 0), (shift, 0), (0, -shift), (0, shift)):
      offset = np.stack(
          [down * height, right * width, 0 * height, 0 * width], axis=1
      )
      moved.append(_move_inside(boxes + offset, shape))
  return np.concatenate(moved)


def manipulated_pixels(mask: np.ndarray, boxes: np.ndarray) -> np.ndarray:
  """Counts the manipulated pixels in each box.

  Args:
    mask: uint8[h, w], 1 = manipulated.
    boxes: int32[n, 4], inside the image.

  Returns:
    int32[n].
  """
  # Running sums are needed only where the regions lie; boxes are clipped to it.
  left, top, width, height = cv2.boundingRect(mask)
  table = cv2.integral(mask[top : top + height, left : left + width])
  corners = boxes[:, :2] - (top, left)
  ends = corners + boxes[:, 2:]
  first_row, first_column = np.clip(corners, 0, (height, width)).T
  last_row, last_column = np.clip(ends, 0, (height, width)).T
  return (
      table[last_row, last_column] - table[first_row, last_column]
      - table[last_row, first_column] + table[first_row, first_column]
  )


def _move_inside(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
  """Shifts boxes f64[n, 4] inside an image; only larger ones are clipped."""
  corner, size = np.rint(boxes[:, :2]), np.rint(boxes[:, 2:])
  size = np.minimum(size, shape)
  corner = np.clip(corner, 0, np.array(shape) - size)
  return np.concatenate([corner, size], axis=1).astype(np.int32)
