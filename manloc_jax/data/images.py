"""Image and mask files to arrays: every file is decoded in full or refused."""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import PIL
from PIL import Image

from manloc_jax.data import spec

# Room for the largest phone cameras; 600 MB once decoded to RGB.
MAX_PIXELS = 200_000_000
# Pillow raises at twice its limit, from the header, before any allocation.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# What is done to images that are not 8-bit RGB.
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


@dataclasses.dataclass(frozen=True)
class Decoded:
  """A decoded image.

  Attributes:
    pixels: uint8[h, w, 3], RGB.
    note: What had to be done to make it 8-bit RGB; empty if nothing.
  """

  pixels: np.ndarray
  note: str


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
  image, note = _load(path)
  return Decoded(np.array(image.convert('RGB')), note)


def read_mask(
    path: pathlib.Path,
    is_manipulated: Callable[[np.ndarray], np.ndarray],
    mode: str = 'L',
) -> np.ndarray:
  """Reads a ground-truth mask.

  Args:
    path: The file; any mode that `read_image` takes.
    is_manipulated: The polarity, to bool[h, w].
    mode: What `is_manipulated` takes: `L` for grey, uint8[h, w], or `RGB`,
      uint8[h, w, 3].

  Returns:
    uint8[h, w], 1 = manipulated.

  Raises:
    DataError: As `read_image`.
  """
  image, _ = _load(path)
  if image.mode not in ('1', 'L'):
    image = image.convert('RGB')  # Not all modes turn to grey at once.
  return is_manipulated(np.array(image.convert(mode))).astype(np.uint8)


def _load(path: pathlib.Path) -> tuple[Image.Image, str]:
  """Decodes the whole file; returns it with a note on its conversion."""
  try:
    with Image.open(path) as image:
      width, height = image.size
      if width * height > MAX_PIXELS:
        raise _too_large(path)
      # Pillow keeps the high byte of deep colour on its own, silently.
      is_deep = image.mode == 'RGB' and ';16' in str(image.tile)
      is_animated = getattr(image, 'is_animated', False)
      image.load()
  except spec.DataError:
    raise
  except (Image.DecompressionBombError, Image.DecompressionBombWarning):
    raise _too_large(path) from None
  except FileNotFoundError:
    raise spec.DataError(f'There is no file {path}; check the path.') from None
  except PIL.UnidentifiedImageError:
    raise spec.DataError(
        f'{path} is not an image that Pillow can read, whatever its name '
        'says; replace or remove it.'
    ) from None
  # Pillow's decoders raise whatever the broken bytes lead them to.
  except Exception as error:
    raise spec.DataError(
        f'{path} is broken ({error}); fetch it again or remove it.'
    ) from error
  if image.mode != 'RGB' and image.mode not in _CONVERSIONS:
    raise spec.DataError(
        f'{path} has pixels of mode {image.mode}, whose scale is unknown; '
        'save it with 8 bits per channel.'
    )
  notes = [_CONVERSIONS.get(image.mode, '')]
  if is_deep:
    notes.append('16 bits reduced to 8')
  if is_animated:
    notes.append('only the first of several frames used')
  # Pillow would otherwise warn where a palette has transparency.
  image.info.pop('transparency', None)
  if image.mode.startswith('I;16'):
    image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
  return image, ', '.join(filter(None, notes))


def _too_large(path: pathlib.Path) -> spec.DataError:
  return spec.DataError(
      f'{path} has more than {MAX_PIXELS:,} pixels, which looks like a '
      'decompression bomb; crop it first.'
  )
