"""A file that is examined: its bytes, read once, and its decoded pixels."""

import functools
import pathlib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import image_formats
from manloc_jax.examine import containers

MOST_BYTES = 300_000_000  # Of a file, which is held in memory.


class OpenedFile:
  """An image file.

  Attributes:
    path: The file.
    name: What it is called, with its suffix.
    data: Its bytes.
    kind: Its format by its first bytes, a key of `image_formats.FORMATS`.
  """

  def __init__(self, path: pathlib.Path, name: str | None = None):
    """Reads a file.

    Args:
      path: The file.
      name: What it is called, if that is not the name of the path.

    Raises:
      DataError: It cannot be read, is too large, or is no image by its first
        bytes.
    """
    self.path = path
    self.name = path.name if name is None else name
    try:
      self.data = files.read_bytes(path, MOST_BYTES)
    except OSError as error:
      raise spec.DataError(
          f'{path} cannot be read ({error.strerror}); check the path.'
      ) from error
    kind = containers.kind_of(self.data[:16])
    if kind is None:
      known = ', '.join(image_formats.FORMATS)
      raise spec.DataError(
          f'{path} is no image by its first bytes, whatever its name says;'
          f' examined are {known} files.'
      )
    self.kind = kind

  @functools.cached_property
  def structure(self) -> containers.Structure:
    """The parts of the file."""
    return containers.read(self.data, self.kind)

  @functools.cached_property
  def decoded(self) -> images.Decoded | str:
    """The pixels, or a sentence that says why they cannot be decoded."""
    try:
      return images.read_image(self.path)
    except spec.DataError as error:
      return str(error).replace(str(self.path), 'The file')
    except errors.MissingMemory:
      return 'There is too little memory to decode the pixels.'
