"""Walks a folder and those below it.

Links are followed, since large sets are often put together of them; a link to
a folder that holds the link itself ends there. Hidden files and folders are
passed over, and so are the folders that macOS adds to archives.
"""

from collections.abc import Callable, Iterator
import enum
import os
import pathlib

_ARCHIVE_EXTRAS = '__MACOSX'


class Reason(enum.StrEnum):
  """The reason why a file or folder is passed over, for users."""

  SUFFIX = 'not named as images'
  HIDDEN = 'hidden'
  REPEATED = 'links to what is listed already'
  BROKEN_LINK = 'links that lead nowhere'
  UNREADABLE = 'folders that cannot be read'


def walk(
    root: str | pathlib.Path,
    on_unreadable: Callable[[OSError], None],
    skip: Callable[[pathlib.Path], bool] = lambda folder: False,
    on_passed_over: Callable[[pathlib.Path, Reason], None] | None = None,
) -> Iterator[tuple[pathlib.Path, list[str]]]:
  """Yields each folder and the names of its files, in the order of names.

  Args:
    root: Where to start.
    on_unreadable: Called with the error of a folder that cannot be read; it
      may raise.
    skip: Returns True for folders that are not entered.
    on_passed_over: Called for hidden files and folders and for links to
      folders above.

  Yields:
    A folder, `root` or one below it, and its files' names, sorted.
  """
  root = os.fspath(root)
  above: dict[str, tuple[pathlib.Path, ...]] = {
      root: (pathlib.Path(os.path.realpath(root)),)
  }

  def pass_over(path: str, reason: Reason) -> None:
    if on_passed_over is not None:
      on_passed_over(pathlib.Path(path), reason)

  entries = os.walk(root, onerror=on_unreadable, followlinks=True)
  for folder, below, names in entries:
    chain = above.pop(folder)
    entered = []
    for name in sorted(below):
      path = os.path.join(folder, name)
      real = pathlib.Path(os.path.realpath(path))
      if _is_hidden(name):
        pass_over(path, Reason.HIDDEN)
      elif any(parent.is_relative_to(real) for parent in chain):
        pass_over(path, Reason.REPEATED)
      elif not skip(pathlib.Path(path)):
        above[path] = (*chain, real)
        entered.append(name)
    below[:] = entered
    shown = []
    for name in sorted(names):
      if _is_hidden(name):
        pass_over(os.path.join(folder, name), Reason.HIDDEN)
      else:
        shown.append(name)
    yield pathlib.Path(folder), shown


def _is_hidden(name: str) -> bool:
  return name[0] == '.' or name == _ARCHIVE_EXTRAS
