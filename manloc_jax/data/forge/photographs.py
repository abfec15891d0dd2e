"""The photographs that forgeries are made of, in a bounded memory."""

import collections
from collections.abc import Sequence
import dataclasses
import pathlib

import cv2
import numpy as np

from manloc_jax.data import images
from manloc_jax.data import inputs
from manloc_jax.data import spec

MOST_PIXELS = 8_000_000  # Of a photograph in memory; larger ones are reduced.
CACHE_BYTES = 256_000_000


@dataclasses.dataclass(frozen=True)
class Photograph:
  """A photograph.

  Attributes:
    path: Its file.
    group: Photographs of one group show one scene or come from one file.
  """

  path: pathlib.Path
  group: str


class Photographs(Sequence):
  """Photographs by number: uint8[h, w, 3] each, those read last in memory."""

  def __init__(
      self, listed: Sequence[Photograph], cache_bytes: int = CACHE_BYTES
  ):
    """Takes a list; nothing is read yet.

    Args:
      listed: The photographs.
      cache_bytes: Memory to keep decoded photographs in; one always fits.
    """
    self.listed = tuple(listed)
    self._cache_bytes = cache_bytes
    self._kept = collections.OrderedDict()

  def __len__(self) -> int:
    return len(self.listed)

  def __getitem__(self, index: int) -> np.ndarray:
    """Reads a photograph.

    Raises:
      DataError: Its file cannot be used.
    """
    path = self.listed[index].path
    if path not in self._kept:
      self._kept[path] = read(path)
      while self._bytes() > self._cache_bytes and len(self._kept) > 1:
        self._kept.popitem(last=False)
    self._kept.move_to_end(path)
    return self._kept[path]

  def _bytes(self) -> int:
    return sum(image.nbytes for image in self._kept.values())


def read(path: pathlib.Path) -> np.ndarray:
  """Reads a photograph, reduced to `MOST_PIXELS`: uint8[h, w, 3].

  Raises:
    DataError: The file cannot be used.
  """
  pixels = images.read_image(path).pixels
  height, width = pixels.shape[:2]
  factor = np.sqrt(MOST_PIXELS / (height * width))
  if factor >= 1:
    return np.ascontiguousarray(pixels)
  # A panorama of one row must not vanish.
  size = max(1, round(factor * width)), max(1, round(factor * height))
  return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def find(
    named: Sequence[str | pathlib.Path], cache_bytes: int = CACHE_BYTES
) -> tuple[Photographs, list[spec.Rejected]]:
  """Lists photographs in files, folders and patterns.

  Only headers are read. Each file is a group of its own.

  Args:
    named: As `inputs.find` takes them.
    cache_bytes: See `Photographs`.

  Returns:
    The photographs, sorted by name, and the files that are none.
  """
  listed, rejected = [], []
  found = inputs.find([str(name) for name in named])
  names = collections.Counter(one.name for one in found)
  for one in found:
    try:
      images.read_size(one.path)
    except spec.DataError as error:
      rejected.append(spec.Rejected(str(one.path), str(error)))
      continue
    # Names, and not paths, so that a folder can be moved.
    group = one.name if names[one.name] == 1 else str(one.path)
    listed.append(Photograph(one.path, group))
  listed.sort(key=lambda photograph: photograph.group)
  return Photographs(listed, cache_bytes), rejected
