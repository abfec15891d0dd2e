"""Removes objects: fills holes like editors and forgers do.

A hole is only filled where its rim lies in one background, and only from where
the image looks like that rim. What is copied shows nothing that stands out, so
that a removal is no copy-move.
"""

import cv2
import numpy as np

from manloc_jax.data.forge import background

METHODS = ('telea', 'navier-stokes', 'clone', 'shift map')
_OPENCV = {'telea': cv2.INPAINT_TELEA, 'navier-stokes': cv2.INPAINT_NS}
_OPENCV_FRACTION = 0.1  # Of the removals, at most; they leave smears.
_THIN = 4  # Pixels from the edge of a hole that may be smeared, at most.
_LARGEST_HOLE = 8000  # Pixels that OpenCV inpaints; larger holes are reduced.
_TRIES = 200  # Shifts to compare.
_RING = 6  # Pixels around the hole that must fit.


def remove(
    host: np.ndarray,
    mask: np.ndarray,
    rim: background.Rim,
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict] | None:
  """Fills a hole, where its background can go on.

  `clone` copies background from elsewhere, from where the rim fits best.
  `shift map` takes each pixel of the hole from the shift that fits the rim near
  it, after He and Sun, Statistics of Patch Offsets for Image Completion
  (ECCV 2012), without their graph cut. OpenCV's own methods leave no texture,
  so that they get noise like that of the image, and are only used on thin holes
  and on smooth ground.

  Args:
    host: uint8[h, w, 3].
    mask: uint8[h, w], 1 = hole.
    rim: What surrounds the hole.
    rng: Random generator of every choice.

  Returns:
    The layer, uint8[h, w, 3], and the facts; None where nothing fits.
  """
  if not (rim.is_background() and rim.is_even()):
    return None
  if rng.random() < _OPENCV_FRACTION and _may_smear(mask, rim):
    method = str(rng.choice(list(_OPENCV)))
    layer = _inpaint(host, mask, _OPENCV[method], int(rng.integers(3, 8)))
    layer = add_noise(layer, noise_of(host), rng)
    return layer, {'method': method, 'noise_added': True}
  method, wanted = ('clone', 1) if rng.random() < 0.5 else ('shift map', 8)
  if rim.is_smooth():  # Where a seam between two copies would show.
    method, wanted = 'clone', 1
  shifts = _good_shifts(host, mask, rng)
  scale = np.array(rim.inside.shape) / mask.shape
  fitting = [
      shift
      for shift in shifts
      if rim.goes_on(np.rint(shift * scale).astype(int))
  ][:wanted]
  if not fitting:
    return None
  layer = _combine(host, mask, np.array(fitting))
  return layer, {'method': method, 'shifts': [s.tolist() for s in fitting]}


def _may_smear(mask: np.ndarray, rim: background.Rim) -> bool:
  """Tells whether smooth colours look natural in a hole."""
  if rim.is_smooth():
    return True
  distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
  return float(distance.max()) <= _THIN


def noise_of(image: np.ndarray) -> float:
  """Estimates the standard deviation of an image's noise, in grey levels.

  Half of the pixels are smoother than the median of what a Laplacian leaves
  (Immerkaer, Fast Noise Variance Estimation, CVIU 1996, with the median).
  """
  grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
  kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
  return float(np.median(np.abs(cv2.filter2D(grey, -1, kernel))) / 0.6745 / 6)


def add_noise(
    image: np.ndarray, sigma: float, rng: np.random.Generator
) -> np.ndarray:
  """Adds Gaussian noise, a little correlated as a camera's is."""
  white = rng.standard_normal(image.shape, np.float32)
  white += white.mean(axis=-1, keepdims=True)  # Mostly brightness.
  noise = np.asarray(cv2.GaussianBlur(white, (0, 0), 0.5), np.float32)
  noise *= sigma / max(float(noise.std()), 1e-6)
  return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def _inpaint(
    host: np.ndarray, mask: np.ndarray, method: int, radius: int
) -> np.ndarray:
  """Fills by OpenCV; a large hole at lower resolution, for its time."""
  left, top, width, height = cv2.boundingRect(mask)
  reach = 2 * radius + 2
  box = np.s_[
      max(0, top - reach) : top + height + reach,
      max(0, left - reach) : left + width + reach,
  ]
  crop, hole = host[box], mask[box]
  layer = host.copy()
  factor = np.sqrt(_LARGEST_HOLE / cv2.countNonZero(mask))
  if factor >= 1:
    layer[box] = cv2.inpaint(crop, hole, radius, method)
    return layer
  height, width = (max(1, round(factor * n)) for n in hole.shape)
  size = width, height
  # Pixels of the object in the reduced rim would be copied into the hole.
  wide = cv2.resize(
      cv2.dilate(hole, np.ones((3, 3), np.uint8)),
      size,
      interpolation=cv2.INTER_AREA,
  )
  wide = cv2.dilate(wide, np.ones((3, 3), np.uint8))
  small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
  if wide.all():
    wide[0] = 0
  small = cv2.inpaint(small, wide, radius, method)
  layer[box] = cv2.resize(
      small, hole.shape[::-1], interpolation=cv2.INTER_CUBIC
  )
  return layer


def _good_shifts(
    host: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """Finds shifts that fill the hole from outside of it and fit its rim.

  Returns:
    int64[n, 2], rows and columns to add to a location, best first; perhaps
    none.
  """
  rows, columns = mask.shape
  left, top, width, height = cv2.boundingRect(mask)
  downs = rng.integers(-top, rows - top - height + 1, _TRIES)
  rights = rng.integers(-left, columns - left - width + 1, _TRIES)
  shifts = np.stack([downs, rights], axis=1)
  y, x = _sample_pixels(mask, 100, rng)
  hits = mask[y + downs[:, None], x + rights[:, None]].mean(axis=1)
  shifts = shifts[hits <= 0.01]
  kernel = np.ones((2 * _RING + 1,) * 2, np.uint8)
  y, x = _sample_pixels(cv2.dilate(mask, kernel) - mask, 200, rng)
  wanted = host[y, x].astype(np.float32)
  rows_there, columns_there = y + shifts[:, :1], x + shifts[:, 1:]
  inside = (rows_there >= 0) & (rows_there < rows)
  inside &= (columns_there >= 0) & (columns_there < columns)
  there = host[
      np.clip(rows_there, 0, rows - 1), np.clip(columns_there, 0, columns - 1)
  ]
  apart = (there - wanted) * inside[..., None]
  count = np.maximum(inside.sum(axis=1), 1)
  error = (apart**2).mean(axis=-1).sum(axis=1) / count
  bias = np.abs(apart.sum(axis=1) / count[:, None]).max(axis=-1)
  # Two places of one texture differ by twice its variance.
  variance = float(wanted.var(axis=0).mean())
  fits = (count >= 0.5 * len(y)) & (error <= 2 * variance + 40)
  fits &= bias <= 6 + 0.2 * np.sqrt(variance)
  # Near is better: light and focus are the same.
  distance = np.linalg.norm(shifts / (rows, columns), axis=1)
  order = np.argsort((error + 1) * (1 + distance), kind='stable')
  return shifts[order[fits[order]]]


def _sample_pixels(
    mask: np.ndarray, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Samples rows and columns of at most `most` pixels of a mask."""
  pixels = np.flatnonzero(mask)
  if len(pixels) > most:
    pixels = np.sort(rng.choice(pixels, most, replace=False))
  return np.divmod(pixels, mask.shape[1])


def _combine(
    host: np.ndarray, mask: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
  """Fills the hole from shifted copies, each where its rim fits best."""
  rows, columns = mask.shape
  left, top, width, height = cv2.boundingRect(mask)
  reach = _RING
  box = np.s_[
      max(0, top - reach) : top + height + reach,
      max(0, left - reach) : left + width + reach,
  ]
  inside, truth = host[box], mask[box]
  known = (1 - truth).astype(np.float32)
  sigma = max(2.0, min(width, height) / 4)
  weight = cv2.GaussianBlur(known, (0, 0), sigma) + 1e-6
  y = np.arange(box[0].start, box[0].start + inside.shape[0])
  x = np.arange(box[1].start, box[1].start + inside.shape[1])
  best = inside.copy()
  least = np.full(truth.shape, np.inf, np.float32)
  for down, right in shifts:
    # The rim of a hole at the frame's edge may reach out of it.
    ys = np.clip(y + down, 0, rows - 1)[:, None]
    xs = np.clip(x + right, 0, columns - 1)
    copy = host[ys, xs]
    apart = cv2.absdiff(copy, inside).astype(np.float32).mean(axis=2)
    cost = cv2.GaussianBlur(apart * known, (0, 0), sigma) / weight
    better = cost < least
    best[better], least[better] = copy[better], cost[better]
  layer = host.copy()
  layer[box][truth == 1] = best[truth == 1]
  return layer
