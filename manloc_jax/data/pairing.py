"""Image trees to records: images and masks are paired by name.

Most published sets need no code of their own, only regular expressions for the
paths of their images and masks: an image and a mask belong together when the
named groups of the mask's expression have the same values in both paths.
"""

from collections.abc import Callable, Container, Iterable, Mapping
import dataclasses
import functools
import os
import pathlib
import re
from typing import NoReturn

import numpy as np

from manloc_jax.data import image_formats
from manloc_jax.data import spec
from manloc_jax.data import walk

Found = tuple[list[spec.Record], list[spec.Rejected]]

# Copies of a set differ in the folders above it.
_TOP = r'(?P<top>(?:[^/]+/){0,4}?)'


@dataclasses.dataclass(frozen=True)
class Part:
  """Images of a set that lie in one place and are named in one manner.

  Expressions match paths below the set's top folder, with `/` and without the
  suffix of the file, in full and whatever the case. Templates are filled with
  their named groups and with `stem`, the name of the file without suffix.

  Attributes:
    images: Expression for the images.
    masks: Expression for their masks; its named groups are among those of
      `images`. None for pristine images.
    manipulation: As in `spec.Record`.
    photographs: Templates of the photographs that went into an image; one
      that comes out empty names none.
    image_id: Template.
    scope: A named group. A pristine image belongs to the set only where a
      forged one has the same value: for expressions that also fit other sets.
  """

  images: str
  masks: str | None = None
  manipulation: str = 'none'
  photographs: tuple[str, ...] = ('{stem}',)
  image_id: str = '{stem}'
  scope: str | None = None


def reader(
    *parts: Part, layout: str, others: str = ''
) -> Callable[[pathlib.Path], Found]:
  """Makes the `find_records` of a dataset.

  Args:
    *parts: Where images and masks lie; the first that fits an image has it.
    layout: As in `spec.Dataset`.
    others: As in `spec.Dataset`.
  """
  return functools.partial(_find, parts, layout, others)


def white(grey: np.ndarray) -> np.ndarray:
  """Reads white as manipulated: uint8[h, w] to bool[h, w]."""
  return grey > 127


def black(grey: np.ndarray) -> np.ndarray:
  """Reads black as manipulated: uint8[h, w] to bool[h, w]."""
  return grey < 128


def locator(root: pathlib.Path) -> Callable[[str], pathlib.Path]:
  """Returns a function that finds image files by name, whatever the case.

  It takes a path below `root`. One that differs in case is meant where no
  file has the very name and only one has it in other letters.
  """
  found = {}
  for _, path in image_files(root):
    key = path.relative_to(root).as_posix().lower()
    found.setdefault(key, []).append(path)

  def locate(name: str) -> pathlib.Path:
    path = root / name
    there = found.get(pathlib.PurePath(name).as_posix().lower(), ())
    return path if path in there or len(there) != 1 else there[0]

  return locate


class _Photographs:
  """Joins photographs that meet in one image, as a union-find forest."""

  def __init__(self):
    self._parent = {}

  def find(self, name: str) -> str:
    parent = self._parent.setdefault(name, name)
    while parent != self._parent[parent]:
      parent = self._parent[parent]
    self._parent[name] = parent
    return parent

  def join(self, one: str, other: str) -> None:
    # The smaller name stays the root, so that a group's name is a property
    # of the group and not of the order of the files.
    low, high = sorted((self.find(one), self.find(other)))
    self._parent[high] = low


class _Claim:
  """What a part says of one of its images."""

  def __init__(self, part: Part, path: pathlib.Path, match: re.Match):
    self.part, self.path = part, path
    self.fields = {'stem': path.stem, **match.groupdict(default='')}
    names = (name.format(**self.fields).lower() for name in part.photographs)
    self.photographs = list(filter(None, names))

  def key(self, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(self.fields[name].lower() for name in names)

  def mask_key(self, masks: Mapping[str, re.Pattern]) -> tuple[str, ...]:
    """The key of its mask in `_find`: the expression, top and other groups."""
    return self.part.masks, *self.key(masks[self.part.masks].groupindex)


def _find(
    parts: tuple[Part, ...],
    layout: str,
    others: str,
    root: pathlib.Path,
) -> Found:
  """Lists the images under a root; see `spec.Dataset.find_records`."""
  images = [(part, _compile(part.images)) for part in parts]
  masks = {part.masks: _compile(part.masks) for part in parts if part.masks}
  is_other = matcher(others)
  claims, strangers, found_masks = [], [], {}
  for name, path in image_files(root):
    for part, expression in images:
      if match := expression.fullmatch(name):
        claims.append(_Claim(part, path, match))
        break
    else:
      for text, expression in masks.items():
        if match := expression.fullmatch(name):
          groups = match.groupdict(default='').values()
          key = text, *(group.lower() for group in groups)
          found_masks.setdefault(key, []).append(path)
          break
      else:
        if not is_other(name):
          strangers.append(path)
  # Other sets may lie under the same root.
  top = _top(claims, masks, found_masks, root, layout).lower()
  found_masks = {
      key: paths
      for key, paths in found_masks.items()
      if key[1].startswith(top)
  }
  ours = []
  for claim in claims:
    if claim.key(('top',)) == (top,):
      ours.append(claim)
    else:
      strangers.append(claim.path)
  ours, outside = _in_scope(ours)
  records, rejected = _pair(ours, masks, found_masks)
  rejected += outside + [
      spec.Rejected(str(path), 'its name does not tell what it is')
      for path in strangers
      if path.relative_to(root).as_posix().lower().startswith(top)
  ]
  return records, rejected


def _in_scope(
    claims: list[_Claim],
) -> tuple[list[_Claim], list[spec.Rejected]]:
  """Sets those aside that `Part.scope` excludes."""
  inside, outside = [], []
  forged = [claim for claim in claims if claim.part.masks]
  for claim in claims:
    scope = claim.part.scope
    if scope and all(
        claim.key((scope,)) != one.key((scope,)) for one in forged
    ):
      reason = 'there is no forged image beside it'
      outside.append(spec.Rejected(str(claim.path), reason))
    else:
      inside.append(claim)
  return inside, outside


def _pair(
    claims: list[_Claim],
    masks: dict[str, re.Pattern],
    found_masks: dict[tuple[str, ...], list[pathlib.Path]],
) -> Found:
  records, rejected, used = [], [], set()
  photographs = _Photographs()
  for claim in claims:
    for name in claim.photographs:
      photographs.join(claim.photographs[0], name)
  for claim in claims:
    part, mask = claim.part, None
    if part.masks:
      key = claim.mask_key(masks)
      candidates = found_masks.get(key, ())
      used.add(key)
      if len(candidates) != 1:
        text = 'no mask' if not candidates else f'{len(candidates)} masks'
        reason = f'there is {text} of its name where one must be'
        rejected.append(spec.Rejected(str(claim.path), reason))
        continue
      (mask,) = candidates
    # Groups are only known once every name has been read.
    records.append(spec.Record(
        image_id=part.image_id.format(**claim.fields),
        image=claim.path,
        mask=mask,
        group=photographs.find(claim.photographs[0]),
        manipulation=part.manipulation,
    ))
  for key, paths in found_masks.items():
    if key not in used:
      reason = 'there is no image for this mask'
      rejected += [spec.Rejected(str(path), reason) for path in paths]
  return records, rejected


def _top(
    claims: list[_Claim],
    masks: dict[str, re.Pattern],
    found_masks: Container[tuple[str, ...]],
    root: pathlib.Path,
    layout: str,
) -> str:
  """Returns the folder of the set below the root, as the start of a path.

  Raises:
    DataError: There is none, or more than one.
  """
  forged = [claim for claim in claims if claim.part.masks]
  # Patterns as wide as `*/*` also fit strangers, but those have no mask.
  paired = [one for one in forged if one.mask_key(masks) in found_masks]
  tops = sorted({one.fields['top'] for one in paired or forged[:1]})
  if not tops:
    raise spec.DataError(
        f'There are no such images under {root}: {layout}; give manloc '
        '<root>, or set --config.data.root=<root>.'
    )
  if len(tops) > 1:
    raise spec.DataError(
        f'There are {len(tops)} copies of the set under {root}, among them '
        f'{root / tops[0]} and {root / tops[1]}; give manloc one of them, or '
        'set --config.data.root= to it.'
    )
  return tops[0]


def matcher(others: str) -> Callable[[str], bool]:
  """Returns what tells the files that `spec.Dataset.others` means.

  It takes a path below the root, with `/` and without the file's suffix.
  """
  if not others:
    return lambda name: False
  expression = _compile(others)
  return lambda name: expression.fullmatch(name) is not None


def _compile(expression: str) -> re.Pattern:
  return re.compile(f'{_TOP}(?:{expression})', re.IGNORECASE)


def refuse(error: OSError) -> NoReturn:
  """Raises DataError for a folder of a set that cannot be read."""
  raise spec.DataError(
      f'The folder {error.filename} cannot be read ({error.strerror}); give '
      'manloc one that can, or set --config.data.root= to it.'
  ) from error


def image_files(
    root: pathlib.Path,
    on_unreadable: Callable[[OSError], None] = refuse,
) -> list[tuple[str, pathlib.Path]]:
  """Lists image files, with their paths below the root without suffix.

  Args:
    root: Where to look.
    on_unreadable: As in `walk.walk`.

  Raises:
    DataError: A folder cannot be read, unless `on_unreadable` takes it.
  """
  found = []
  for folder, names in walk.walk(root, on_unreadable):
    below = folder.relative_to(root)
    for name in names:
      stem, suffix = os.path.splitext(name)
      if suffix.lower() in image_formats.SUFFIXES:
        found.append(((below / stem).as_posix(), folder / name))
  return found
