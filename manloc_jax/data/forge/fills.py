"""Removes objects: fills holes like editors and forgers do."""

import cv2
import numpy as np

METHODS = ('telea', 'navier-stokes', 'clone', 'shift map')
WEIGHTS = (0.15, 0.15, 0.35, 0.35)
_OPENCV = {'telea': cv2.INPAINT_TELEA, 'navier-stokes': cv2.INPAINT_NS}
_LARGEST_HOLE = 8000  # Pixels that OpenCV inpaints; larger holes are reduced.
_TRIES = 200  # Shifts to compare.
_RING = 6  # Pixels around the hole that must fit.


def remove(
    host: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, dict]:
  """Fills a hole.

  `clone` copies background from elsewhere, from where the rim fits best.
  `shift map` takes each pixel of the hole from the shift that fits the rim near
  it, after He and Sun, Statistics of Patch Offsets for Image Completion
  (ECCV 2012), without their graph cut. OpenCV's own methods leave no texture,
  so that some get noise like that of the image.

  Args:
    host: uint8[h, w, 3].
    mask: uint8[h, w], 1 = hole.
    rng: Random generator of every choice.

  Returns:
    The layer, uint8[h, w, 3], and the facts.
  """
  method = str(rng.choice(METHODS, p=WEIGHTS))
  shifts = np.zeros((0, 2), int)
  if method not in _OPENCV:
    wanted = 1 if method == 'clone' else 8
    shifts = _good_shifts(host, mask, wanted, rng)
    if not len(shifts):  # The hole is too large to copy from elsewhere.
      method = 'telea'
  if method in _OPENCV:
    layer = _inpaint(host, mask, _OPENCV[method], int(rng.integers(3, 8)))
    is_noisy = bool(rng.random() < 0.5)
    if is_noisy:
      layer = add_noise(layer, noise_of(host), rng)
    return layer, {'method': method, 'noise_added': is_noisy}
  layer = _combine(host, mask, shifts)
  return layer, {'method': method, 'shifts': shifts.tolist()}


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
    host: np.ndarray,
    mask: np.ndarray,
    wanted: int,
    rng: np.random.Generator,
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
  inner_y, inner_x = _sample_pixels(mask, 400, rng)
  kernel = np.ones((2 * _RING + 1,) * 2, np.uint8)
  rim = cv2.dilate(mask, kernel) - mask
  rim_y, rim_x = _sample_pixels(rim, 400, rng)
  candidates = []
  for down, right in zip(downs.tolist(), rights.tolist(), strict=True):
    hits = np.count_nonzero(mask[inner_y + down, inner_x + right])
    if hits > 0.01 * len(inner_y):
      continue
    y, x = rim_y + down, rim_x + right
    inside = (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    if inside.sum() < 0.5 * len(y):
      continue
    y, x = y[inside], x[inside]
    apart = host[y, x].astype(np.float32) - host[rim_y[inside], rim_x[inside]]
    candidates.append((float((apart**2).mean()), down, right))
  best = [shift for _, *shift in sorted(candidates)[:wanted]]
  return np.array(best, int).reshape(-1, 2)


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
