"""The types of checks, and the checks of `audit.py` that read no file."""

import collections
from collections.abc import Hashable, Mapping
import dataclasses
import os
import pathlib

from manloc_jax.data import pairing as pairing_lib
from manloc_jax.data import spec
from manloc_jax.data.listing import image_trees

OK, NOTE, WRONG, SKIPPED = 'ok', 'note', 'WRONG', 'skipped'

NOT_OPENED = 'no file was opened'


@dataclasses.dataclass(frozen=True)
class Check:
  """The outcome of one check.

  Attributes:
    name: The name of the check.
    status: `OK`, `NOTE`, `WRONG` or `SKIPPED`.
    text: The outcome in one line.
    items: The cases, a line each.
  """

  name: str
  status: str
  text: str
  items: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class FileFacts:
  """The facts of a decoded file.

  Attributes:
    error: Why it could not be decoded; empty if it could.
    note: How an image was converted to 8-bit RGB; empty if it was not.
    orientation: EXIF orientation of an image, 1 to 8, which was not applied.
    size: `(height, width)`.
    digest: Hash of size and pixels, for a mask of those with 1 = manipulated.
    manipulated: Fraction of manipulated pixels of a mask.
  """

  error: str = ''
  note: str = ''
  orientation: int = 1
  size: tuple[int, int] = (0, 0)
  digest: str = ''
  manipulated: float = 0.0


@dataclasses.dataclass(frozen=True)
class Tree:
  """An image tree to check.

  Attributes:
    root: Folder of the image tree.
    records: Its images.
    rejected: Files left out.
    decoded: The facts of each file; empty if none was opened.
  """

  root: pathlib.Path
  records: list[spec.Record]
  rejected: list[spec.Rejected]
  decoded: Mapping[pathlib.Path, FileFacts]

  def name(self, path: str | pathlib.Path) -> str:
    """Returns the path of a file relative to the root."""
    return os.path.relpath(path, self.root)

  def readable(self, *, masked: bool = False) -> list[spec.Record]:
    """Lists the images that could be decoded, all or those with a mask."""
    return [
        record
        for record in self.records
        if not self.decoded[record.image].error
        and (
            not self.decoded[record.mask].error if record.mask else not masked
        )
    ]

  def usable(self) -> list[spec.Record]:
    """Lists the images that preparation takes, as `extract.examine` does."""
    if not self.decoded:
      return self.records
    return [
        record
        for record in self.readable()
        if min(self.decoded[record.image].size) >= spec.SIDE
        and (record.mask is None or self._is_useful(record.mask, record.image))
    ]

  def _is_useful(self, mask: pathlib.Path, image: pathlib.Path) -> bool:
    facts = self.decoded[mask]
    return facts.size == self.decoded[image].size and facts.manipulated > 0


def absent(tree: Tree) -> Check:
  """Reports that no image exists."""
  text = f'none of the {len(tree.records)} images is there'
  return Check('images', WRONG, f'{text}; {NOT_OPENED}')


def pairing(tree: Tree) -> Check:
  """Lists the files left out, and names that several images have."""
  items = [f'{tree.name(file.path)}: {file.reason}' for file in tree.rejected]
  ids = collections.Counter(record.image_id for record in tree.records)
  items += [
      f'{count} images are called {image_id}'
      for image_id, count in ids.items()
      if count > 1
  ]
  return wrong('pairing', items, 'files left out')


def counts(tree: Tree, published: Mapping[str, int]) -> Check:
  """Compares the number of images with `spec.Dataset.published`."""
  if not published:
    return Check('counts', SKIPPED, 'no published count is known')
  masks = sum(record.mask is not None for record in tree.records)
  ours = {'manipulated': masks, 'pristine': len(tree.records) - masks}
  items = [
      f'{ours[kind]} {kind} images were found, {number} were published'
      for kind, number in published.items()
      if ours[kind] != number
  ]
  return wrong('counts', items, 'counts differ from the published ones')


def shared_masks(tree: Tree) -> Check:
  """Lists the images that have the same mask."""
  keys = mask_keys(tree)
  text = f'{len(keys)} images have {len(set(keys.values()))} different masks'
  items = alike(keys)
  return Check('shared masks', NOTE if items else OK, text, items)


def groups(tree: Tree) -> Check:
  """Counts the photographs behind the manipulated images."""
  sets = collections.defaultdict(list)
  for record in tree.records:
    if record.mask:
      sets[record.group].append(record.image_id)
  items = [
      f'{name}: {" ".join(ids)}' for name, ids in sorted(sets.items())
  ]
  total = sum(map(len, sets.values()))
  text = f'{total} manipulated images come from {len(sets)} photographs'
  return Check('photographs', OK, text, items)


def unused(tree: Tree, kind: spec.Dataset) -> Check:
  """Lists image files under the root that do not belong to the dataset.

  Args:
    tree: The tree.
    kind: The dataset, which defines its other files.
  """
  listed = kind.list_records(tree.root) if kind.list_records else []
  used = {tree.name(file.path) for file in tree.rejected}
  for record in (*tree.records, *listed):
    used.update(map(tree.name, filter(None, (record.image, record.mask))))
  errors: list[OSError] = []
  is_other = pairing_lib.matcher(kind.others)
  items = sorted(
      tree.name(path)
      for name, path in image_trees.image_files(tree.root, errors.append)
      if tree.name(path) not in used and not is_other(name)
  )
  items += [
      f'{tree.name(error.filename)} cannot be read ({error.strerror})'
      for error in errors
  ]
  return note('unused files', items, 'images that nothing names')


def wrong(name: str, items: list[str], text: str) -> Check:
  """Makes a check that is WRONG if there is any case."""
  return Check(name, WRONG if items else OK, f'{len(items)} {text}', items)


def note(name: str, items: list[str], text: str) -> Check:
  """Makes a check that is a note if there is any case."""
  return Check(name, NOTE if items else OK, f'{len(items)} {text}', items)


def mask_keys(tree: Tree) -> dict[str, Hashable]:
  """Maps each image to the hash of its mask, or to its path if not opened."""
  masks = {
      record.image_id: record.mask for record in tree.records if record.mask
  }
  if not tree.decoded:
    return dict(masks)
  return {
      image_id: tree.decoded[mask].digest
      for image_id, mask in masks.items()
      if not tree.decoded[mask].error
  }


def alike(keys: Mapping[str, Hashable]) -> list[str]:
  """Lists the sets of images that have the same key."""
  sets = collections.defaultdict(list)
  for image_id, key in keys.items():
    sets[key].append(image_id)
  return [' = '.join(ids) for ids in sets.values() if len(ids) > 1]
