"""Compares what the header of an image file says with the data that follows.

A header of a few bytes can claim any size. Decoders fill what is missing with
grey, or take the memory first and notice later. For formats with a bound on
what one byte can hold, a file that is too short is refused before any pixel is
decoded. The bounds are those of the coding, so that images of one colour, which
come close to them, are read.
"""

import os
import pathlib
from typing import BinaryIO

from PIL import ImageFile

from manloc_jax.data import spec
from manloc_jax.data.decoding import jpeg_files

# Enough for the largest phone cameras; 600 MB once decoded to RGB.
MAX_PIXELS = 200_000_000
# No JPEG file has longer sides, and so no panorama of a camera.
MAX_SIDE = 65_500
# Of a file; the largest image takes 8 bytes for a pixel.
MAX_FILE_BYTES = 2_000_000_000
# Of the decoded bytes, from one byte of the file.
_DEFLATE, _LZW, _PACK_BITS, _RAW = 1032, 2800, 64, 1
# By number of the scheme; others have no bound.
_TIFF_BOUNDS = {
    1: _RAW, 5: _LZW, 8: _DEFLATE, 32_946: _DEFLATE, 32_773: _PACK_BITS
}  # fmt: skip
_BITS, _COMPRESSION, _SAMPLES = 258, 259, 277  # TIFF tags.
_STRIP_BYTES, _TILE_BYTES = 279, 325
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # By colour type.
# Of a first frame that is smaller than the canvas around it.
_MOST_CANVAS = 16
# Before the first scan of a JPEG file, and of a WebP file before its frames.
_MAX_METADATA = 64_000_000


def check_size(path: pathlib.Path, size: tuple[int, int]) -> None:
  """Raises DataError if width and height are beyond the limits."""
  width, height = size
  if width * height > MAX_PIXELS:
    raise bomb(path)
  if max(size) > MAX_SIDE:
    raise spec.DataError(
        f'{path} is {width}x{height} pixels, and no photograph or panorama has'
        f' a side of more than {MAX_SIDE:,}; crop it first.'
    )


def bomb(path: pathlib.Path) -> spec.DataError:
  """Returns the error for an image of too many pixels."""
  return spec.DataError(
      f'{path} has more than {MAX_PIXELS:,} pixels, which looks like a '
      'decompression bomb; crop it first.'
  )


def check_data(
    path: pathlib.Path, image: ImageFile.ImageFile, file: BinaryIO
) -> None:
  """Raises DataError if a file is too short for the size in its header.

  Args:
    path: Of the file, for the error.
    image: The opened image, of which nothing is decoded.
    file: The open file; its position is kept.
  """
  at = file.tell()
  try:
    if _holds_enough(image, file):
      return
  finally:
    file.seek(at)
  width, height = image.size
  raise spec.DataError(
      f'{path} should have {width}x{height} pixels by its header, and its data'
      ' are far too short for them, as those of a decompression bomb; fetch it'
      ' again or remove it.'
  )


def _holds_enough(image: ImageFile.ImageFile, file: BinaryIO) -> bool:
  width, height = image.size
  length = os.fstat(file.fileno()).st_size
  match image.format:
    case 'JPEG' | 'MPO':
      file.seek(0)
      return jpeg_files.may_be_complete(file.read(min(length, _MAX_METADATA)))
    case 'PNG':
      file.seek(24)
      depth, colour = file.read(2)
      row = 1 + -(-width * depth * _PNG_SAMPLES.get(colour, 1) // 8)
      return height * row <= _DEFLATE * length
    case 'TIFF':
      return _tiff_holds_enough(image, length)
    case 'GIF':
      return width * height <= _LZW * length and _covers(
          [tile[1] for tile in image.tile], image.size
      )
    case 'WEBP':
      file.seek(0)
      start = file.read(min(length, _MAX_METADATA))
      return _covers(_webp_frames(start), image.size)
    case 'BMP':
      # Otherwise of run lengths.
      is_raw = any(tile[0] == 'raw' for tile in image.tile)
      bits = {'1': 1, 'P': 1}.get(image.mode, 8)
      return not is_raw or width * height * bits <= 8 * length
    case 'PPM':
      return width * height <= 8 * length
  return True


def _tiff_holds_enough(image: ImageFile.ImageFile, length: int) -> bool:
  tags = getattr(image, 'tag_v2', {})
  counts = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or ()
  stored = sum(counts) if isinstance(counts, tuple) else counts
  bits = tags.get(_BITS, (1,))
  bits = min(bits) if isinstance(bits, tuple) else bits
  decoded = image.size[0] * image.size[1] * bits * tags.get(_SAMPLES, 1) // 8
  bound = _TIFF_BOUNDS.get(tags.get(_COMPRESSION, 1))
  return stored <= length and (bound is None or decoded <= bound * length)


def _covers(
    frames: list[tuple[int, int, int, int] | None], size: tuple[int, int]
) -> bool:
  """Tells whether the first frame fills a good part of its canvas."""
  if not frames or frames[0] is None:
    return True
  left, top, right, bottom = frames[0]
  area = (right - left) * (bottom - top)
  return area * _MOST_CANVAS >= size[0] * size[1]


def _webp_frames(data: bytes) -> list[tuple[int, int, int, int] | None]:
  """Returns the box of the first frame of an animated file."""
  at = 12
  while at + 8 <= len(data):
    name = data[at : at + 4]
    body = data[at + 8 : at + 24]
    if name == b'ANMF' and len(body) == 16:
      width, height = (
          1 + int.from_bytes(body[i : i + 3], 'little') for i in (6, 9)
      )
      return [(0, 0, width, height)]
    length = int.from_bytes(data[at + 4 : at + 8], 'little')
    at += 8 + length + length % 2
  return []
