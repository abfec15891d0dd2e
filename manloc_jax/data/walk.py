"""The one way to go through a folder and those below it.

Links are followed, since large sets are often put together of them; a link to
a folder that holds the link itself ends there. Hidden files and folders are
passed over, and so is what macOS adds to archives.
"""

from collections.abc import Callable, Iterator
import os
import pathlib

_ARCHIVE_EXTRAS = '__MACOSX'


def walk(
    root: str | pathlib.Path,
    on_unreadable: Callable[[OSError], None],
    skip: Callable[[pathlib.Path], bool] = lambda folder: False,
) -> Iterator[tuple[pathlib.Path, list[str]]]:
  """Yields each folder and the names of its files, in the order of names.

  Args:
    root: Where to start.
    on_unreadable: Called for a folder that cannot be read, with the error
      that names it; it raises, or takes note.
    skip: Tells which folders are not entered.

  Yields:
    A folder, `root` or one below it, and its files' names, sorted.
  """
  root = os.fspath(root)
  above = {root: (pathlib.Path(os.path.realpath(root)),)}
  found = os.walk(root, onerror=on_unreadable, followlinks=True)
  for folder, below, names in found:
    chain = above.pop(folder)
    entered = []
    for name in sorted(below):
      path = os.path.join(folder, name)
      real = pathlib.Path(os.path.realpath(path))
      is_loop = any(one.is_relative_to(real) for one in chain)
      if is_loop or _is_hidden(name) or skip(pathlib.Path(path)):
        continue
      above[path] = (*chain, real)
      entered.append(name)
    below[:] = entered
    yield pathlib.Path(folder), sorted(
        name for name in names if not _is_hidden(name)
    )


def _is_hidden(name: str) -> bool:
  return name[0] == '.' or name == _ARCHIVE_EXTRAS
