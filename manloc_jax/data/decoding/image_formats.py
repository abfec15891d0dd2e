"""Lists the image formats that are read, and opens files of them."""

from collections.abc import Callable, Iterator
import contextlib
import os
import pathlib
import struct
from typing import IO

import PIL
from PIL import features
from PIL import Image
from PIL import ImageFile

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import jpeg_files
from manloc_jax.data.decoding import quiet

# The formats of photographs and masks, as Pillow names them, and the suffixes
# of such files. Pillow reads more and tries them all, whatever the suffix of a
# file: it would pass PostScript on to another program.
FORMATS = {
    'JPEG': ('.jpg', '.jpeg', '.jpe', '.jfif', '.mpo'),
    'PNG': ('.png',),
    'TIFF': ('.tif', '.tiff'),
    'WEBP': ('.webp',),
    'GIF': ('.gif',),
    'BMP': ('.bmp', '.dib'),
    'PPM': ('.ppm', '.pgm', '.pbm', '.pnm'),
    'AVIF': ('.avif',),
    'HEIF': ('.heic', '.heif', '.hif'),
}
# The suffixes of image files in folders.
SUFFIXES = tuple(suffix for names in FORMATS.values() for suffix in names)
_FORMAT_NAMES = 'JPEG, PNG, TIFF, WebP, GIF, BMP, PPM, AVIF, HEIC'
# Brands of HEIF containers, which name the codec of their images. Files of the
# last two may hold AVIF instead, which is tried first.
_HEIC_BRANDS = (
    b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs',
    b'mif1', b'msf1',
)  # fmt: skip
_AVIF_BRANDS = (b'avif', b'avis')
_HEADER_BYTES = 1_000_000  # They hold the start of a JPEG file's frame.


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[ImageFile.ImageFile]:
  """Opens an image file and checks its header; refuses in one sentence.

  No state of Pillow is changed: the limit of pixels is our own.

  Raises:
    DataError: The file is missing, no image, broken or too large. Errors that
      are raised while it is open are turned into this one.
    MissingMemory: There is too little memory to read it.
  """
  with enough_memory(path), _readable(path) as image:
    yield image


@contextlib.contextmanager
def enough_memory(path: pathlib.Path) -> Iterator[None]:
  """Raises MissingMemory, with the file's name, where memory is missing.

  Nothing is wrong with the file: a set must not leave it out.
  """
  try:
    yield
  except Exception as error:
    if not errors.is_out_of_memory(error):
      raise
    raise errors.MissingMemory(f'to read {path}') from error


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[ImageFile.ImageFile]:
  try:
    # Warnings are about irregularities that do not change the pixels.
    with (
        quiet.WITHOUT_WARNINGS,
        files.open_regular(path, declared_size.MAX_FILE_BYTES) as file,
        _identified(file, path) as image,
    ):
      declared_size.check_size(path, image.size)
      declared_size.check_data(path, image, file)
      yield image
  except errors.UserError:
    raise
  except (Image.DecompressionBombError, Image.DecompressionBombWarning):
    raise declared_size.bomb(path) from None
  except FileNotFoundError:
    raise spec.DataError(f'There is no file {path}; check the path.') from None
  # Pillow's decoders raise whatever the broken bytes lead them to.
  except Exception as error:
    if errors.is_out_of_memory(error):
      raise
    raise _refusal(path, error) from error


def _identified(file: IO[bytes], path: pathlib.Path) -> ImageFile.ImageFile:
  """Reads the header with the first format that fits it.

  As `Image.open` does, without its limit of pixels, which is the process's.

  Raises:
    UnidentifiedImageError: No format fits.
    DataError: It is HEIC, and the package that reads HEIC is not installed.
  """
  Image.init()
  start = file.read(16)
  for name in FORMATS:
    file.seek(0)
    if name == 'HEIF':
      if start[4:8] == b'ftyp' and start[8:12] in _HEIC_BRANDS:
        return _heif_factory(path)(file, os.fspath(path))
      continue
    # Some versions of Pillow lack formats; `accepts` may return a reason.
    factory, accepts = Image.OPEN.get(name, (None, None))
    if factory is None or (accepts and accepts(start) is not True):
      continue
    # The errors that Pillow takes for another format.
    with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
      return factory(file, os.fspath(path))
  raise PIL.UnidentifiedImageError(str(path))


def _heif_factory(path: pathlib.Path) -> Callable[..., ImageFile.ImageFile]:
  try:
    import pillow_heif
  except ImportError:
    raise spec.DataError(
        f'{path} is a HEIC image, which an extra package reads; install it'
        " with pip install 'manloc_jax[heif]'."
    ) from None
  return pillow_heif.HeifImageFile


def _refusal(path: pathlib.Path, error: Exception) -> spec.DataError:
  """Returns the error for a file that cannot be read."""
  if isinstance(error, OSError) and error.strerror:  # Of the system.
    return spec.DataError(
        f'{path} cannot be read ({error.strerror}); check the path and its'
        ' permissions.'
    )
  kind = ''
  with contextlib.suppress(OSError), files.open_regular(path) as file:
    start = file.read(_HEADER_BYTES)
    kind = jpeg_files.unsupported(start)
    is_avif = start[4:8] == b'ftyp' and start[8:12] in _AVIF_BRANDS
    if is_avif and not features.check('avif'):
      return spec.DataError(
          f'{path} is an AVIF image, which this Pillow does not read;'
          " install a newer one with pip install 'pillow>=11.3'."
      )
  if kind:
    return spec.DataError(
        f'{path} is a JPEG file {kind}, which is not read; convert it to 8'
        ' bits per sample, baseline or progressive.'
    )
  if isinstance(error, PIL.UnidentifiedImageError):
    return spec.DataError(
        f'{path} is not an image of a kind that is read ({_FORMAT_NAMES}),'
        ' whatever its name says; replace or remove it.'
    )
  return spec.DataError(
      f'{path} is broken ({error}); fetch it again or remove it.'
  )
