"""Reads image and mask files; a file is decoded in full or refused."""

from collections.abc import Callable
import contextlib
import dataclasses
import pathlib

import numpy as np
from PIL import Image
from PIL import ImageFile

from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import image_formats
from manloc_jax.data.decoding import jpeg_files
from manloc_jax.data.decoding import masks

# How images that are not 8-bit RGB are converted.
_CONVERSIONS = {
    '1': 'black and white copied to three channels',
    'L': 'grey copied to three channels',
    'LA': 'grey copied to three channels, alpha dropped',
    'P': 'palette expanded',
    'PA': 'palette expanded, alpha dropped',
    'RGBA': 'alpha dropped',
    'RGBX': 'fourth channel dropped',
    'CMYK': 'CMYK turned to RGB without a colour profile',
    'YCbCr': 'YCbCr turned to RGB',
    'I;16': '16 bits reduced to 8, grey copied to three channels',
    'I;16L': '16 bits reduced to 8, grey copied to three channels',
    'I;16B': '16 bits reduced to 8, grey copied to three channels',
}


_LOSSY = ('JPEG', 'MPO', 'WEBP', 'AVIF', 'HEIF')
_JPEG = ('JPEG', 'MPO')  # One image, or several in a row.
# Pixels of a mask for one of its image; small masks are decoded in any case.
_MOST_MASK, _SMALL_MASK = 16, 4_000_000
_HEIGHT, _WIDTH = 0x0101, 0x0100  # TIFF tags, of the stored pixels.
_ORIENTATION = 0x0112  # EXIF and TIFF tag: how viewers turn the image.
# Pillow applies the orientation of TIFF files, and of no others. Its inverse:
_TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A decoded image.

  Attributes:
    pixels: uint8[h, w, 3], RGB, read-only.
    note: How it was converted to 8-bit RGB; empty if it was not.
    orientation: EXIF orientation, 1 to 8, which was not applied; 1 is upright,
      5 to 8 exchange height and width.
  """

  pixels: np.ndarray
  note: str
  orientation: int = 1


def read_size(path: pathlib.Path) -> tuple[int, int]:
  """Returns height and width from the header; decodes nothing.

  Raises:
    DataError: The file is missing, no image, or too large.
  """
  with image_formats.opened(path) as image:
    tags = getattr(image, 'tag_v2', {})  # See `_TURN_BACK`.
    return tags.get(_HEIGHT, image.height), tags.get(_WIDTH, image.width)


def read_image(path: pathlib.Path) -> Decoded:
  """Reads an image as 8-bit RGB.

  Alpha is dropped, not blended: in forensic sets it means nothing, and
  blending would rewrite the pixels. The EXIF orientation is not applied,
  because masks are drawn on the stored pixels.

  Args:
    path: The file. Its content decides on the format, not its name.

  Returns:
    The pixels and a note on their conversion.

  Raises:
    DataError: The file is missing, truncated, no image, too large, or of a
      kind whose scale is unknown (32-bit integers and floats, Lab, HSV).
  """
  with image_formats.enough_memory(path):
    return _as_rgb(path, _read_stored(path))


def read_mask(
    path: pathlib.Path,
    is_manipulated: Callable[[np.ndarray], np.ndarray],
    mode: str = 'L',
    image_size: tuple[int, int] | None = None,
) -> np.ndarray:
  """Reads a ground-truth mask.

  Its two classes, on whatever scale, become 0 and 255 first, by the rule of
  `masks.two_classes`; `is_manipulated` then has only the polarity to tell.

  Args:
    path: The file; any mode that `read_image` takes, and numbers of 32 bits.
    is_manipulated: The polarity, to bool[h, w].
    mode: What `is_manipulated` takes: `L` for the classes 0 and 255,
      uint8[h, w]; `levels` for the greys of files that have more than two and
      are not lossy, uint8[h, w], and the classes of others; `RGB` for colours
      as they are, uint8[h, w, 3].
    image_size: Height and width of its image, for which a mask of many times
      more pixels is refused before it is decoded.

  Returns:
    uint8[h, w], 1 = manipulated.

  Raises:
    DataError: As `read_image`, or the mask does not have two classes, or it is
      far larger than its image.
  """
  if image_size is not None:
    _check_mask_size(path, image_size)
  with image_formats.enough_memory(path):
    return _as_mask(path, _read_stored(path), is_manipulated, mode)


def _check_mask_size(path: pathlib.Path, image_size: tuple[int, int]) -> None:
  height, width = read_size(path)
  most = max(_MOST_MASK * image_size[0] * image_size[1], _SMALL_MASK)
  if height * width > most:
    raise spec.DataError(
        f'The mask {path} has {width}x{height} pixels and its image'
        f' {image_size[1]}x{image_size[0]}; correct the files.'
    )


@dataclasses.dataclass(frozen=True)
class _Stored:
  """The content of a file before any conversion.

  Attributes:
    image: Its pixels, loaded, as they are stored and not turned.
    note: Irregularities of the file; empty if there are none.
    orientation: EXIF orientation, 1 to 8.
    is_deep_colour: Whether Pillow kept the high byte of 16 bits a channel.
    is_lossy: Whether its format may change values.
  """

  image: Image.Image
  note: str
  orientation: int
  is_deep_colour: bool
  is_lossy: bool


def _as_rgb(path: pathlib.Path, stored: _Stored) -> Decoded:
  """Converts what a file holds to 8-bit RGB."""
  image = stored.image
  if image.mode != 'RGB' and image.mode not in _CONVERSIONS:
    raise spec.DataError(
        f'{path} has pixels of mode {image.mode}, whose scale is unknown; '
        'save it with 8 bits per channel.'
    )
  notes = [_CONVERSIONS.get(image.mode, ''), stored.note]
  if stored.is_deep_colour:
    notes.insert(1, '16 bits reduced to 8')
  # Pillow would otherwise warn where a palette has transparency.
  image.info.pop('transparency', None)
  if image.mode.startswith('I;16'):
    image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
  if image.mode != 'RGB':  # Converting copies, even to the same mode.
    image = image.convert('RGB')
  note = ', '.join(filter(None, notes))
  return Decoded(np.asarray(image), note, stored.orientation)


def _as_mask(
    path: pathlib.Path,
    stored: _Stored,
    is_manipulated: Callable[[np.ndarray], np.ndarray],
    mode: str,
) -> np.ndarray:
  """Converts what a file holds to a mask; see `read_mask`."""
  image = stored.image
  if mode == 'RGB':
    return is_manipulated(np.asarray(image.convert('RGB'))).astype(np.uint8)
  if mode == 'levels' and image.mode == 'L' and not stored.is_lossy:
    levels = np.asarray(image)
    if ((levels > levels.min()) & (levels < levels.max())).any():
      return is_manipulated(levels).astype(np.uint8)
  if stored.is_deep_colour and image.convert('L').getextrema()[1] == 0:
    raise spec.DataError(
        f'The mask {path} has 16 bits a channel, of which the upper 8 are all'
        ' 0; save it as black and white, 0 and 255.'
    )
  bright = masks.two_classes(path, image, stored.is_lossy)
  classes = bright.astype(np.uint8) * np.uint8(255)
  return is_manipulated(classes).astype(np.uint8)


def _read_stored(path: pathlib.Path) -> _Stored:
  """Decodes the whole file."""
  with image_formats.opened(path) as file:
    if file.info.get('progressive'):
      _check_scans(path)
    # Pillow keeps the high byte of deep colour on its own, silently.
    is_deep = ';16' in str(getattr(file, 'tile', '')) and (
        not file.mode.startswith('I')
    )
    is_deep |= file.info.get('bit_depth', 8) > 8  # Of HEIC.
    is_animated = getattr(file, 'is_animated', False)
    turned = getattr(file, 'tag_v2', {}).get(_ORIENTATION)
    is_lossy = file.format in _LOSSY or file.info.get('compression') == 'jpeg'
    image, note = _decoded(path, file)
    # The header of a HEIC file may be wrong.
    declared_size.check_size(path, image.size)
    orientation = turned or _exif_orientation(image)
  notes = [note, 'only the first of several frames used' if is_animated else '']
  if turned in _TURN_BACK:
    # `transpose` returns a copy without the metadata.
    info = image.info
    image = image.transpose(_TURN_BACK[turned])
    image.info = info
  if orientation not in _TURN_BACK:
    orientation = 1
  return _Stored(
      image, ', '.join(filter(None, notes)), orientation, is_deep, is_lossy
  )


def _decoded(
    path: pathlib.Path, image: ImageFile.ImageFile
) -> tuple[Image.Image, str]:
  """Decodes the pixels of an open file; returns them and a note."""
  try:
    image.load()
    return image, ''
  except OSError:
    complete = None
    if image.format in _JPEG:
      complete = jpeg_files.decode_without_end(_content(path))
    if complete is None:
      raise
    return complete, 'the end marker is missing, but no block'


def _content(path: pathlib.Path) -> bytes:
  return files.read_bytes(path, declared_size.MAX_FILE_BYTES)


def _exif_orientation(image: Image.Image) -> int | None:
  # The pixels are sound whatever the reader of a broken EXIF block raises.
  with contextlib.suppress(Exception):
    return image.getexif().get(_ORIENTATION)
  return None


def _check_scans(path: pathlib.Path) -> None:
  """Refuses a JPEG file with more scans than an encoder would make."""
  if jpeg_files.has_too_many_scans(_content(path)):
    raise spec.DataError(
        f'{path} has more than {jpeg_files.MAX_SCANS} scans, which looks like'
        ' a decompression bomb; save it as a JPEG file that is not'
        ' progressive.'
    )
