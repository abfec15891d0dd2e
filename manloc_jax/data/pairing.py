"""Lists the records of an image tree: pairs images and masks by name.

Most published sets need no code of their own, only regular expressions for the
paths of their images and masks: an image and a mask belong together when the
named groups of the mask's expression have the same values in both paths.
"""

from collections.abc import Callable, Container, Iterable, Mapping
import dataclasses
import functools
import pathlib
import re

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.listing import image_trees

Listing = tuple[list[spec.Record], list[spec.Rejected]]
_Expressions = Mapping[str, re.Pattern[str]]

# Copies of a set differ in the folders above it.
_TOP = r'(?P<top>(?:[^/]+/){0,4}?)'


@dataclasses.dataclass(frozen=True)
class ImagePattern:
  """A pattern of the paths of images and their masks.

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
    scope: A named group. A pristine image belongs to the set only if a forged
      image has the same value: for expressions that also fit other sets.
  """

  images: str
  masks: str | None = None
  manipulation: str = 'none'
  photographs: tuple[str, ...] = ('{stem}',)
  image_id: str = '{stem}'
  scope: str | None = None


def reader(
    *patterns: ImagePattern, layout: str, others: str = ''
) -> Callable[[pathlib.Path], Listing]:
  """Makes the `find_records` of a dataset.

  Args:
    *patterns: Patterns of images and masks; the first that fits counts.
    layout: As in `spec.Dataset`.
    others: As in `spec.Dataset`.
  """
  return functools.partial(_find, patterns, layout, others)


def white(grey: np.ndarray) -> np.ndarray:
  """Reads white as manipulated: uint8[h, w] to bool[h, w]."""
  return grey > 127


def black(grey: np.ndarray) -> np.ndarray:
  """Reads black as manipulated: uint8[h, w] to bool[h, w]."""
  return grey < 128


class _Match:
  """An image file with the groups of the pattern that it matches."""

  def __init__(
      self, pattern: ImagePattern, path: pathlib.Path, match: re.Match[str]
  ):
    self.pattern, self.path = pattern, path
    self.fields = {'stem': path.stem, **match.groupdict(default='')}
    names = (name.format(**self.fields).lower() for name in pattern.photographs)
    self.photographs = list(filter(None, names))

  def key(self, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(self.fields[name].lower() for name in names)

  def mask_key(self, masks: _Expressions) -> tuple[str, ...] | None:
    """Returns the key of its mask in `_find`: expression and groups."""
    expression = self.pattern.masks
    if expression is None:
      return None
    return expression, *self.key(masks[expression].groupindex)


def _find(
    patterns: tuple[ImagePattern, ...],
    layout: str,
    others: str,
    root: pathlib.Path,
) -> Listing:
  """Lists the images under a root; see `spec.Dataset.find_records`."""
  images = [(pattern, _compile(pattern.images)) for pattern in patterns]
  masks = {
      pattern.masks: _compile(pattern.masks)
      for pattern in patterns
      if pattern.masks
  }
  is_other = matcher(others)
  matches: list[_Match] = []
  strangers: list[pathlib.Path] = []
  mask_files: dict[tuple[str, ...], list[pathlib.Path]] = {}
  for name, path in image_trees.image_files(root):
    for pattern, expression in images:
      if fit := expression.fullmatch(name):
        matches.append(_Match(pattern, path, fit))
        break
    else:
      for text, expression in masks.items():
        if fit := expression.fullmatch(name):
          groups = fit.groupdict(default='').values()
          key = text, *(group.lower() for group in groups)
          mask_files.setdefault(key, []).append(path)
          break
      else:
        if not is_other(name):
          strangers.append(path)
  # Other sets may lie under the same root.
  top = _top(matches, masks, mask_files, root, layout).lower()
  mask_files = {
      key: paths
      for key, paths in mask_files.items()
      if key[1].startswith(top)
  }
  ours = []
  for match in matches:
    if match.key(('top',)) == (top,):
      ours.append(match)
    else:
      strangers.append(match.path)
  ours, outside = _in_scope(ours)
  records, rejected = _pair(ours, masks, mask_files)
  rejected += outside + [
      spec.Rejected(str(path), 'its name does not tell what it is')
      for path in strangers
      if path.relative_to(root).as_posix().lower().startswith(top)
  ]
  return records, rejected


def _in_scope(
    matches: list[_Match],
) -> tuple[list[_Match], list[spec.Rejected]]:
  """Separates the images that `ImagePattern.scope` excludes."""
  inside, outside = [], []
  forged = [match for match in matches if match.pattern.masks]
  for match in matches:
    scope = match.pattern.scope
    if scope and all(
        match.key((scope,)) != other.key((scope,)) for other in forged
    ):
      reason = 'there is no forged image beside it'
      outside.append(spec.Rejected(str(match.path), reason))
    else:
      inside.append(match)
  return inside, outside


def _pair(
    matches: list[_Match],
    masks: _Expressions,
    mask_files: dict[tuple[str, ...], list[pathlib.Path]],
) -> Listing:
  """Pairs images with their masks; lists images and masks without one."""
  records, rejected = [], []
  used = set()
  groups = _groups(matches)
  for match in matches:
    pattern, mask = match.pattern, None
    if key := match.mask_key(masks):
      candidates = mask_files.get(key, ())
      used.add(key)
      if len(candidates) != 1:
        text = 'no mask' if not candidates else f'{len(candidates)} masks'
        reason = f'there is {text} of its name where one must be'
        rejected.append(spec.Rejected(str(match.path), reason))
        continue
      (mask,) = candidates
    records.append(spec.Record(
        image_id=pattern.image_id.format(**match.fields),
        image=match.path,
        mask=mask,
        group=groups[match.photographs[0]],
        manipulation=pattern.manipulation,
    ))
  for key, paths in mask_files.items():
    if key not in used:
      reason = 'there is no image for this mask'
      rejected += [spec.Rejected(str(path), reason) for path in paths]
  return records, rejected


def _groups(matches: list[_Match]) -> dict[str, str]:
  """Maps each photograph to the first name of its connected component.

  Photographs that went into one image are connected.
  """
  from scipy.cluster import hierarchy  # Slow to import, for its size.

  photographs = hierarchy.DisjointSet(
      name for match in matches for name in match.photographs
  )
  for match in matches:
    for name in match.photographs[1:]:
      photographs.merge(match.photographs[0], name)
  return {
      name: min(component)
      for component in photographs.subsets()
      for name in component
  }


def _top(
    matches: list[_Match],
    masks: _Expressions,
    mask_files: Container[tuple[str, ...]],
    root: pathlib.Path,
    layout: str,
) -> str:
  """Returns the folder of the set below the root, as the start of a path.

  Raises:
    DataError: There is none, or more than one.
  """
  forged = [match for match in matches if match.pattern.masks]
  # Patterns as wide as `*/*` also fit strangers, but those have no mask.
  paired = [match for match in forged if match.mask_key(masks) in mask_files]
  tops = sorted({match.fields['top'] for match in paired or forged[:1]})
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
  """Returns a function that matches the files of `spec.Dataset.others`.

  It takes a path below the root, with `/` and without the file's suffix.
  """
  if not others:
    return lambda name: False
  expression = _compile(others)
  return lambda name: expression.fullmatch(name) is not None


def _compile(expression: str) -> re.Pattern[str]:
  return re.compile(f'{_TOP}(?:{expression})', re.IGNORECASE)
