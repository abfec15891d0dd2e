"""The connected regions of a mask."""

import dataclasses

import cv2
import numpy as np

MOST = 20  # Regions that are listed; noise has any number.


@dataclasses.dataclass(frozen=True)
class Region:
  """Manipulated pixels that touch each other, by a side or a corner.

  Attributes:
    top: First row of the box around them.
    left: First column.
    height: Of the box.
    width: Of the box.
    pixels: How many they are.
  """

  top: int
  left: int
  height: int
  width: int
  pixels: int


def find(mask: np.ndarray) -> tuple[list[Region], int]:
  """Returns the largest regions of a mask, and how many there are in all.

  Args:
    mask: bool[h, w].

  Returns:
    At most `MOST` regions, the largest first, and the number of all.
  """
  count, _, stats, _ = cv2.connectedComponentsWithStats(
      mask.view(np.uint8), connectivity=8
  )
  stats = stats[1:]  # Row 0 is what no region holds.
  largest = np.argsort(-stats[:, cv2.CC_STAT_AREA], kind='stable')[:MOST]
  columns = [
      cv2.CC_STAT_TOP,
      cv2.CC_STAT_LEFT,
      cv2.CC_STAT_HEIGHT,
      cv2.CC_STAT_WIDTH,
      cv2.CC_STAT_AREA,
  ]
  rows = stats[largest][:, columns].tolist()
  return [Region(*row) for row in rows], count - 1
