"""Copies regions to another location or into another image.

A piece is laid where its rim looks like what is there, so that grass comes onto
grass and the sky into the sky where there is any.
"""

import dataclasses

import cv2
import numpy as np

from manloc_jax.data.forge import placements

MIRRORED = 0.03  # Of the pieces; lettering must not often be mirrored.
_TRIES = 40  # Locations to try for a piece.
_HANGING = 0.02  # Of the pieces, may hang out of the frame.
_OVERLAP = 400.0  # Levels that an overlap of all of the piece counts.
_HIDDEN = 100.0  # Levels that it counts if it hides a thing altogether.
_FILTERS = {
    'none': cv2.INTER_NEAREST,
    'linear': cv2.INTER_LINEAR,
    'cubic': cv2.INTER_CUBIC,
    'lanczos': cv2.INTER_LANCZOS4,
}


@dataclasses.dataclass(frozen=True)
class Move:
  """Where and how a piece is laid.

  Attributes:
    region: uint8[rows, columns], 1 = what is copied.
    matrix: f64[2, 3], from columns and rows of its image to those of the host.
    shape: Height and width of the host.
    facts: As JSON holds them, among them `rim`: how far the rim is from what it
      is laid on, in levels of Lab.
  """

  region: np.ndarray
  matrix: np.ndarray
  shape: tuple[int, int]
  facts: dict

  def lay(self, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lays the piece.

    Without a turn or scale, pixels are copied and not interpolated.

    Args:
      source: uint8[rows, columns, 3], the image that it is a piece of.

    Returns:
      The layer, uint8[h, w, 3], of which only the box around the mask is
      filled; and the mask, uint8[h, w], 1 where the layer is to be used.
    """
    mask = cv2.warpAffine(
        self.region, self.matrix, self.shape[::-1], flags=cv2.INTER_NEAREST
    )
    layer = np.zeros((*self.shape, 3), np.uint8)
    if mask.any():
      left, top, width, height = cv2.boundingRect(mask)
      matrix = self.matrix.copy()
      matrix[:, 2] -= left, top
      layer[top : top + height, left : left + width] = cv2.warpAffine(
          source,
          matrix,
          (width, height),
          flags=_FILTERS[self.facts['filter']],
          borderMode=cv2.BORDER_REFLECT_101,
      )
    return layer, mask


def plan_copy(
    texture: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> Move:
  """Finds another location for a region of an image in it.

  Half of the moves are plain translations; the others turn, scale or mirror.

  Args:
    texture: Of `texture.measure`, of the image.
    region: uint8[h, w], 1 = what is copied.
    rng: Source of every choice.

  Returns:
    The move; its mask may still reach onto the region itself.
  """
  angle, scale, mirror = 0.0, 1.0, False
  if rng.random() < 0.5:
    mirror = bool(rng.random() < 2 * MIRRORED)
    kind = rng.choice(('turn', 'scale', 'both'), p=(0.3, 0.4, 0.3))
    if not mirror and kind != 'turn':
      scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    if not mirror and kind != 'scale':
      angle = float(np.clip(rng.normal(0, 30), -180, 180))
  turn = _turn(region, angle, scale, mirror)
  shifts = _shifts(turn, region, region.shape, rng)
  tried = placements.Placements(shifts, turn, region, texture, region.shape)
  difference = tried.difference(texture)
  # A copy of background over a thing would be a removal.
  cost = difference + _HIDDEN * tried.hidden() + _OVERLAP * tried.overlap()
  best = int(np.argmin(cost))
  return _move(
      region, region.shape, turn, shifts[best], difference[best],
      (angle, scale, mirror), rng,
  )


def plan_splice(
    donor: np.ndarray,
    region: np.ndarray,
    host: np.ndarray,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    is_matched: bool,
) -> Move:
  """Finds a location for a region of another image.

  Args:
    donor: Of `texture.measure`, of the other image.
    region: uint8[rows, columns], 1 = what is copied.
    host: The texture of the host.
    shape: Height and width of the host.
    rng: Source of every choice.
    is_matched: Whether `colours.match` follows.
  """
  angle, scale = 0.0, 1.0
  if rng.random() < 0.6:
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))
  if rng.random() < 0.25:
    angle = float(np.clip(rng.normal(0, 15), -180, 180))
  mirror = bool(rng.random() < MIRRORED)
  # A piece larger than the frame would hide the host.
  *_, width, height = cv2.boundingRect(region)
  scale = min(scale, 0.8 * min(shape[0] / height, shape[1] / width))
  turn = _turn(region, angle, scale, mirror)
  shifts = _shifts(turn, region, shape, rng)
  tried = placements.Placements(shifts, turn, region, host, shape)
  difference = tried.difference(donor, is_matched=is_matched)
  best = int(np.argmin(difference + _HIDDEN * tried.hidden()))
  return _move(
      region, shape, turn, shifts[best], difference[best],
      (angle, scale, mirror), rng,
  )


def _turn(
    region: np.ndarray, angle: float, scale: float, mirror: bool
) -> np.ndarray:
  """Returns f64[2, 3], which turns and scales a region in its place."""
  left, top, width, height = cv2.boundingRect(region)
  centre = left + (width - 1) / 2, top + (height - 1) / 2
  turn = cv2.getRotationMatrix2D(centre, angle, scale)
  if mirror:
    flip = np.array([[-1, 0, 2 * centre[0]], [0, 1, 0], [0, 0, 1]])
    turn = turn @ flip
  return turn


def _shifts(
    turn: np.ndarray,
    region: np.ndarray,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> np.ndarray:
  """Samples whole shifts that keep the region in a frame, or most of it.

  Returns:
    f64[_TRIES, 2], columns and rows.
  """
  left, top, width, height = cv2.boundingRect(region)
  corners = turn @ np.array([
      [x, y, 1]
      for x in (left, left + width - 1)
      for y in (top, top + height - 1)
  ]).T
  low, high = corners.min(axis=1), corners.max(axis=1)
  frame = np.array(shape[::-1], float) - 1  # Columns, then rows.
  slack = (high - low) / 3 * (rng.random() < _HANGING)
  least, most = -low - slack, frame - high + slack
  return np.rint(least + rng.random((_TRIES, 2)) * (most - least))


def _move(
    region: np.ndarray,
    shape: tuple[int, int],
    turn: np.ndarray,
    shift: np.ndarray,
    rim: float,
    how: tuple[float, float, bool],
    rng: np.random.Generator,
) -> Move:
  """Puts a move together, and samples how it interpolates."""
  angle, scale, mirror = how
  matrix = turn.copy()
  matrix[:, 2] += shift
  is_plain = scale == 1 and angle == 0
  facts = {
      'angle': round(angle, 2),
      'scale': round(float(scale), 4),
      'mirror': mirror,
      'filter': 'none' if is_plain else str(rng.choice(list(_FILTERS)[1:])),
      'shift': [round(float(n), 1) for n in shift],
      'rim': round(float(rim), 1),
  }
  return Move(region, matrix, shape, facts)
