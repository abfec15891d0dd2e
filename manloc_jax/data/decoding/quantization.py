"""Reads the quantization table of the luma of JPEG files.

Only the header is read; no pixel is decoded.
"""

import io
import pathlib

import numpy as np
from PIL import Image
from PIL import JpegImagePlugin

from manloc_jax.data.decoding import image_formats

# The table of everything that is no such file: its coefficients are then
# counted in units of 1, as if a JPEG file had kept them all.
ONES = np.ones((8, 8), np.int32)
ONES.flags.writeable = False


def read(path: pathlib.Path) -> np.ndarray | None:
  """Returns the quantization table of a file's luma.

  It belongs to the pixels as they are stored, which is how
  `images.read_image` returns them: no EXIF orientation is applied.

  Args:
    path: An image file.

  Returns:
    int32[8, 8], the vertical frequency first. None for files that are not JPEG,
    or are without luma of their own (CMYK, RGB), with luma of fewer samples
    than chroma, or with a table that holds 0 or numbers of more than 8 bits.

  Raises:
    DataError: It is no image.
  """
  with image_formats.opened(path) as image:
    return _luma_table(image)


def of_bytes(file: bytes) -> np.ndarray | None:
  """Returns the same of the content of a file that this package encoded."""
  with Image.open(io.BytesIO(file)) as image:
    return _luma_table(image)


def _luma_table(image: Image.Image) -> np.ndarray | None:
  is_luma = image.mode == 'L' or (
      image.mode == 'RGB' and image.info.get('adobe_transform') != 0
  )
  if not isinstance(image, JpegImagePlugin.JpegImageFile) or not is_luma:
    return None
  factors = np.array([layer[1:3] for layer in image.layer])
  table = image.quantization.get(image.layer[0][3])
  if table is None or not 0 < min(table) <= max(table) <= 255:
    return None
  if (factors > factors[0]).any():
    return None
  return np.array(table, np.int32).reshape(8, 8)
