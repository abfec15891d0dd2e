"""Samples the regions of forgeries: shapes, and segments of the image."""

import cv2
import numpy as np
from skimage import segmentation

KINDS = ('segment', 'blob', 'polygon', 'ellipse', 'rectangle', 'union')
WEIGHTS = (0.45, 0.2, 0.12, 0.06, 0.07, 0.1)
AREAS = (0.005, 0.4)  # Fractions of the image.
LEAST_PIXELS = 64
_SEGMENT_SIDE = 96  # Short side in pixels of the image that is segmented.


def sample(
    image: np.ndarray,
    rng: np.random.Generator,
    areas: tuple[float, float] = AREAS,
) -> tuple[np.ndarray, str]:
  """Samples a region.

  The logarithm of the area is uniform, so that small regions are common.

  Args:
    image: uint8[h, w, 3]; edges of segments follow it.
    rng: Source of every choice.
    areas: Least and largest fraction of the image; segments keep to it
      roughly.

  Returns:
    uint8[h, w], 1 inside, at least `LEAST_PIXELS` of them, and one of `KINDS`.
  """
  shape = image.shape[:2]
  kind = str(rng.choice(KINDS, p=WEIGHTS))
  pixels = shape[0] * shape[1]
  area = np.exp(rng.uniform(*np.log(areas))) * pixels
  area = max(area, 2 * LEAST_PIXELS)
  mask = np.zeros(shape, np.uint8)
  if kind == 'segment':
    segment = _segment(image, area / pixels, rng)
    if segment is None or not (
        0.5 * area < cv2.countNonZero(segment) < 2 * area
    ):
      kind = 'blob'  # Nothing of that size stands out.
    else:
      mask = segment
  if kind == 'union':
    num_shapes = int(rng.integers(2, 4))
    for _ in range(num_shapes):
      shape_kind = str(rng.choice(KINDS[1:5]))
      mask |= _rasterized(shape_kind, shape, area / num_shapes, rng)
  elif kind != 'segment':
    mask = _rasterized(kind, shape, area, rng)
  if cv2.countNonZero(mask) < LEAST_PIXELS:  # Cut off by the frame.
    middle, reach = np.array(shape) // 2, LEAST_PIXELS // 8
    (top, left), kind = middle - reach, 'rectangle'
    mask[top : top + 2 * reach, left : left + 2 * reach] = 1
  return mask, kind


def _rasterized(
    kind: str,
    shape: tuple[int, int],
    area: float,
    rng: np.random.Generator,
) -> np.ndarray:
  """Puts a shape somewhere into the frame; a few hang out of it."""
  outline = _OUTLINES[kind](rng)
  turn = rng.uniform(0, 2 * np.pi) if kind != 'rectangle' else 0.0
  cos, sin = np.cos(turn), np.sin(turn)
  outline = outline @ np.array([[cos, -sin], [sin, cos]])
  enclosed = cv2.contourArea(outline.astype(np.float32))
  outline *= np.sqrt(area / max(enclosed, 1e-3))
  low, high = outline.min(axis=0), outline.max(axis=0)
  frame = np.array(shape[::-1], float) - 1  # Columns, then rows.
  if rng.random() < 0.85:
    outline *= min(1.0, 0.95 * (frame / (high - low)).min())
    low, high = outline.min(axis=0), outline.max(axis=0)
    outline += rng.uniform(-low, frame - high)
  else:
    outline += rng.uniform(0, frame) - (low + high) / 2
  mask = np.zeros(shape, np.uint8)
  return cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)


def _blob(rng: np.random.Generator) -> np.ndarray:
  """Returns an outline f64[n, 2]: a random Fourier series of the angle."""
  angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
  radius = blob_radius(angle, 7, 0.35, rng)
  return _around(angle, np.maximum(radius, 0.25), rng)


def blob_radius(
    angle: np.ndarray,
    num_waves: int,
    deviation: float,
    rng: np.random.Generator,
) -> np.ndarray:
  """Samples the radius of a smooth outline, a random Fourier series.

  Args:
    angle: f64[n], the angles to evaluate.
    num_waves: Terms of the series.
    deviation: Standard deviation of the first amplitude; that of wave k is
      1 / k of it. The mean radius is 1.
    rng: Source of phases and amplitudes.

  Returns:
    f64[n], perhaps negative.
  """
  waves = np.arange(1, num_waves + 1)[:, None]
  phase = rng.uniform(0, 2 * np.pi, waves.shape)
  height = rng.normal(0, deviation, waves.shape) / waves
  return 1 + (height * np.cos(waves * angle + phase)).sum(axis=0)


def _polygon(rng: np.random.Generator) -> np.ndarray:
  angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 11))))
  return _around(angle, rng.uniform(0.5, 1, len(angle)), rng)


def _ellipse(rng: np.random.Generator) -> np.ndarray:
  angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
  return _around(angle, np.ones(60), rng)


def _rectangle(rng: np.random.Generator) -> np.ndarray:
  ratio = np.exp(rng.uniform(-0.8, 0.8))
  return np.array([[0, 0], [ratio, 0], [ratio, 1], [0, 1]], float)


def _around(
    angle: np.ndarray, radius: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  stretch = np.exp(rng.uniform(-0.5, 0.5))
  return np.stack(
      [stretch * radius * np.cos(angle), radius * np.sin(angle) / stretch],
      axis=1,
  )


_OUTLINES = {
    'blob': _blob,
    'polygon': _polygon,
    'ellipse': _ellipse,
    'rectangle': _rectangle,
}


def _segment(
    image: np.ndarray, fraction: float, rng: np.random.Generator
) -> np.ndarray | None:
  """Grows a region out of segments of like colour until it has its area."""
  rows, columns = image.shape[:2]
  factor = min(1, _SEGMENT_SIDE / min(rows, columns))
  small = cv2.resize(
      image,
      (max(8, round(factor * columns)), max(8, round(factor * rows))),
      interpolation=cv2.INTER_AREA,
  )
  lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
  wanted = fraction * lab.shape[0] * lab.shape[1]
  labels = segmentation.felzenszwalb(
      lab, scale=60, sigma=0.8, min_size=max(10, int(wanted / 12))
  )
  chosen = _grow(labels, lab, wanted, rng)
  if chosen is None:
    return None
  region = chosen[labels].astype(np.uint8)
  kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
  region = cv2.morphologyEx(region, cv2.MORPH_CLOSE, kernel)
  region = cv2.morphologyEx(region, cv2.MORPH_OPEN, kernel)  # No slivers.
  outlines, _ = cv2.findContours(
      region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
  )
  if not outlines:
    return None
  filled = np.zeros(region.shape, np.uint8)
  cv2.drawContours(
      filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED
  )
  # The edge that the enlargement gives is smooth, as a hand would draw it.
  wide = cv2.resize(
      cv2.GaussianBlur(filled.astype(np.float32), (0, 0), 0.8),
      (columns, rows),
      interpolation=cv2.INTER_LINEAR,
  )
  return (wide > 0.5).astype(np.uint8)


def _grow(
    labels: np.ndarray,
    lab: np.ndarray,
    wanted: float,
    rng: np.random.Generator,
) -> np.ndarray | None:
  """Chooses segments, bool[n]; None if all are too large."""
  count = int(labels.max()) + 1
  flat = labels.ravel()
  sizes = np.bincount(flat, minlength=count)
  means = np.stack([
      np.bincount(flat, weights=lab[..., i].ravel(), minlength=count)
      for i in range(3)
  ], axis=1) / np.maximum(sizes, 1)[:, None]
  pairs = np.concatenate([
      np.stack([labels[1:].ravel(), labels[:-1].ravel()], axis=1),
      np.stack([labels[:, 1:].ravel(), labels[:, :-1].ravel()], axis=1),
  ])
  touching = np.zeros((count, count), bool)
  touching[pairs[:, 0], pairs[:, 1]] = touching[pairs[:, 1], pairs[:, 0]] = 1
  start = np.flatnonzero(sizes <= 1.5 * wanted)
  if not len(start):
    return None
  chosen = np.zeros(count, bool)
  chosen[rng.choice(start)] = True
  while sizes[chosen].sum() < 0.8 * wanted:
    most = 1.6 * wanted - sizes[chosen].sum()
    near = touching[chosen].any(axis=0) & ~chosen & (sizes <= most)
    if not near.any():
      break
    own = np.average(means[chosen], axis=0, weights=sizes[chosen])
    distance = np.linalg.norm(means - own, axis=1)
    chosen[np.flatnonzero(near)[np.argmin(distance[near])]] = True
  return chosen
