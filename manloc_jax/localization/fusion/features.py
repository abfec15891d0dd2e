"""Features of every 8x8 block: the classical methods and statistics of noise.

All features are measured on decoded pixels. Of a JPEG file the quantization
table is used as well; any other file is treated as a JPEG file with a table of
ones, so that the methods on double compression find what a forger's PNG hides:
blocks that were JPEG before, among others that were not.
"""

from collections.abc import Sequence
from concurrent import futures

import cv2
import numpy as np

from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods
from manloc_jax.localization.classical.methods import adjpeg
from manloc_jax.localization.fusion import jpeg_traces
from manloc_jax.localization.fusion import residuals

BLOCK = flat.BLOCK
_LEAST_SIDE = 64  # Pixels; a smaller image is mirrored to that size.

_OF_PIXELS = ('error_level', 'noise', 'block_grid')
_OF_JPEG = (
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
# Of the weights v1, which read no traces of earlier compressions.
NAMES_V1 = (*residuals.NAMES, *_OF_PIXELS, *_OF_JPEG, *_COPY)
_TRACES = (*jpeg_traces.OF_COEFFICIENTS, *jpeg_traces.OF_PIXELS)
NAMES = (*NAMES_V1[: -len(_COPY)], *_TRACES, *_COPY)
VERSIONS = (NAMES, NAMES_V1)


def measure(
    pixels: np.ndarray,
    quantization: np.ndarray | None,
    copies: np.ndarray | None,
    names: Sequence[str] = NAMES,
) -> np.ndarray:
  """Measures an image, or a tile of one that begins on a block.

  Args:
    pixels: RGB, uint8[h, w, 3], of any size from 1x1 on.
    quantization: The file's quantization table of luma, int[8, 8]; None for
      files that are not JPEG.
    copies: `fractions` of `copies.find`, as many blocks as the image has; None
      if no copies were searched for.
    names: The features, one of `VERSIONS`.

  Returns:
    f32[ceil(h / 8), ceil(w / 8), len(names)]; NaN in areas of
    one colour. Bars of one colour around a picture count as outside of it.
  """
  counts = flat.counted(pixels)
  measured = np.full((*counts.shape, len(names)), np.nan, np.float32)
  if counts.any():
    rows, columns = flat.bounds(counts)
    picture = pixels[flat.pixels_of(rows), flat.pixels_of(columns)]
    measured[rows, columns] = _measure(
        picture, quantization, with_traces=tuple(names) == NAMES
    )
    measured[~counts] = np.nan
  if copies is not None:
    add_copies(measured, copies)
  return measured


def _measure(
    pixels: np.ndarray, quantization: np.ndarray | None, with_traces: bool
) -> np.ndarray:
  """Measures a picture, without copies."""
  rows, columns = (-(-side // BLOCK) for side in pixels.shape[:2])
  padded = whole_blocks(pixels)
  # Two threads: each leaves Python's global lock to the other most of the time.
  with futures.ThreadPoolExecutor(1) as pool:
    of_jpeg = pool.submit(_of_jpeg, padded, quantization, with_traces)
    groups = [residuals.measure(padded), _of_pixels(padded)]
    of_pixels = [jpeg_traces.of_pixels(padded)] if with_traces else []
    groups += [*of_jpeg.result(), *of_pixels]
  groups.append(np.zeros((*groups[0].shape[:2], len(_COPY))))
  return np.concatenate(groups, axis=-1, dtype=np.float32)[:rows, :columns]


def add_copies(measured: np.ndarray, copies: np.ndarray) -> None:
  """Writes copies into features that were measured without, in place.

  Args:
    measured: Of `measure` without copies, f32[rows, columns, n].
    copies: `fractions` of `copies.find`, f32[rows, columns].
  """
  measured[..., -2], measured[..., -1] = copies, 1


def select(measured: np.ndarray, names: Sequence[str]) -> np.ndarray:
  """Returns the features `names` of all, [rows, columns, len(names)].

  Args:
    measured: Of `measure`, [rows, columns, len(NAMES)].
    names: One of `VERSIONS`.
  """
  if len(names) == len(NAMES):
    return measured
  return measured[..., [NAMES.index(name) for name in names]]


def whole_blocks(pixels: np.ndarray) -> np.ndarray:
  """Mirrors an image at its lower and right edge to whole blocks.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    RGB, uint8[h', w', 3]: both sides are multiples of 8 and 64 at least.
  """
  missing = [
      (0, max(-(-side // BLOCK) * BLOCK, _LEAST_SIDE) - side)
      for side in pixels.shape[:2]
  ]
  if not any(after for _, after in missing):
    return pixels
  return np.pad(pixels, (*missing, (0, 0)), 'symmetric')


def _of_pixels(pixels: np.ndarray) -> np.ndarray:
  """Returns the features `_OF_PIXELS`, float32[rows, columns, n]."""
  size = (pixels.shape[1] // BLOCK, pixels.shape[0] // BLOCK)
  # One map after the other, each reduced at once, to save memory.
  error = methods.METHODS['ela'].score(pixels)
  error = cv2.resize(error, size, interpolation=cv2.INTER_AREA)
  noise = methods.METHODS['noise'].score(pixels).astype(np.float32)
  noise = np.log(cv2.resize(noise, size) + 0.1)
  grid = methods.METHODS['blocks'].score(pixels)
  return np.stack([np.log1p(error), noise, np.arcsinh(grid / 300)], axis=-1)


def _of_jpeg(
    pixels: np.ndarray, quantization: np.ndarray | None, with_traces: bool
) -> list[np.ndarray]:
  """Returns the features `_OF_JPEG`, and traces, float[rows, columns, n]."""
  table = quantization_lib.ONES if quantization is None else quantization
  image = jpeg.from_pixels(pixels, table)
  double, moved = (
      methods.METHODS[name].score(image) for name in ('dct', 'nadjpeg')
  )
  fitted = list(adjpeg.fit(image))
  aligned = adjpeg.combine(fitted, image.counted)
  counts = [
      _counts(image.coefficients[rows])
      for rows, _ in jpeg.strips(len(double))
  ]
  ones = np.ones_like(double)
  of_jpeg = np.stack(
      [
          double,
          aligned,
          np.tanh(moved / 10),
          *np.log1p(np.concatenate(counts, axis=1)),
          ones * np.log(table.reshape(-1)[:3].mean()),
          ones * np.log(table[4:, 4:].mean()),
          ones * (quantization is not None),
      ],
      axis=-1,
  )
  if not with_traces:
    return [of_jpeg]
  return [of_jpeg, jpeg_traces.of_coefficients(fitted, double.shape)]


def _counts(coefficients: np.ndarray) -> np.ndarray:
  """Counts and adds up what is left of quantized coefficients.

  Args:
    coefficients: int32[rows, columns, 8, 8].

  Returns:
    int[4, rows, columns]: coefficients that are not 0, those of size 1, and the
    sums of the sizes of low and of high frequencies.
  """
  sizes = np.abs(coefficients)
  low = sum(sizes[:, :, row, column] for row, column in jpeg.ZIGZAG[1:6])
  return np.stack([
      np.count_nonzero(sizes, (2, 3)),
      np.count_nonzero(sizes == 1, (2, 3)),
      low,
      sizes.sum((2, 3)) - sizes[:, :, :4, :4].sum((2, 3)),
  ])
