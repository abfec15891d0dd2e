"""Scores laid over their image, for the eye."""

import cv2
import numpy as np

LONGEST = 2048  # Pixels of a picture's longer side; larger images are reduced.

_OPACITY = 0.7  # Where the score is 1.
_OUTLINE = (0, 255, 255)  # Cyan: no colour of the heat.


def draw(image: np.ndarray, score: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Colours an image by its scores and outlines the mask.

  The higher a score, the brighter its colour, and the less of the image shows.

  Args:
    image: uint8[h, w, 3], RGB.
    score: f32[h, w], 0 to 1.
    mask: bool[h, w].

  Returns:
    uint8[h', w', 3], as large as the image or with `LONGEST` pixels along its
    longer side.
  """
  outlined = np.where(mask, np.uint8(255), np.uint8(0))
  height, width = score.shape
  scale = LONGEST / max(height, width)
  if scale < 1:
    size = tuple(max(1, round(scale * side)) for side in (width, height))
    image, score, outlined = (
        cv2.resize(x, size, interpolation=cv2.INTER_AREA)
        for x in (image, score, outlined)
    )
  heat = cv2.applyColorMap(
      np.rint(255 * score).astype(np.uint8), cv2.COLORMAP_INFERNO
  )[..., ::-1]  # From BGR.
  opacity = _OPACITY * score[..., None]
  picture = np.rint(image * (1 - opacity) + heat * opacity).astype(np.uint8)
  contours, _ = cv2.findContours(
      (outlined > 0).astype(np.uint8),  # So that no speck is lost.
      cv2.RETR_LIST,
      cv2.CHAIN_APPROX_NONE,
  )
  thickness = 1 + max(picture.shape) // 1024
  return cv2.drawContours(picture, contours, -1, _OUTLINE, thickness)
