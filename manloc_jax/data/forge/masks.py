"""Samples the regions of forgeries: shapes, and segments of the image."""

import functools

import cv2
import numpy as np

from manloc_jax.data.forge import segments

KINDS = ('segment', 'blob', 'polygon', 'ellipse', 'rectangle', 'union')
WEIGHTS = (0.62, 0.18, 0.06, 0.03, 0.04, 0.07)
AREAS = (0.005, 0.4)  # Fractions of the image.
LEAST_PIXELS = 64
_CUT_OFF = 0.02  # Of the shapes, hang out of the frame.
_EDGE_FRACTION = 0.02  # Of its outline, which a piece may have at the frame.


class Regions:
  """Samples regions of one image, which is segmented once for all of them."""

  def __init__(self, image: np.ndarray):
    """Keeps the image, uint8[h, w, 3]; edges of segments follow it."""
    self.shape = image.shape[:2]
    self._lab = segments.reduced(image)

  @functools.cached_property
  def _segments(self) -> segments.Segments:
    return segments.divide(self._lab)

  def sample(
      self,
      rng: np.random.Generator,
      areas: tuple[float, float] = AREAS,
      *,
      widen: bool = False,
  ) -> tuple[np.ndarray, str]:
    """Samples a region.

    The logarithm of the area is uniform, so that small regions are common.

    Args:
      rng: Source of every choice.
      areas: Least and largest fraction of the image; segments keep to it
        roughly.
      widen: Whether segments include their edge, and some of what is around.

    Returns:
      uint8[h, w], 1 inside, at least `LEAST_PIXELS` of them, and one of
      `KINDS`.
    """
    shape = self.shape
    kind = str(rng.choice(KINDS, p=WEIGHTS))
    pixels = shape[0] * shape[1]
    area = np.exp(rng.uniform(*np.log(areas))) * pixels
    area = max(area, 2 * LEAST_PIXELS)
    mask = np.zeros(shape, np.uint8)
    if kind == 'segment':
      wanted = area / pixels * self._lab.shape[0] * self._lab.shape[1]
      segment = segments.region(
          self._segments, wanted, shape, rng, widen=widen
      )
      most = 3 if widen else 2
      if segment is None or not (
          0.5 * area < cv2.countNonZero(segment) < most * area
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


def is_whole(mask: np.ndarray) -> bool:
  """Tells whether the frame cuts nearly nothing off a region, uint8[h, w]."""
  at_frame = sum(
      cv2.countNonZero(side)
      for side in (mask[0], mask[-1], mask[:, 0], mask[:, -1])
  )
  return at_frame <= _EDGE_FRACTION * 4 * np.sqrt(cv2.countNonZero(mask))


def centred(mask: np.ndarray, place: np.ndarray) -> np.ndarray:
  """Shifts a region to a place, but not out of the frame.

  Args:
    mask: uint8[h, w], 1 inside.
    place: f64[2], row and column as fractions of height and width.
  """
  left, top, width, height = cv2.boundingRect(mask)
  result = np.zeros_like(mask)
  size = np.array([height, width])
  corner = np.rint(place * mask.shape - size / 2).astype(int)
  row, column = np.clip(corner, 0, mask.shape - size)
  result[row : row + height, column : column + width] = mask[
      top : top + height, left : left + width
  ]
  return result


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
  if rng.random() >= _CUT_OFF:
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
