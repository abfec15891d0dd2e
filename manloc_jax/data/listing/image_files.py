"""Lists the image files that paths, folders and patterns name."""

import collections
from collections.abc import Iterator, Sequence
import dataclasses
import glob
import os
import pathlib

from manloc_jax.data import spec
from manloc_jax.data.decoding import image_formats
from manloc_jax.data.listing import walk


@dataclasses.dataclass(frozen=True)
class Input:
  """An image file and the name of its results.

  Attributes:
    path: The file.
    name: Its path below the folder that was named, or its own name.
  """

  path: pathlib.Path
  name: str


@dataclasses.dataclass(frozen=True)
class PassedOver:
  """A file or folder that a search of a folder left out."""

  path: pathlib.Path
  reason: walk.Reason


@dataclasses.dataclass(frozen=True)
class Listing:
  """The image files that were named, and what was passed over in folders."""

  images: list[Input]
  passed_over: list[PassedOver]

  def counts(self) -> dict[str, int]:
    """Returns how many files and folders were passed over for each reason."""
    counts = collections.Counter(item.reason for item in self.passed_over)
    return {
        reason.value: counts[reason]
        for reason in walk.Reason
        if counts[reason]
    }


@dataclasses.dataclass(frozen=True)
class _Candidate:
  """A file that may be listed.

  Attributes:
    image: The file.
    is_named: Whether a path or a pattern names it, not only its folder.
    is_linked: Whether a search came to it through a link.
  """

  image: Input
  is_named: bool = False
  is_linked: bool = False


def find(
    named: Sequence[str], results: pathlib.Path | None = None
) -> Listing:
  """Lists files, the images in folders, and the matches of patterns.

  A file that is named is listed whatever its suffix, and so is a name that
  matches nothing: reading it raises the error. Links in folders are followed;
  their targets are listed once.

  Args:
    named: Files, folders, which are searched with those below them, and
      patterns with `*`, `?`, `[...]` and `**`.
    results: Folder for results, which is not searched. None if results are not
      named after inputs, so that names may repeat.

  Raises:
    DataError: A folder lies inside the one for results, or the results of two
      files would have the same name.
  """
  candidates, passed_over = [], []
  for text in named:
    is_pattern = not os.path.lexists(text) and glob.has_magic(text)
    matches = sorted(glob.glob(text, recursive=True)) if is_pattern else []
    for match in matches or [text]:
      for item in _expand(match, results):
        if isinstance(item, PassedOver):
          passed_over.append(item)
        else:
          candidates.append(item)
  listed, repeated = _without_repetition(candidates)
  if results is not None:
    _check_names(listed)
  return Listing(listed, [*passed_over, *repeated])


def _without_repetition(
    candidates: Sequence[_Candidate],
) -> tuple[list[Input], list[PassedOver]]:
  """Lists every file once.

  Files are preferred to links to them, and files that are named to those of a
  folder that is, too.
  """
  listed: dict[str, Input] = {}
  targets = set()
  repeated = []
  named = {
      os.path.abspath(item.image.path) for item in candidates if item.is_named
  }
  named_targets = {
      os.path.realpath(path) for path in named if not os.path.islink(path)
  }
  for candidate in sorted(candidates, key=lambda item: item.is_linked):
    path = candidate.image.path
    absolute, target = os.path.abspath(path), os.path.realpath(path)
    if absolute in listed:
      continue
    is_repeated = target in targets or target in named_targets
    if is_repeated and absolute not in named:
      if candidate.is_linked:
        repeated.append(PassedOver(path, walk.Reason.REPEATED))
      continue
    targets.add(target)
    listed[absolute] = candidate.image
  order = {id(item.image): i for i, item in enumerate(candidates)}
  return sorted(listed.values(), key=lambda image: order[id(image)]), repeated


def _check_names(listed: Sequence[Input]) -> None:
  paths: dict[str, str] = {}
  for image in listed:
    path = os.path.abspath(image.path)
    other = paths.setdefault(image.name, path)
    if other != path:
      raise spec.DataError(
          f'{other} and {path} would both have results named {image.name};'
          ' name a folder that holds both, or use two result folders.'
      )


def _expand(
    named: str, results: pathlib.Path | None
) -> Iterator[_Candidate | PassedOver]:
  path = pathlib.Path(named)
  if not os.path.isdir(named):  # Not of `path`: it turns an empty name to `.`.
    yield _Candidate(Input(path, path.name), is_named=True)
    return
  out = None if results is None else os.path.realpath(results)
  if out and _is_inside(os.path.realpath(path), out):
    raise spec.DataError(
        f'{path} lies in the folder for results, {results}, where no image is'
        ' taken for input; choose another folder for results.'
    )
  yield from _search(path, out)


def _search(
    root: pathlib.Path, out: str | None
) -> Iterator[_Candidate | PassedOver]:
  """Searches a folder and those below it, and follows links.

  Args:
    root: The folder.
    out: Real path of the folder for results, which is left out.
  """
  real_root = pathlib.Path(os.path.realpath(root))
  visited: set[str] = set()  # Targets of links.
  passed_over: list[PassedOver] = []

  def pass_over(path: pathlib.Path, reason: walk.Reason) -> None:
    passed_over.append(PassedOver(path, reason))

  def skip(folder: pathlib.Path) -> bool:
    """Tells whether a folder is not to be searched, and notes repeated ones."""
    real = os.path.realpath(folder)
    if out and _is_inside(real, out):
      return True
    if not folder.is_symlink():
      return False
    if real in visited or _is_reachable(pathlib.Path(real), real_root):
      pass_over(folder, walk.Reason.REPEATED)
      return True
    visited.add(real)
    return False

  def note_unreadable(error: OSError) -> None:
    pass_over(pathlib.Path(error.filename), walk.Reason.UNREADABLE)

  for folder, names in walk.walk(root, note_unreadable, skip, pass_over):
    for name in names:
      yield _classify(folder / name, root, real_root)
  yield from passed_over


def _classify(
    path: pathlib.Path, root: pathlib.Path, real_root: pathlib.Path
) -> _Candidate | PassedOver:
  """Returns a file of a folder as a candidate, or why it is passed over."""
  if path.suffix.lower() not in image_formats.SUFFIXES:
    return PassedOver(path, walk.Reason.SUFFIX)
  if path.is_symlink() and not os.path.exists(path):
    return PassedOver(path, walk.Reason.BROKEN_LINK)
  name = path.relative_to(root)
  is_linked = os.path.realpath(path) != os.path.join(real_root, name)
  return _Candidate(Input(path, name.as_posix()), is_linked=is_linked)


def _is_reachable(real: pathlib.Path, real_root: pathlib.Path) -> bool:
  """Tells whether a search reaches a folder without following links."""
  return real.is_relative_to(real_root) and not any(
      part[0] == '.' for part in real.relative_to(real_root).parts
  )


def _is_inside(path: str, folder: str) -> bool:
  return os.path.commonpath([folder, path]) == folder
