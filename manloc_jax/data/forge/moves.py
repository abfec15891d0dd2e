"""Copies regions to another location or into another image."""

import cv2
import numpy as np

_TRIES = 20  # Locations to try for a piece.
_FILTERS = {
    'linear': cv2.INTER_LINEAR,
    'cubic': cv2.INTER_CUBIC,
    'lanczos': cv2.INTER_LANCZOS4,
}


def copy_move(
    host: np.ndarray, region: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Lays a region of an image over another location in it.

  Half of the moves are plain translations; the others turn, scale or mirror.

  Args:
    host: uint8[h, w, 3].
    region: uint8[h, w], 1 = what is copied.
    rng: Source of every choice.

  Returns:
    The layer, uint8[h, w, 3]; the mask, uint8[h, w], 1 where the layer is to
    be used, never on the region itself; and the facts.
  """
  angle, scale, mirror = 0.0, 1.0, False
  if rng.random() < 0.5:
    if rng.random() < 0.6:
      scale = float(np.exp(rng.uniform(np.log(0.6), np.log(1.6))))
    if rng.random() < 0.5:
      angle = float(np.clip(rng.normal(0, 30), -180, 180))
    mirror = bool(rng.random() < 0.4)
  layer, mask, facts = _lay(
      host, region, region.shape, angle, scale, mirror, rng, avoid=region
  )
  return layer, mask & ~region & 1, facts


def splice(
    donor: np.ndarray,
    region: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Lays a region of another image somewhere over a frame.

  Args:
    donor: uint8[rows, columns, 3].
    region: uint8[rows, columns], 1 = what is copied.
    shape: Height and width of the frame.
    rng: Source of every choice.

  Returns:
    As `copy_move`.
  """
  angle, scale = 0.0, 1.0
  if rng.random() < 0.6:
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))
  if rng.random() < 0.25:
    angle = float(np.clip(rng.normal(0, 15), -180, 180))
  mirror = bool(rng.random() < 0.25)
  # A piece larger than the frame would hide the host.
  *_, width, height = cv2.boundingRect(region)
  scale = min(scale, 0.8 * min(shape[0] / height, shape[1] / width))
  return _lay(donor, region, shape, angle, scale, mirror, rng)


def match_colours(
    layer: np.ndarray,
    mask: np.ndarray,
    host: np.ndarray,
    strength: float,
) -> np.ndarray:
  """Moves mean and standard deviation of a layer's colours, in Lab.

  They come closer to those of the host.

  Args:
    layer: uint8[h, w, 3].
    mask: uint8[h, w], where the layer is to be used.
    host: uint8[h, w, 3]; its pixels in the box around the mask count.
    strength: From 0, as it was, to 1, as the host.
  """
  left, top, width, height = cv2.boundingRect(mask)
  box = np.s_[top : top + height, left : left + width]
  own = cv2.cvtColor(layer[box], cv2.COLOR_RGB2LAB).astype(np.float32)
  theirs = cv2.cvtColor(host[box], cv2.COLOR_RGB2LAB)
  mean, deviation = (n[:, 0] for n in cv2.meanStdDev(own, mask=mask[box]))
  to_mean, to_deviation = (n[:, 0] for n in cv2.meanStdDev(theirs))
  gain = np.clip((to_deviation + 1) / (deviation + 1), 0.5, 2)
  matched = (own - mean) * gain + to_mean
  mixed = own + strength * (matched - own)
  mixed = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
  result = layer.copy()
  result[box] = cv2.cvtColor(mixed, cv2.COLOR_LAB2RGB)
  return result


def _lay(
    source: np.ndarray,
    region: np.ndarray,
    shape: tuple[int, ...],
    angle: float,
    scale: float,
    mirror: bool,
    rng: np.random.Generator,
    avoid: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Turns, scales and shifts `source`; see `copy_move`.

  Without a turn or scale, pixels are copied and not interpolated.
  """
  left, top, width, height = cv2.boundingRect(region)
  centre = left + (width - 1) / 2, top + (height - 1) / 2
  turn = np.eye(3)
  turn[:2] = cv2.getRotationMatrix2D(centre, angle, scale)
  if mirror:
    turn = turn @ np.array([[-1, 0, 2 * centre[0]], [0, 1, 0], [0, 0, 1]])
  corners = np.array([
      [x, y, 1]
      for x in (left, left + width - 1)
      for y in (top, top + height - 1)
  ]).T
  low = (turn @ corners)[:2].min(axis=1)
  high = (turn @ corners)[:2].max(axis=1)
  is_plain = scale == 1 and angle == 0
  name = 'none' if is_plain else str(rng.choice(list(_FILTERS)))
  shifts = _shifts(low, high, shape, rng)
  if avoid is not None:
    shifts = [_least_overlap(shifts, turn, region, avoid)]
  placed = turn.copy()
  placed[:2, 2] += shifts[0]
  size = shape[::-1]
  layer = cv2.warpAffine(
      source,
      placed[:2],
      size,
      flags=_FILTERS.get(name, cv2.INTER_NEAREST),
      borderMode=cv2.BORDER_REFLECT_101,
  )
  mask = cv2.warpAffine(region, placed[:2], size, flags=cv2.INTER_NEAREST)
  facts = {
      'angle': round(angle, 2),
      'scale': round(float(scale), 4),
      'mirror': mirror,
      'filter': name,
      'shift': [round(float(n), 1) for n in shifts[0]],
  }
  return layer, mask, facts


def _shifts(
    low: np.ndarray,
    high: np.ndarray,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> list[np.ndarray]:
  """Samples whole shifts that keep most of a box, low to high, inside."""
  frame = np.array(shape[::-1], float) - 1  # Columns, then rows.
  # One in seven may hang out by a third of its size.
  slack = (high - low) / 3 * (rng.random(_TRIES) < 1 / 7)[:, None]
  least, most = -low - slack, frame - high + slack
  fraction = rng.random((_TRIES, 2))
  return list(np.rint(least + fraction * (most - least)))


def _least_overlap(
    shifts: list[np.ndarray],
    turn: np.ndarray,
    region: np.ndarray,
    avoid: np.ndarray,
) -> np.ndarray:
  """Returns the first shift whose region avoids another, or the best one."""
  # An eighth of the resolution tells enough; the caller cuts off the rest.
  step = max(1, min(region.shape) // 64)
  ys, xs = np.nonzero(region[::step, ::step])
  points = turn[:2] @ np.stack([xs * step, ys * step, np.ones(len(xs))])
  best, least = shifts[0], np.inf
  for shift in shifts:
    columns, rows = np.rint(points + shift[:, None]).astype(int)
    inside = (rows >= 0) & (rows < avoid.shape[0])
    inside &= (columns >= 0) & (columns < avoid.shape[1])
    hidden = len(xs) - inside.sum()
    overlap = avoid[rows[inside], columns[inside]].sum() + 0.5 * hidden
    if overlap < least:
      best, least = shift, overlap
    if not overlap:
      break
  return best
