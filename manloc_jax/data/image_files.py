"""What a user names on the command line, as image files."""

from collections.abc import Iterator, Sequence
import dataclasses
import glob
import os
import pathlib

from manloc_jax.data import image_formats
from manloc_jax.data import spec


@dataclasses.dataclass(frozen=True)
class Input:
  """An image file and what its results are named after.

  Attributes:
    path: The file.
    name: Its path below the folder that was named, or its own name.
  """

  path: pathlib.Path
  name: str


def find(
    named: Sequence[str], results: pathlib.Path | None = None
) -> list[Input]:
  """Lists files, the images of folders, and what patterns stand for.

  A file counts whatever its suffix, and a name that stands for nothing is
  listed as a file, so that reading it says so.

  Args:
    named: Files, folders, which are searched with those below them, and
      patterns with `*`, `?`, `[...]` and `**`.
    results: Folder for results; pictures below it are no input. None where no
      result is named after an input: then names may repeat.

  Raises:
    DataError: A folder lies inside that for results, or the results of two
      files would have one name.
  """
  found = {}  # By path: one named twice counts once.
  names = {}
  for text in named:
    is_pattern = not os.path.lexists(text) and glob.has_magic(text)
    matches = sorted(glob.glob(text, recursive=True)) if is_pattern else []
    for match in matches or [text]:
      for one in _expand(match, results):
        place = os.path.abspath(one.path)
        other = names.setdefault(one.name, place)
        if results is not None and other != place:
          raise spec.DataError(
              f'{other} and {place} would both have results named {one.name};'
              ' name a folder that holds both, or use two result folders.'
          )
        found.setdefault(place, one)
  return list(found.values())


def _expand(
    named: str, results: pathlib.Path | None
) -> Iterator[Input]:
  path = pathlib.Path(named)
  if not os.path.isdir(named):  # An empty name is none, and no path knows it.
    yield Input(path, path.name)
    return
  out = None if results is None else os.path.realpath(results)
  if out and os.path.commonpath([out, os.path.realpath(path)]) == out:
    raise spec.DataError(
        f'{path} lies in the folder for results, {results}, where no image is'
        ' taken for input; choose another folder for results.'
    )
  for folder, below, files in os.walk(path):
    below[:] = sorted(
        name
        for name in below
        if name[0] != '.'
        and os.path.realpath(os.path.join(folder, name)) != out
    )
    for name in sorted(files):
      suffix = os.path.splitext(name)[1].lower()
      if suffix in image_formats.SUFFIXES and name[0] != '.':
        file = pathlib.Path(folder, name)
        yield Input(file, file.relative_to(path).as_posix())
