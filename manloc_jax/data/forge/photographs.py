"""Lists, checks and reads the photographs to forge, in bounded memory."""

import collections
from collections.abc import Collection, Iterable, Sequence
import contextlib
import dataclasses
import pathlib

import cv2
import numpy as np

from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.forge import bundled
from manloc_jax.data.listing import image_files
from manloc_jax.data.listing import walk
from manloc_jax.data.splits import rules

MOST_PIXELS = 8_000_000  # Of a photograph in memory; larger ones are reduced.
CACHE_BYTES = 256_000_000


@dataclasses.dataclass(frozen=True)
class Photograph:
  """A photograph.

  Attributes:
    path: Its file.
    name: Unique, whatever folder the file is in.
    group: Photographs of one group show one scene.
    split: The split that it is forged for; None where nothing fixes it.
  """

  path: pathlib.Path
  name: str
  group: str
  split: str | None = None


class Photographs:
  """A sequence of photographs, uint8[h, w, 3], with a cache.

  Attributes:
    listed: The photographs.
    rejected: Why photographs could not be read so far, by name.
    reduced: The factors of those read so far that were too large, by name.
  """

  def __init__(
      self, listed: Sequence[Photograph], cache_bytes: int = CACHE_BYTES
  ):
    """Keeps the list; nothing is read yet.

    Args:
      listed: The photographs.
      cache_bytes: Size of the cache; it holds at least one photograph.
    """
    self.listed = tuple(listed)
    self.rejected: dict[str, str] = {}
    self.reduced: dict[str, float] = {}
    self._cache_bytes = cache_bytes
    self._kept: collections.OrderedDict[pathlib.Path, np.ndarray] = (
        collections.OrderedDict()
    )

  def __len__(self) -> int:
    return len(self.listed)

  def __getitem__(self, index: int) -> np.ndarray:
    """Reads a photograph.

    Raises:
      DataError: Its file cannot be used.
    """
    path = self.listed[index].path
    name = self.listed[index].name
    if name in self.rejected:
      raise spec.DataError(self.rejected[name])
    if path not in self._kept:
      try:
        self._kept[path], factor = read(path)
      except spec.DataError as error:
        self.rejected[name] = str(error)
        raise
      if factor < 1:
        self.reduced[name] = factor
      while self._bytes() > self._cache_bytes and len(self._kept) > 1:
        self._kept.popitem(last=False)
    self._kept.move_to_end(path)
    return self._kept[path]

  def first_sound(self, order: Iterable[int]) -> int | None:
    """Returns the first index whose file can be used, or None."""
    for index in order:
      with contextlib.suppress(spec.DataError):
        self[index]
        return index
    return None

  def _bytes(self) -> int:
    return sum(image.nbytes for image in self._kept.values())


def read(path: pathlib.Path) -> tuple[np.ndarray, float]:
  """Reads a photograph, reduced to `MOST_PIXELS`.

  Returns:
    uint8[h, w, 3], and the factor of its sides; 1 where it fits.

  Raises:
    DataError: The file cannot be used.
  """
  pixels = images.read_image(path).pixels
  height, width = pixels.shape[:2]
  factor = float(np.sqrt(MOST_PIXELS / (height * width)))
  if factor >= 1:
    return np.ascontiguousarray(pixels), 1.0
  # A panorama of one row must not vanish.
  size = max(1, round(factor * width)), max(1, round(factor * height))
  return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), factor


def find(
    named: Sequence[str | pathlib.Path],
    out: str | pathlib.Path | None = None,
) -> tuple[Photographs, list[spec.Rejected]]:
  """Lists photographs in files, folders and patterns.

  Each file is a group of its own, but for copies: files of the same bytes are
  one group, named after the first. Nothing is decoded.

  Args:
    named: As `image_files.find` takes them.
    out: Folder for forgeries; files below it are no photographs.

  Returns:
    The photographs, sorted by name, and the files that cannot be used.
  """
  listing = image_files.find([str(name) for name in named])
  files = listing.images
  rejected = [
      spec.Rejected(str(item.path), f'{item.path} is among {item.reason}.')
      for item in listing.passed_over
      if item.reason in (walk.Reason.BROKEN_LINK, walk.Reason.UNREADABLE)
  ]
  if out is not None:
    folder = pathlib.Path(out).resolve()
    files = [
        file
        for file in files
        if not file.path.resolve().is_relative_to(folder)
    ]
  names = collections.Counter(file.name for file in files)
  paths: dict[str, pathlib.Path] = {}
  for file in files:
    try:
      images.read_size(file.path)
    except spec.DataError as error:
      rejected.append(spec.Rejected(str(file.path), str(error)))
      continue
    # Names, and not paths, so that a folder can be moved.
    name = file.name if names[file.name] == 1 else str(file.path)
    paths[name] = file.path
  listed = []
  # By content: a copy must not be in another split.
  groups: dict[str, str] = {}
  for name, path in sorted(paths.items()):
    group = groups.setdefault(provenance.sha256_of_file(path), name)
    listed.append(Photograph(path, name, group))
  return Photographs(listed), rejected


def sound(
    listed: Sequence[Photograph],
    known: Collection[str] = (),
    workers: int | None = 1,
) -> tuple[list[Photograph], dict[str, str]]:
  """Decodes photographs to find those that are broken.

  Args:
    listed: The photographs.
    known: Names of those known to be sound, which are not decoded.
    workers: Processes; None for one per core.

  Returns:
    The sound ones, in their order, and why others cannot be used, by name.
  """
  unknown = [photo for photo in listed if photo.name not in known]
  with worker_pool.ordered_map(workers if len(unknown) > 1 else 1) as run:
    reasons = run(_why_broken, unknown)
    shown = progress.progress(reasons, 'checking', len(unknown))
    broken = {
        photo.name: reason
        for photo, reason in zip(unknown, shown, strict=True)
        if reason
    }
  return [photo for photo in listed if photo.name not in broken], broken


def _why_broken(photograph: Photograph) -> str:
  try:
    read(photograph.path)
  except spec.DataError as error:
    return str(error)
  return ''


def packaged() -> Photographs:
  """Returns the photographs that come with the dependencies.

  Raises:
    DataError: One is not installed.
  """
  return Photographs([
      Photograph(bundled.locate(photo), photo.name, photo.group, photo.split)
      for photo in bundled.PHOTOGRAPHS
  ])


def assign(
    listed: Sequence[Photograph],
    seed: int,
    fractions: tuple[float, float, float],
) -> tuple[Photograph, ...]:
  """Gives each photograph a split, unless all have one; groups stay together.

  Args:
    listed: The photographs.
    seed: Fixes the splits.
    fractions: Of the photographs, for train, val and test.

  Raises:
    DataError: A split would be empty.
  """
  if listed and all(photo.split for photo in listed):
    return tuple(listed)
  records = [
      spec.Record(photo.name, photo.path, None, photo.group, 'none')
      for photo in listed
  ]
  split_of = {
      name: split
      for split, names in rules.group_split(records, seed, fractions).items()
      for name in names
  }
  return tuple(
      dataclasses.replace(photo, split=split_of[photo.name])
      for photo in listed
  )
