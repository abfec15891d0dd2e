"""Pairs a folder of given maps with the images of a set, by name.

The name of a map, without its suffix and without `.heat`, as `manloc localize`
adds it, is that of its image with or without the image's suffix. Folders count
where both have the same ones: `a/x.npz` is the map of `a/x.jpg`. Where a set
has no two images of one name, its maps may lie in one folder.

Nothing here imports JAX, so that worker processes start fast.
"""

from collections.abc import Iterable, Mapping
import os
import pathlib

from manloc_jax.data import spec
from manloc_jax.data.listing import walk
from manloc_jax.evaluation import map_files

_HEAT = '.heat'


def find(folder: pathlib.Path) -> dict[str, list[pathlib.Path]]:
  """Lists the maps of a folder and of those below it.

  Returns:
    Files by their lower-case path below the folder, with `/`, without suffix
    and without `.heat`.

  Raises:
    DataError: There is no such folder, or no map in it.
  """
  found: dict[str, list[pathlib.Path]] = {}

  def refuse(error: OSError) -> None:
    raise spec.DataError(
        f'The folder of maps {error.filename} cannot be read'
        f' ({error.strerror}); check --maps.'
    ) from error

  for place, names in walk.walk(folder, refuse):
    for name in names:
      path = place / name
      if path.suffix.lower() in map_files.SUFFIXES:
        key = path.relative_to(folder).with_suffix('').as_posix().lower()
        found.setdefault(key.removesuffix(_HEAT), []).append(path)
  if not found:
    raise spec.DataError(
        f'There is no map in {folder}; name a folder of'
        f' {", ".join(map_files.SUFFIXES)} files in --maps.'
    )
  return found


class GivenMaps:
  """The maps of another tool, in the place of a localizer."""

  runs_in_workers = True
  # Of a set, this is known when all its maps were read.
  is_probability: bool | None = None
  device = 'unknown'

  def __init__(
      self,
      folder: pathlib.Path,
      records: Iterable[spec.Record],
      root: pathlib.Path,
  ):
    """Pairs maps and images.

    Args:
      folder: The folder of maps.
      records: The images.
      root: Folder of the image tree; names of images are relative to it.

    Raises:
      DataError: See `find`.
    """
    self.provenance = {'method': 'maps', 'maps': folder.name}
    self.packages: dict[str, str] = {}
    self._folder = folder
    maps = find(folder)
    self._maps, used = _pair(maps, list(records), root)
    self.unused = sum(
        len(paths) for name, paths in maps.items() if name not in used
    )

  def localize(
      self, path: pathlib.Path, size: tuple[int, int]
  ) -> map_files.GivenMap:
    """Returns the map of an image.

    Args:
      path: The image.
      size: Its height and width.

    Raises:
      DataError: It has no map, or several, or its map cannot be used.
    """
    paths = self._maps[path]
    if not paths:
      raise spec.DataError(
          f'There is no map in {self._folder} whose name is that of {path}'
          ' alone; make one, or leave the image out.'
      )
    if len(paths) > 1:
      raise spec.DataError(
          f'{path} has {len(paths)} maps, {paths[0]} and {paths[1]}; remove all'
          ' but one.'
      )
    return map_files.read(paths[0], size)

  def stamp(self, path: pathlib.Path) -> list:
    """Returns what tells a changed map: name, size and time of its files."""
    stats = [(each, each.stat()) for each in self._maps[path]]
    return [[str(x), stat.st_size, stat.st_mtime_ns] for x, stat in stats]


def _pair(
    maps: Mapping[str, list[pathlib.Path]],
    records: list[spec.Record],
    root: pathlib.Path,
) -> tuple[dict[pathlib.Path, list[pathlib.Path]], set[str]]:
  """Returns the maps of each image, and the names of maps that have one."""
  names = {}
  for record in records:
    relative = pathlib.Path(os.path.relpath(record.image, root))
    whole = relative.as_posix().lower()
    bare = relative.with_suffix('').as_posix().lower()
    names[record.image] = [whole, bare]
  by_name: dict[str, list[str]] = {}
  for key in maps:
    by_name.setdefault(key.rsplit('/', 1)[-1], []).append(key)
  # Of names with folders and without.
  owners: dict[str, set[pathlib.Path]] = {}
  for image, keys in names.items():
    for key in keys:
      for name in (key, key.rsplit('/', 1)[-1]):
        owners.setdefault(name, set()).add(image)
  paired, used = {}, set()
  for image, keys in names.items():
    found = [key for key in keys if key in maps and len(owners[key]) == 1]
    if not found:  # By the name alone, where no other image has it.
      found = [
          candidate
          for key in keys
          for name in [key.rsplit('/', 1)[-1]]
          if len(owners[name]) == 1
          for candidate in by_name.get(name, ())
      ]
    used.update(found)
    paired[image] = [path for key in found for path in maps[key]]
  return paired, used
