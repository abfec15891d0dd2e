"""Measures statistics of noise residuals in every 8x8 block.

High-pass filters suppress the picture and leave noise, interpolation and
compression, as in steganalysis (Fridrich, Kodovsky: Rich models for
steganalysis of digital images, 2012, whose kernels some of these are).
"""

import cv2
import numpy as np

from manloc_jax.localization.classical import jpeg

_BLOCK = 8
_STRIP = 16  # Blocks.
_RIGHT = np.array([[1, -1]])
_LINE = np.array([[1, -2, 1]]) / 2
_DIAGONAL = np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]]) / 2
_SQUARE3 = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
_SQUARE5 = (
    np.array([
        [-1, 2, -2, 2, -1],
        [2, -6, 8, -6, 2],
        [-2, 8, -12, 8, -2],
        [2, -6, 8, -6, 2],
        [-1, 2, -2, 2, -1],
    ])
    / 12
)
_LUMA_FILTERS = {
    'right': _RIGHT,
    'down': _RIGHT.T,
    'row': _LINE,
    'column': _LINE.T,
    'diagonal': _DIAGONAL,
    'square3': _SQUARE3,
    'square5': _SQUARE5,
}
_HISTOGRAM_FILTERS = {'square3': _SQUARE3, 'square5': _SQUARE5}
_CHROMA_FILTERS = {'row': _LINE, 'column': _LINE.T, 'square3': _SQUARE3}
_CHROMA = ('red', 'blue')  # Differences to luma, Cr and Cb.
_EDGES = (0.3, 0.8, 1.8, 4.0)  # Grey levels, of a residual's size.
_MOST, _MOST_CHROMA, _MOST_PRODUCT = 20, 10, 9  # Larger ones are edges.
# Coefficients in zig-zag order that share a band of frequencies.
_BANDS = (1, 3, 6, 10, 15, 21, 28, 36, 49, 64)
_BLACK, _WHITE = 3, 252  # Pixels beyond these are clipped.

NAMES = (
    *(f'luma_{name}' for name in _LUMA_FILTERS),
    *(
        f'{name}_{statistic}'
        for name in _HISTOGRAM_FILTERS
        for statistic in (*(f'below_{e}' for e in _EDGES), 'along', 'across')
    ),
    *(f'{plane}_{name}' for plane in _CHROMA for name in _CHROMA_FILTERS),
    *(f'band_{first}' for first in _BANDS[:-1]),
    *('luma', *_CHROMA, 'contrast', 'blind'),
)


def measure(pixels: np.ndarray) -> np.ndarray:
  """Measures the features `NAMES`.

  Args:
    pixels: RGB, uint8[h, w, 3]; both sides are multiples of 8.

  Returns:
    f32[h / 8, w / 8, len(NAMES)].
  """
  rows, columns = (side // _BLOCK for side in pixels.shape[:2])
  measured = np.empty((rows, columns, len(NAMES)), np.float32)
  # In strips, whose planes stay in the cache. Filters see one block beyond.
  for first in range(0, rows, _STRIP):
    start, stop = max(first - 1, 0), min(first + _STRIP + 1, rows)
    strip = _measure(pixels[_BLOCK * start : _BLOCK * stop])
    inner = strip[first - start :][:_STRIP]
    measured[first : first + _STRIP] = inner
  return measured


def _measure(pixels: np.ndarray) -> np.ndarray:
  """Measures a strip; see `measure`."""
  planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb).astype(np.float32)
  luma = np.ascontiguousarray(planes[..., 0])
  features = [
      np.log1p(4 * _mean(_size(_filter(luma, kernel), _MOST)))
      for kernel in _LUMA_FILTERS.values()
  ]
  for kernel in _HISTOGRAM_FILTERS.values():
    features += _histogram(_filter(luma, kernel))
  for channel in (1, 2):
    plane = np.ascontiguousarray(planes[..., channel])
    for kernel in _CHROMA_FILTERS.values():
      size = _size(_filter(plane, kernel), _MOST_CHROMA)
      features.append(np.log1p(8 * _mean(size)))
  features += _bands(luma)
  means = [_mean(planes[..., channel]) for channel in range(3)]
  features += [mean / 64 - 2 for mean in means]
  variance = np.maximum(_mean(luma**2) - means[0] ** 2, 0)
  features.append(np.log1p(np.sqrt(variance)))
  is_clipped = (luma < _BLACK) | (luma > _WHITE)
  features.append(_mean(is_clipped.astype(np.float32)))
  return np.stack(features, axis=-1).astype(np.float32)


def _filter(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
  return cv2.filter2D(plane, cv2.CV_32F, kernel)


def _size(residual: np.ndarray, most: float) -> np.ndarray:
  """Returns the size of a residual, and `most` where it is larger."""
  size = np.abs(residual)
  return cv2.threshold(size, most, 0, cv2.THRESH_TRUNC)[1]


def _mean(plane: np.ndarray) -> np.ndarray:
  """Returns the mean of every block, f32[h / 8, w / 8] of f32[h, w]."""
  size = (plane.shape[1] // _BLOCK, plane.shape[0] // _BLOCK)
  return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def _histogram(residual: np.ndarray) -> list[np.ndarray]:
  """Measures fractions of small residuals and products of neighbours.

  Args:
    residual: f32[h, w].

  Returns:
    f32[h / 8, w / 8] for each fraction and each of two directions.
  """
  size = np.abs(residual)
  statistics = [
      # OpenCV compares with what may still be equal.
      _mean(cv2.threshold(size, _below(edge), 1, cv2.THRESH_BINARY_INV)[1])
      for edge in _EDGES
  ]
  for axis in (1, 0):
    product = np.zeros_like(residual)
    here, there = (residual[:, :-1], residual[:, 1:]) if axis else (
        residual[:-1],
        residual[1:],
    )
    inner = product[: here.shape[0], : here.shape[1]]
    np.multiply(here, there, out=inner)
    np.clip(inner, -_MOST_PRODUCT, _MOST_PRODUCT, out=inner)
    statistics.append(_mean(product))
  return statistics


def _below(edge: float) -> float:
  """Returns the next smaller number of single precision."""
  return float(np.nextafter(np.float32(edge), np.float32(0)))


def _bands(luma: np.ndarray) -> list[np.ndarray]:
  """Returns the mean magnitude of DCT coefficients in each band."""
  coefficients = np.abs(jpeg.block_dct(luma - 128))
  ordered = [coefficients[:, :, row, column] for row, column in jpeg.ZIGZAG]
  return [
      np.log1p(np.mean(ordered[first:last], axis=0))
      for first, last in zip(_BANDS, _BANDS[1:], strict=False)
  ]
