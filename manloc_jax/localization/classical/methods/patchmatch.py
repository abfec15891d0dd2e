"""Copy-move by dense matching (PatchMatch).

Cozzolino, Poggi, Verdoliva: Efficient dense-field copy-move forgery detection
(2015), with Zernike moments.
"""

from collections.abc import Sequence
from concurrent import futures
import dataclasses
import functools
import math

import cv2
import numpy as np
from scipy import ndimage

from manloc_jax.localization.classical import interface
from manloc_jax.localization.classical import matching

# All lengths below, in pixels, suit images of about this size.
_MAX_PIXELS = 1_000_000
_DIAMETER = 16  # Of the discs that are compared.
_ORDER = 5  # Highest of the Zernike moments.
_RADII, _ANGLES = 26, 32  # Of the polar grid on which they are sampled.
_MIN_DISTANCE = 50
_MEDIAN_RADIUS = 4
_FIT_RADIUS = 6
_MAX_ERROR = 300  # Squared pixels, summed over the disc of the fit.
_MIN_REGION = 1200  # Pixels.
_DILATION = 10
_MAX_POINTS = 400  # Of a pair, a sample of its pixels.


@dataclasses.dataclass(frozen=True)
class Pair:
  """Two regions that are alike; which one is the copy is not known.

  Attributes:
    first: int[n, 2], rows and columns of a sample of pixels of one region.
    second: int[n, 2], those of the other region that they resemble.
    pixels: Of the first region, in the image that was searched.
  """

  first: np.ndarray
  second: np.ndarray
  pixels: int

  def moved(self, origin: Sequence[int]) -> 'Pair':
    """Returns the pair in an image of which this one is a part.

    Args:
      origin: Row and column of the part's corner.
    """
    return Pair(self.first + origin, self.second + origin, self.pixels)


def score(pixels: np.ndarray) -> np.ndarray:
  """Marks regions that occur twice in an image, copy and source alike.

  Regions may be moved, turned and somewhat scaled. Images of more than a
  million pixels are made smaller first. The search is random, from a fixed
  seed.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    float32[h, w], 1 in such regions and 0 elsewhere.
  """
  return find(pixels)[0]


def find(pixels: np.ndarray) -> tuple[np.ndarray, list[Pair]]:
  """Returns the map of `score`, and the pairs of regions, the largest first."""
  height, width = pixels.shape[:2]
  grey: np.ndarray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
  shrink = (_MAX_PIXELS / grey.size) ** 0.5
  if shrink < 1:
    size = (max(64, int(width * shrink)), max(64, int(height * shrink)))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
  offsets = _smooth(matching.match(_zernike(grey)))
  sources = _coherent(offsets)
  regions = _regions(offsets, sources).astype(np.float32)
  marked = cv2.resize(regions, (width, height), interpolation=cv2.INTER_NEAREST)
  scale = np.array([height, width]) / grey.shape
  return marked, _pairs(offsets, sources, scale)


def _zernike(grey: np.ndarray) -> np.ndarray:
  """Returns magnitudes of Zernike moments, float32[h, w, 12] in 0 to 1.

  The moments are integrals over polar coordinates, of pixels interpolated
  linearly; turning the image leaves the magnitudes alone.
  """
  rho = (np.arange(_RADII) + 0.5) / _RADII
  theta = 2 * np.pi * np.arange(_ANGLES) / _ANGLES
  rho, theta = np.meshgrid(rho, theta, indexing='ij')
  radius = _DIAMETER / 2
  magnitudes = []
  for order in range(_ORDER + 1):
    for turns in range(order % 2, order + 1, 2):
      wave = _radial(order, turns, rho) * np.exp(-1j * turns * theta) * rho
      wave *= (order + 1) / (_RADII * _ANGLES)
      kernel = _to_pixels(wave, radius * rho, theta)
      real, imaginary = (
          cv2.filter2D(
              grey,
              cv2.CV_32F,
              np.ascontiguousarray(part),
              borderType=cv2.BORDER_REFLECT,
          )
          for part in (kernel.real, kernel.imag)
      )
      magnitudes.append(np.hypot(real, imaginary))
  features = np.stack(magnitudes, axis=-1)
  features -= features.min()
  return features / max(features.max(), 1e-9)


def _radial(order: int, turns: int, rho: np.ndarray) -> np.ndarray:
  """Returns the radial Zernike polynomial at `rho`."""
  total = np.zeros_like(rho)
  for k in range((order - turns) // 2 + 1):
    total += (
        (-1) ** k
        * math.comb(order - k, k)
        * math.comb(order - 2 * k, (order - turns) // 2 - k)
        * rho ** (order - 2 * k)
    )
  return total


def _to_pixels(
    wave: np.ndarray, radius: np.ndarray, theta: np.ndarray
) -> np.ndarray:
  """Distributes samples at polar coordinates over the pixels around them.

  Args:
    wave: complex128[radii, angles], the samples.
    radius: float64[radii, angles], in pixels.
    theta: float64[radii, angles].

  Returns:
    complex128[side, side], a kernel with the origin in the middle.
  """
  half = int(np.ceil(radius.max()))
  kernel = np.zeros((2 * half + 2, 2 * half + 2), complex)
  y, x = radius * np.sin(theta) + half, radius * np.cos(theta) + half
  top, left = np.floor(y).astype(int), np.floor(x).astype(int)
  for down in (0, 1):
    for right in (0, 1):
      weight = (1 - np.abs(y - top - down)) * (1 - np.abs(x - left - right))
      np.add.at(kernel, (top + down, left + right), wave * weight)
  return kernel[:-1, :-1]


def _smooth(offsets: np.ndarray) -> np.ndarray:
  """Replaces offsets by the median of those around them, float64[h, w, 2]."""
  smooth = functools.partial(
      ndimage.median_filter, footprint=_disc(_MEDIAN_RADIUS)
  )
  with futures.ThreadPoolExecutor(2) as pool:
    planes = [*pool.map(smooth, np.moveaxis(offsets, -1, 0))]
  return np.stack(planes, axis=-1).astype(np.float64)


def _coherent(offsets: np.ndarray) -> np.ndarray:
  """Marks regions whose offsets are long and an affine map, bool[h, w]."""
  marked = _affine_error(offsets) < _MAX_ERROR
  marked &= (offsets**2).sum(-1) >= _MIN_DISTANCE**2
  return _without_small(marked)


def _regions(offsets: np.ndarray, sources: np.ndarray) -> np.ndarray:
  """Adds what the regions resemble, and grows both, bool[h, w]."""
  marked = sources.copy()
  target = _targets(offsets, np.argwhere(marked))
  marked[target[:, 0], target[:, 1]] = True
  marked = _without_small(marked)
  return cv2.dilate(marked.astype(np.uint8), _disc(_DILATION)) > 0


def _targets(offsets: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Returns where the offsets of points lead to, int[n, 2] in the image."""
  moved = points + np.round(offsets[points[:, 0], points[:, 1]]).astype(int)
  return np.clip(moved, 0, np.array(offsets.shape[:2]) - 1)


def _pairs(
    offsets: np.ndarray, sources: np.ndarray, scale: np.ndarray
) -> list[Pair]:
  """Pairs each region with what it resembles; of a pair found twice, once.

  Args:
    offsets: float64[h, w, 2].
    sources: bool[h, w], the regions.
    scale: float64[2], pixels of the image per pixel that was searched.
  """
  labels, count = ndimage.label(sources, np.ones((3, 3)))
  order = np.argsort(-np.bincount(labels.ravel())[1:], kind='stable') + 1
  covered = np.zeros(sources.shape, bool)
  pairs = []
  for label in order[:count]:
    points = np.argwhere(labels == label)
    if covered[points[:, 0], points[:, 1]].mean() > 0.5:
      continue
    targets = _targets(offsets, points)
    covered[targets[:, 0], targets[:, 1]] = True
    sample = np.s_[:: -(-len(points) // _MAX_POINTS)]
    first, second = (
        ((one[sample] + 0.5) * scale).astype(int) for one in (points, targets)
    )
    pairs.append(Pair(first, second, len(points)))
  return pairs


def _affine_error(offsets: np.ndarray) -> np.ndarray:
  """Returns the squared error of a local affine fit to the offsets.

  Args:
    offsets: float64[h, w, 2].

  Returns:
    float64[h, w], summed over the disc around each pixel.
  """
  disc = _disc(_FIT_RADIUS).astype(np.float64)
  side = np.arange(-_FIT_RADIUS, _FIT_RADIUS + 1)
  down, right = disc * side[:, None], disc * side
  # On a disc the constant and both coordinates are orthogonal.
  apply = lambda plane, kernel: cv2.filter2D(
      plane, cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT
  )
  error = np.zeros(offsets.shape[:2])
  for plane in np.moveaxis(offsets, -1, 0):
    plane = np.ascontiguousarray(plane)
    error = error + apply(plane**2, disc)
    for kernel in (disc, down, right):
      error -= apply(plane, kernel) ** 2 / (kernel**2).sum()
  return error


def _without_small(marked: np.ndarray) -> np.ndarray:
  labels, _ = ndimage.label(marked, np.ones((3, 3)))
  large = np.bincount(labels.ravel()) >= _MIN_REGION
  large[0] = False  # The background.
  return large[labels]


def _disc(radius: int) -> np.ndarray:
  side = np.arange(-radius, radius + 1)
  return (side[:, None] ** 2 + side**2 <= radius**2).astype(np.uint8)


# Larger images are made smaller first.
METHOD = interface.Method(
    score,
    needs='pixels',
    block=1,
    is_probability=True,
    constant_score=0.0,
    min_side=64,
    max_megapixels=200,
)
