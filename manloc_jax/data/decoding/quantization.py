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
# Table of luma of the JPEG standard (ITU-T T.81, K.1), at quality 50.
STANDARD = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
])


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


def scaled(table: np.ndarray, quality: int) -> np.ndarray:
  """Scales a table of quality 50 as libjpeg does.

  Args:
    table: int[...], such as `STANDARD`.
    quality: 1 to 100.

  Returns:
    int[...], steps of 1 to 255.
  """
  percent = 5000 // quality if quality < 50 else 200 - 2 * quality
  return np.clip((table * percent + 50) // 100, 1, 255)


def quality(table: np.ndarray) -> int:
  """Estimates the quality of a table of luma, as libjpeg counts it.

  Args:
    table: int[8, 8], of `read`.

  Returns:
    1 to 100, whose table of the standard is the closest on average. For a file
    that libjpeg saved it is right within 1, and below 20 within 5.
  """
  percent = 100 * float((table / STANDARD).mean())
  estimate = 5000 / percent if percent > 100 else 100 - percent / 2
  return int(np.clip(round(estimate), 1, 100))
