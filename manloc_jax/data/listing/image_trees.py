"""Lists the image files of a dataset's tree, and finds them by name."""

from collections.abc import Callable
import os
import pathlib
from typing import NoReturn

from manloc_jax.data import spec
from manloc_jax.data.decoding import image_formats
from manloc_jax.data.listing import walk


def refuse_unreadable(error: OSError) -> NoReturn:
  """Raises DataError for a folder of a set that cannot be read."""
  raise spec.DataError(
      f'The folder {error.filename} cannot be read ({error.strerror}); give '
      'manloc one that can, or set --config.data.root= to it.'
  ) from error


def image_files(
    root: pathlib.Path,
    on_unreadable: Callable[[OSError], None] = refuse_unreadable,
) -> list[tuple[str, pathlib.Path]]:
  """Lists the image files of a folder and those below it.

  Args:
    root: The folder.
    on_unreadable: As in `walk.walk`.

  Returns:
    The path of each file below the root, with `/` and without suffix, and the
    path of the file.

  Raises:
    DataError: A folder cannot be read, unless `on_unreadable` returns.
  """
  files = []
  for folder, names in walk.walk(root, on_unreadable):
    below = folder.relative_to(root)
    for name in names:
      stem, suffix = os.path.splitext(name)
      if suffix.lower() in image_formats.SUFFIXES:
        files.append(((below / stem).as_posix(), folder / name))
  return files


def locator(root: pathlib.Path) -> Callable[[str], pathlib.Path]:
  """Returns a function that finds image files by name, in upper or lower case.

  The function takes a path below `root`. If no file has exactly this path and
  only one differs from it in case alone, it returns that file.

  Raises:
    DataError: A folder cannot be read.
  """
  by_name: dict[str, list[pathlib.Path]] = {}
  for _, path in image_files(root):
    key = path.relative_to(root).as_posix().lower()
    by_name.setdefault(key, []).append(path)

  def locate(name: str) -> pathlib.Path:
    path = root / name
    similar = by_name.get(pathlib.PurePath(name).as_posix().lower(), ())
    return path if path in similar or len(similar) != 1 else similar[0]

  return locate
