"""Reads the quantized coefficients and the quantization table of JPEG files.

`jpeglib` (extra `jpeg`) reads the coefficients themselves. Without it they are
computed from the decoded pixels and the file's quantization table: off by one
here and there, most where the decoder had to clip, and rounding errors come out
smaller. `dct` hardly suffers; `adjpeg` and `nadjpeg` do. The same is done with
files that jpeglib does not read, such as those with arithmetic coding.
"""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import functools
import os
import pathlib
import threading

import numpy as np
from scipy import fft

from manloc_jax.data import images
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.data.decoding import quiet
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import luma as luma_lib

try:
  import jpeglib
except ImportError:
  jpeglib = None

# The process has one standard error: one thread at a time may redirect it.
_READING = threading.Lock()
# Chroma blue and red to red, green and blue (JFIF, as ITU-R BT.601).
_CHROMA_TO_RGB = np.array([[0, -0.344136, 1.772], [1.402, -0.714136, 0]])
_LUMA = np.array([0.299, 0.587, 0.114])

# Row and column of each coefficient, from low to high frequency.
ZIGZAG = sorted(
    ((row, column) for row in range(8) for column in range(8)),
    key=lambda at: (sum(at), at[sum(at) % 2 == 0]),
)

LOW_FREQUENCIES = 15  # The first of them, which the methods look at.


@dataclasses.dataclass(frozen=True)
class Jpeg:
  """A JPEG image, its complete blocks only.

  Attributes:
    coefficients: int32[rows, columns, 8, 8], quantized, of luma.
    quantization: int32[8, 8], the quantization table of luma.
    chroma: float32[8 * rows, 8 * columns, 2] around 0, at the size of luma;
      None for grey images.
    counted: bool[rows, columns], blocks that go into histograms and means. The
      articles count all, and so does `read`; `from_pixels` leaves areas of one
      colour out.
    is_exact: Whether the coefficients are the file's own, not computed from
      pixels.
  """

  coefficients: np.ndarray
  quantization: np.ndarray
  chroma: np.ndarray | None
  counted: np.ndarray
  is_exact: bool = False

  @functools.cached_property
  def luma(self) -> np.ndarray:
    """Luma around 0, not rounded: float64[8 * rows, 8 * columns]."""
    rows, columns = self.coefficients.shape[:2]
    luma = np.empty((8 * rows, 8 * columns))
    for blocks, lines in strips(rows):
      scaled = self.coefficients[blocks] * self.quantization
      luma[lines] = _join(
          fft.idctn(scaled.astype(np.float64), axes=(2, 3), norm='ortho')
      )
    return luma

  @functools.cached_property
  def rounding_error(self) -> np.ndarray:
    """The error of rounding to 8 bits, as coefficients of luma.

    float64[15, rows, columns]: before rounding and clipping the colours less
    after it; see `low_frequencies`.
    """
    return _low_frequencies(self._rounded_off, *self.coefficients.shape[:2])

  def _rounded_off(self, lines: slice) -> np.ndarray:
    """Returns what rounding and clipping take from luma, float64[n, w]."""
    grey = self.luma[lines] + 128
    if self.chroma is None:
      return _beyond_8_bits(grey)
    return sum(
        weight * _beyond_8_bits(grey + self.chroma[lines] @ mix)
        for weight, mix in zip(_LUMA, _CHROMA_TO_RGB.T, strict=True)
    )


def read(path: pathlib.Path) -> Jpeg | None:
  """Reads the coefficients of a file.

  Args:
    path: An image file.

  Returns:
    None where methods on JPEG coefficients are not applicable: files without a
    table that `quantization.read` returns.

  Raises:
    DataError: The file cannot be decoded.
  """
  pixels = images.read_image(path).pixels  # Refuses what is broken.
  quantization = quantization_lib.read(path)
  if quantization is None:
    return None
  height, width = pixels.shape[:2]
  exact = _from_file(path, quantization, height // 8, width // 8)
  if exact is not None:
    return exact
  computed = from_pixels(pixels, quantization)
  is_grey = (pixels == pixels[..., :1]).all()
  return dataclasses.replace(
      computed,
      chroma=None if is_grey else computed.chroma,
      counted=np.ones_like(computed.counted),
  )


def from_pixels(pixels: np.ndarray, quantization: np.ndarray) -> Jpeg:
  """Quantizes the coefficients of decoded pixels.

  Args:
    pixels: RGB, uint8[h, w, 3]; grey images give chroma of zeros.
    quantization: Quantization table of luma, int[8, 8].

  Returns:
    The complete blocks, with `is_exact` False.
  """
  rows, columns = (side // 8 for side in pixels.shape[:2])
  pixels = pixels[: 8 * rows, : 8 * columns]
  chroma = np.empty((8 * rows, 8 * columns, 2), np.float32)
  coefficients = np.empty((rows, columns, 8, 8), np.int32)
  for blocks, lines in strips(rows):
    luma = luma_lib.mix(pixels[lines], _LUMA)
    for i, (channel, scale) in enumerate(((2, 1.772), (0, 1.402))):
      chroma[lines, :, i] = (pixels[lines, :, channel] - luma) / scale
    coefficients[blocks] = np.round(block_dct(luma - 128) / quantization)
  return Jpeg(coefficients, quantization, chroma, flat.counted(pixels))


def split(plane: np.ndarray) -> np.ndarray:
  """Returns the complete 8x8 blocks, [rows, columns, 8, 8], of [h, w]."""
  rows, columns = (side // 8 for side in plane.shape)
  return (
      plane[: 8 * rows, : 8 * columns]
      .reshape(rows, 8, columns, 8)
      .transpose(0, 2, 1, 3)
  )


def block_dct(plane: np.ndarray) -> np.ndarray:
  """Returns the orthonormal DCT of the complete 8x8 blocks of [h, w]."""
  return fft.dctn(split(plane), axes=(2, 3), norm='ortho')


def low_frequencies(plane: np.ndarray) -> np.ndarray:
  """Returns the first coefficients of the DCT of the complete 8x8 blocks.

  Args:
    plane: float64[h, w].

  Returns:
    float64[15, h // 8, w // 8], in the order of `ZIGZAG`.
  """
  rows, columns = (side // 8 for side in plane.shape)
  return _low_frequencies(plane.__getitem__, rows, columns)


def _low_frequencies(
    lines_of: Callable[[slice], np.ndarray], rows: int, columns: int
) -> np.ndarray:
  """Returns `low_frequencies` of a plane that is made a strip at a time."""
  coefficients = np.empty((LOW_FREQUENCIES, rows, columns))
  for blocks, lines in strips(rows):
    strip = block_dct(lines_of(lines))
    for i, (row, column) in enumerate(ZIGZAG[:LOW_FREQUENCIES]):
      coefficients[i, blocks] = strip[:, :, row, column]
  return coefficients


def strips(rows: int) -> Iterator[tuple[slice, slice]]:
  """Yields strips of blocks and their lines: intermediate arrays are small."""
  for lines in luma_lib.strips(8 * rows):
    yield slice(lines.start // 8, lines.stop // 8), lines


def _from_file(
    path: pathlib.Path, quantization: np.ndarray, rows: int, columns: int
) -> Jpeg | None:
  """Reads the coefficients with jpeglib; None if it is missing or fails."""
  if jpeglib is None:
    return None
  try:
    with _READING, quiet.WITHOUT_WARNINGS, _silence():
      file = jpeglib.read_dct(str(path))
      file.load()  # Only its header was read.
  except Exception:  # The pixels could be read: nothing else is lost.
    return None
  luma = file.Y[:rows, :columns].astype(np.int32)
  counted = np.ones(luma.shape[:2], bool)
  if file.Cb is None:
    return Jpeg(luma, quantization, None, counted, is_exact=True)
  chroma = [
      _enlarge(
          _join(
              fft.idctn(
                  plane * file.get_component_qt(i).astype(np.float32),
                  axes=(2, 3),
                  norm='ortho',
              )
          ),
          file.samp_factor[i],
          file.samp_factor[0],
          (8 * rows, 8 * columns),
      )
      for i, plane in ((1, file.Cb), (2, file.Cr))
  ]
  return Jpeg(
      luma, quantization, np.stack(chroma, axis=-1), counted, is_exact=True
  )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
  """Discards the warnings that libjpeg prints to standard error."""
  try:
    stderr = os.dup(2)
  except OSError:  # It is closed.
    yield
    return
  try:
    with open(os.devnull, 'wb') as nowhere:
      os.dup2(nowhere.fileno(), 2)
    yield
  finally:
    os.dup2(stderr, 2)
    os.close(stderr)


def _enlarge(
    plane: np.ndarray,
    samples: np.ndarray,
    luma_samples: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
  """Repeats the samples of a chroma plane to the size of luma.

  Args:
    plane: float32[h, w].
    samples: Its sampling factors, vertical and horizontal.
    luma_samples: Those of luma.
    shape: Height and width of luma.
  """
  row, column = (
      np.arange(size) * own // full
      for size, own, full in zip(shape, samples, luma_samples, strict=True)
  )
  return plane[row[:, None], column]


def _join(blocks: np.ndarray) -> np.ndarray:
  rows, columns = blocks.shape[:2]
  return blocks.transpose(0, 2, 1, 3).reshape(8 * rows, 8 * columns)


def _beyond_8_bits(plane: np.ndarray) -> np.ndarray:
  return plane - np.clip(np.round(plane), 0, 255)
