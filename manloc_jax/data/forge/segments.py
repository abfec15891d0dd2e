"""Divides an image into segments, and grows regions out of them."""

import dataclasses

import cv2
import numpy as np
from skimage import segmentation

_SIDE = 80  # Short side in pixels of the image that is segmented.
_LEAST_PIXELS = 16  # Of a segment.
_WIDENED = 0.08  # Of the side of a square of a region's area.


def reduced(image: np.ndarray) -> np.ndarray:
  """Reduces an image, uint8[h, w, 3], to Lab, uint8[rows, columns, 3]."""
  rows, columns = image.shape[:2]
  factor = min(1, _SIDE / min(rows, columns))
  small = cv2.resize(
      image,
      (max(8, round(factor * columns)), max(8, round(factor * rows))),
      interpolation=cv2.INTER_AREA,
  )
  return cv2.cvtColor(small, cv2.COLOR_RGB2LAB)


@dataclasses.dataclass(frozen=True)
class Segments:
  """Segments of an image.

  Attributes:
    labels: int64[rows, columns], the segment of each pixel.
    sizes: int64[n], pixels.
    means: f64[n, 3], colours.
    touching: bool[n, n].
    is_cut: bool[n], whether they reach the frame.
  """

  labels: np.ndarray
  sizes: np.ndarray
  means: np.ndarray
  touching: np.ndarray
  is_cut: np.ndarray


def divide(lab: np.ndarray) -> Segments:
  """Divides an image, of `reduced`, into segments of like colour."""
  labels = segmentation.felzenszwalb(
      lab, scale=60, sigma=0.8, min_size=_LEAST_PIXELS
  )
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
  touching[pairs[:, 0], pairs[:, 1]] = True
  # What the frame cuts off is a piece of something.
  is_cut = np.zeros(count, bool)
  for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
    is_cut[side] = True
  return Segments(labels, sizes, means, touching | touching.T, is_cut)


def region(
    segments: Segments,
    wanted: float,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    widen: bool,
) -> np.ndarray | None:
  """Grows a region out of segments of like colour until it has its area.

  Args:
    segments: The segments.
    wanted: Pixels of the reduced image.
    shape: Height and width of the image.
    rng: Source of every choice.
    widen: Whether to add its edge, and some of what is around.

  Returns:
    uint8[h, w], 1 inside; None where no segment is small enough.
  """
  chosen = _grow(segments, wanted, rng)
  if chosen is None:
    return None
  reach = 1 + round(_WIDENED * np.sqrt(wanted)) if widen else 0
  return _outlined(chosen[segments.labels].astype(np.uint8), shape, reach)


def _grow(
    segments: Segments, wanted: float, rng: np.random.Generator
) -> np.ndarray | None:
  """Chooses segments, bool[n]; None if all are too large."""
  sizes, means = segments.sizes, segments.means
  fits = sizes <= 1.5 * wanted
  start = np.flatnonzero(fits & ~segments.is_cut)
  start = start if len(start) else np.flatnonzero(fits)
  if not len(start):
    return None
  chosen = np.zeros(len(sizes), bool)
  first = rng.choice(start)
  chosen[first] = True
  size, total = sizes[first], sizes[first] * means[first]
  neighbours = segments.touching[first].copy()
  while size < 0.8 * wanted:
    near = np.flatnonzero(
        neighbours & ~chosen & (sizes <= 1.6 * wanted - size)
    )
    if not len(near):
      break
    apart = means[near] - total / size
    added = near[np.argmin((apart**2).sum(axis=1))]
    chosen[added] = True
    size, total = size + sizes[added], total + sizes[added] * means[added]
    neighbours |= segments.touching[added]
  return chosen


def _outlined(
    region: np.ndarray, shape: tuple[int, int], reach: int
) -> np.ndarray | None:
  """Enlarges the largest piece of a region, without holes, to a shape.

  Args:
    region: uint8[rows, columns], 1 inside.
    shape: Height and width of the result.
    reach: Pixels to add to the piece all around before that.
  """
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
  if reach:
    kernel = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2
    )
    filled[:] = cv2.dilate(filled, kernel)
  # The edge that the enlargement gives is smooth, as a hand would draw it.
  wide = cv2.resize(
      cv2.GaussianBlur(filled * 255, (0, 0), 0.8),
      shape[::-1],
      interpolation=cv2.INTER_LINEAR,
  )
  return (wide > 127).astype(np.uint8)
