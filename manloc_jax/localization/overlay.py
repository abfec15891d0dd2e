"""Draws a heat map over its image: outlines, hatching and arrows as well."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

LONGEST = 2048  # Pixels of a picture's longer side; larger images are reduced.

_OPACITY = 0.7  # Where the score is 1.
_OUTLINE = (0, 255, 255)  # Cyan: no colour of the heat.
_ARROW = (0, 255, 0)  # Green: neither the outline's nor the heat's.
_PERIOD = 12  # Pixels between hatching lines.
_HATCHED = np.array([(64, 64, 64), (190, 190, 190)], np.uint8)


def draw(
    image: np.ndarray,
    score: np.ndarray,
    mask: np.ndarray,
    opacity: float | None = None,
) -> np.ndarray:
  """Colours an image by its scores and outlines the mask.

  The higher a score, the brighter its colour, and the less of the image shows
  unless an opacity is given.

  Args:
    image: uint8[h, w, 3], RGB.
    score: f32[h, w], 0 to 1.
    mask: bool[h, w].
    opacity: Of the colours, whatever the score; 1 hides the image.

  Returns:
    uint8[h', w', 3], as large as the image or with `LONGEST` pixels along its
    longer side.
  """
  image, score = reduce(image, LONGEST), reduce(score, LONGEST)
  mask = reduce_mask(mask, LONGEST)
  heat = cv2.applyColorMap(
      np.rint(255 * score).astype(np.uint8), cv2.COLORMAP_INFERNO
  )[..., ::-1]  # From BGR.
  alpha = _OPACITY * score[..., None] if opacity is None else opacity
  picture = np.rint(image * (1 - alpha) + heat * alpha).astype(np.uint8)
  contours, _ = cv2.findContours(
      mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
  )
  thickness = 1 + max(picture.shape) // 1024
  return cv2.drawContours(picture, contours, -1, _OUTLINE, thickness)


def hatch(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
  """Draws dark and light diagonal lines over an area.

  Args:
    picture: uint8[h, w, 3], RGB.
    where: bool[rows, columns], the area at any size.

  Returns:
    uint8[h, w, 3]; `picture` itself where the area is empty.
  """
  if not where.any():
    return picture
  height, width = picture.shape[:2]
  area = cv2.resize(
      where.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
  )
  place = np.add.outer(np.arange(height), np.arange(width)) % _PERIOD
  picture = picture.copy()
  for colour, at in zip(_HATCHED, (0, 1), strict=True):
    picture[(place == at) & (area > 0)] = colour
  return picture


def arrows(
    picture: np.ndarray,
    copies: Sequence[Mapping[str, Any]],
    shape: tuple[int, ...],
) -> np.ndarray:
  """Draws an arrow from the source of each copy to the copy.

  Where it is not known which region is the copy, a line joins both.

  Args:
    picture: uint8[h, w, 3], RGB.
    copies: As `fusion.copies.describe` returns them.
    shape: Height and width of the image that they were found in.

  Returns:
    uint8[h, w, 3]; `picture` itself where there are none.
  """
  if not copies:
    return picture
  picture = picture.copy()
  scale = np.array(picture.shape[:2]) / shape[:2]
  thickness = 2 + max(picture.shape) // 1024
  for pair in copies:
    (x0, y0), (x1, y1) = (
        np.rint((region['column'], region['row']) * scale[::-1]).astype(int)
        for region in (pair['source'], pair['copy'])
    )
    ends = (int(x0), int(y0)), (int(x1), int(y1))
    draw_line = cv2.arrowedLine if pair['is_direction_known'] else cv2.line
    for colour, width in (((0, 0, 0), thickness + 2), (_ARROW, thickness)):
      cv2.circle(picture, ends[0], 2 * width, colour, -1)
      draw_line(picture, *ends, colour, width)
  return picture


def reduce(pixels: np.ndarray, longest: int) -> np.ndarray:
  """Reduces uint8 or f32[h, w, ...] so that no side is over `longest`."""
  height, width = pixels.shape[:2]
  scale = longest / max(height, width)
  if scale >= 1:
    return pixels
  size = tuple(max(1, round(scale * side)) for side in (width, height))
  return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def reduce_mask(mask: np.ndarray, longest: int) -> np.ndarray:
  """Reduces bool[h, w] in the same way; no region is lost."""
  return reduce(np.where(mask, np.uint8(255), np.uint8(0)), longest) > 0
