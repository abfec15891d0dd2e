"""What the classical methods and the noise say of every 8x8 block.

All is measured on decoded pixels. Of a JPEG file the quantisation table is
used besides; another file is taken for a JPEG whose steps are all 1, so that
the methods on double compression find what a forger's PNG hides: blocks that
were JPEG before, among others that were not.
"""

import pathlib

import cv2
import numpy as np

from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods
from manloc_jax.localization.fusion import residuals

BLOCK = flat.BLOCK
# Pixels of the image in which copies are sought; a larger one is reduced.
COPY_PIXELS = 500_000
_LEAST_SIDE = 64  # Pixels; what is smaller is mirrored to that size.
_NO_STEPS = np.ones((8, 8), np.int32)

_CLASSICAL = (
    'error_level',
    'noise',
    'block_grid',
    'double_jpeg',
    'aligned_jpeg',
    'moved_jpeg',
    'coefficients',
    'ones',
    'low_frequencies',
    'high_frequencies',
    'step_low',
    'step_high',
    'is_jpeg',
)
_COPY = ('copy', 'copy_known')
NAMES = (*residuals.NAMES, *_CLASSICAL, *_COPY)


def measure(
    pixels: np.ndarray, steps: np.ndarray | None, copies: np.ndarray | None
) -> np.ndarray:
  """Measures an image, or a tile of one that begins on a block.

  Args:
    pixels: RGB, uint8[h, w, 3], of any size from 1x1 on.
    steps: The file's quantisation table of luma, int[8, 8]; None for files
      that are not JPEG.
    copies: Of `find_copies`, as many blocks as the image has; None if copies
      were not sought.

  Returns:
    f32[ceil(h / 8), ceil(w / 8), len(NAMES)]; NaN in blocks where nothing
    varies. Bars of such blocks around a picture count as outside of it.
  """
  varies = flat.varying(pixels)
  measured = np.full((*varies.shape, len(NAMES)), np.nan, np.float32)
  if varies.any():
    rows, columns = flat.bounds(varies)
    picture = pixels[flat.pixels_of(rows), flat.pixels_of(columns)]
    measured[rows, columns] = _measure(picture, steps)
    measured[~varies] = np.nan
  if copies is not None:
    add_copies(measured, copies)
  return measured


def _measure(pixels: np.ndarray, steps: np.ndarray | None) -> np.ndarray:
  """Measures a picture, without copies."""
  rows, columns = (-(-side // BLOCK) for side in pixels.shape[:2])
  padded = whole_blocks(pixels)
  found = [
      residuals.measure(padded),
      _classical(padded, steps),
      np.zeros((*(side // BLOCK for side in padded.shape[:2]), len(_COPY))),
  ]
  return np.concatenate(found, axis=-1, dtype=np.float32)[:rows, :columns]


def add_copies(measured: np.ndarray, copies: np.ndarray) -> None:
  """Writes the copies of `find_copies` into what `measure` gave without."""
  measured[..., -2], measured[..., -1] = copies, 1


def find_copies(pixels: np.ndarray) -> np.ndarray:
  """Seeks regions that occur twice, by PatchMatch.

  Args:
    pixels: RGB, uint8[h, w, 3]; the whole image, for a copy may lie anywhere.

  Returns:
    f32[ceil(h / 8), ceil(w / 8)], the share of a block that is a copy or has
    one; zeros for strips too narrow to hold one.
  """
  varies = flat.varying(pixels)
  copies = np.zeros(varies.shape, np.float32)
  if varies.any():
    rows, columns = flat.bounds(varies)
    picture = pixels[flat.pixels_of(rows), flat.pixels_of(columns)]
    copies[rows, columns] = _find_copies(picture)
  return copies


def _find_copies(pixels: np.ndarray) -> np.ndarray:
  """Does it in a picture without bars around it."""
  height, width = pixels.shape[:2]
  rows, columns = -(-height // BLOCK), -(-width // BLOCK)
  shrink = min(1.0, (COPY_PIXELS / (height * width)) ** 0.5)
  if shrink < 1:
    size = (max(1, int(width * shrink)), max(1, int(height * shrink)))
    pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
  else:
    pixels = whole_blocks(pixels)[: rows * BLOCK, : columns * BLOCK]
  if min(pixels.shape[:2]) < _LEAST_SIDE:
    return np.zeros((rows, columns), np.float32)
  marked = methods.METHODS['patchmatch'].score(pixels)
  interpolation = cv2.INTER_AREA if shrink == 1 else cv2.INTER_LINEAR
  return cv2.resize(marked, (columns, rows), interpolation=interpolation)


def read_steps(path: pathlib.Path) -> np.ndarray | None:
  """Returns the quantisation table of luma, or None; see `jpeg.steps_of`."""
  return jpeg.steps_of(path)


def whole_blocks(pixels: np.ndarray) -> np.ndarray:
  """Mirrors an image at its lower and right edge to whole blocks."""
  wanted = [
      max(-(-side // BLOCK) * BLOCK, _LEAST_SIDE) for side in pixels.shape[:2]
  ]
  missing = [
      (0, side - have)
      for side, have in zip(wanted, pixels.shape[:2], strict=True)
  ]
  if not any(after for _, after in missing):
    return pixels
  return np.pad(pixels, (*missing, (0, 0)), 'symmetric')


def _classical(pixels: np.ndarray, steps: np.ndarray | None) -> np.ndarray:
  rows, columns = (side // BLOCK for side in pixels.shape[:2])
  size = (columns, rows)
  # One after the other, and each made small at once: pixels are many.
  error = methods.METHODS['ela'].score(pixels)
  error = cv2.resize(error, size, interpolation=cv2.INTER_AREA)
  noise = methods.METHODS['noise'].score(pixels).astype(np.float32)
  grid = methods.METHODS['blocks'].score(pixels)
  image = jpeg.from_pixels(pixels, _NO_STEPS if steps is None else steps)
  double, aligned, moved = (
      methods.METHODS[name].score(image)
      for name in ('dct', 'adjpeg', 'nadjpeg')
  )
  counted = np.abs(image.coefficients)
  high = counted.sum((2, 3)) - counted[:, :, :4, :4].sum((2, 3))
  low = sum(counted[:, :, row, column] for row, column in jpeg.ZIGZAG[1:6])
  flat = np.ones((rows, columns))
  return np.stack(
      [
          np.log1p(error),
          np.log(cv2.resize(noise, size) + 0.1),
          np.arcsinh(grid / 300),
          double,
          aligned,
          np.tanh(moved / 10),
          np.log1p(np.count_nonzero(counted, (2, 3))),
          np.log1p(np.count_nonzero(counted == 1, (2, 3))),
          np.log1p(low),
          np.log1p(high),
          flat * np.log(image.steps.reshape(-1)[:3].mean()),
          flat * np.log(image.steps[4:, 4:].mean()),
          flat * (steps is not None),
      ],
      axis=-1,
  )
