"""What checks are made of, and those of `audit.py` that look at names."""

import collections
from collections.abc import Hashable, Mapping
import dataclasses
import os
import pathlib

import numpy as np

from manloc_jax.data import arguments
from manloc_jax.data import pairing as pairing_lib
from manloc_jax.data import spec
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import splits

OK, NOTE, WRONG, SKIPPED = 'ok', 'note', 'WRONG', 'skipped'

UNSEEN = 'no file was opened'


@dataclasses.dataclass(frozen=True)
class Check:
  """The outcome of one check.

  Attributes:
    name: What was looked at.
    status: `OK`, `NOTE`, `WRONG` or `SKIPPED`.
    text: One line for people.
    items: Every case, a line each.
  """

  name: str
  status: str
  text: str
  items: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Seen:
  """What is known of a file once it has been decoded.

  Attributes:
    error: Why it could not be; empty if it could.
    note: What was done to make an image 8-bit RGB; empty if nothing.
    orientation: EXIF orientation of an image, 1 to 8, which was not applied.
    size: `(height, width)`.
    digest: Hash of size and pixels, for a mask of those with 1 = manipulated.
    manipulated: Share of manipulated pixels of a mask.
  """

  error: str = ''
  note: str = ''
  orientation: int = 1
  size: tuple[int, int] = (0, 0)
  digest: str = ''
  manipulated: float = 0.0


@dataclasses.dataclass(frozen=True)
class Draw:
  """Which split to look for leaks in.

  Attributes:
    rule: One of `rules.ALL_RULES`.
    seed: Of the first draw.
    fractions: Shares of train, val and test.
    draws: Over how many seeds the leaks are averaged.
    listed: Image ids of each part by the rule `list`, which draws nothing; see
      `split_list.read`. Validation may be empty.
  """

  rule: str = rules.DEFAULT
  seed: int = 0
  fractions: tuple[float, float, float] = rules.FRACTIONS
  draws: int = 1
  listed: Mapping[str, list[str]] | None = None

  def __post_init__(self):
    if self.rule not in rules.ALL_RULES:
      raise spec.DataError(
          f'There is no rule {self.rule!r} that splits images; choose one of'
          f' {", ".join(rules.ALL_RULES)}.'
      )
    arguments.check_seed(self.seed)
    arguments.check_fractions(self.fractions)
    arguments.check_count('The number of draws', self.draws)

  def split(self, records: list[spec.Record]) -> list[dict[str, list[str]]]:
    """Splits images once for each draw, as preparation does.

    Raises:
      DataError: As the functions of `splits`.
    """
    if self.rule == 'list':
      return [splits.listed_split(records, self.listed, ('train', 'test'))]
    return [
        splits.split_by_rule(self.rule, records, self.seed + i, self.fractions)
        for i in range(self.draws)
    ]

  def about(self) -> dict:
    """Says how it is drawn."""
    about = dataclasses.asdict(self)
    del about['listed']
    return {'rule': 'list'} if self.rule == 'list' else about


@dataclasses.dataclass(frozen=True)
class Tree:
  """What the checks look at.

  Attributes:
    root: Folder of the image tree.
    records: Its images.
    rejected: Files left out.
    seen: What decoding each file told; empty if none was opened.
  """

  root: pathlib.Path
  records: list[spec.Record]
  rejected: list[spec.Rejected]
  seen: Mapping[pathlib.Path, Seen]

  def name(self, path: str | pathlib.Path) -> str:
    """Names a file as seen from the root."""
    return os.path.relpath(path, self.root)

  def readable(self, *, masked: bool = False) -> list[spec.Record]:
    """Lists the images that could be decoded, all or those with a mask."""
    return [
        one
        for one in self.records
        if not self.seen[one.image].error
        and (not self.seen[one.mask].error if one.mask else not masked)
    ]

  def usable(self) -> list[spec.Record]:
    """Lists the images that preparation takes, as `extract.examine` does."""
    if not self.seen:
      return self.records
    return [
        one
        for one in self.readable()
        if min(self.seen[one.image].size) >= spec.SIDE
        and (one.mask is None or self._has_use(one))
    ]

  def _has_use(self, record: spec.Record) -> bool:
    mask = self.seen[record.mask]
    return mask.size == self.seen[record.image].size and mask.manipulated > 0


def absent(tree: Tree) -> Check:
  """Tells that the names are all there is."""
  text = f'none of the {len(tree.records)} images is there'
  return Check('images', WRONG, f'{text}; {UNSEEN}')


def pairing(tree: Tree) -> Check:
  """Lists the files left out, and names that several images have."""
  items = [f'{tree.name(one.path)}: {one.reason}' for one in tree.rejected]
  ids = collections.Counter(one.image_id for one in tree.records)
  items += [f'{n} images are called {one}' for one, n in ids.items() if n > 1]
  return wrong('pairing', items, 'files left out')


def counts(tree: Tree, published: Mapping[str, int]) -> Check:
  """Compares the number of images with `spec.Dataset.published`."""
  if not published:
    return Check('counts', SKIPPED, 'no published count is known')
  masks = sum(one.mask is not None for one in tree.records)
  ours = {'manipulated': masks, 'pristine': len(tree.records) - masks}
  items = [
      f'{ours[kind]} {kind} images were found, {number} were published'
      for kind, number in published.items()
      if ours[kind] != number
  ]
  return wrong('counts', items, 'counts differ from the published ones')


def shared_masks(tree: Tree) -> Check:
  """Lists the images that have the same mask."""
  keys = _mask_keys(tree)
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


_SHARED = {
    'group': 'their photograph',
    'mask': 'the very mask',
    'image': 'the very image',
}


def leakage(
    tree: Tree, usable: list[spec.Record], draw: Draw
) -> tuple[dict, list[Check]]:
  """Measures what test images have in common with training.

  Args:
    tree: The tree.
    usable: The images to split.
    draw: How they are split; the same rule, seed and shares give the split
      that `prepare` draws.

  Returns:
    The split: how it was drawn, the digest of the first draw, and the shares
    of test images by trait (both absent where none could be drawn); and a
    check for each trait.
  """
  split = draw.about()
  try:
    drawn = draw.split(usable)
  except spec.DataError as error:
    return split, [Check('leak', SKIPPED, str(error))]
  traits = {
      'group': {one.image_id: one.group for one in usable},
      'mask': _mask_keys(tree),
  }
  if tree.seen:
    digests = {one.image_id: tree.seen[one.image].digest for one in usable}
    traits['image'] = digests
  found = [splits.leaks(one, traits) for one in drawn]
  shares = {
      trait: float(np.mean([one[trait] for one in found])) for trait in traits
  }
  split['digest'] = splits.digest(drawn[0])
  split['shares_of_test_in_training'] = shares
  return split, [_leak(*item, draw) for item in shares.items()]


def _leak(trait: str, share: float, draw: Draw) -> Check:
  how = f'{draw.draws} draws' if draw.draws > 1 else f'seed {draw.seed}'
  how = draw.rule if draw.rule == 'list' else f'{draw.rule}, {how}'
  is_expected = draw.rule == 'random' or trait == 'mask'
  return Check(
      f'leak: {trait}',
      (NOTE if is_expected else WRONG) if share else OK,
      f'{share:.1%} of test images share {_SHARED[trait]} with training '
      f'({how})',
  )


def unused(tree: Tree, kind: spec.Dataset) -> Check:
  """Lists image files under the root that are nothing to the dataset.

  Args:
    tree: The tree.
    kind: The dataset, which knows what else belongs to it.
  """
  listed = kind.list_records(tree.root) if kind.list_records else []
  used = {tree.name(one.path) for one in tree.rejected}
  for record in (*tree.records, *listed):
    used.update(map(tree.name, filter(None, (record.image, record.mask))))
  unreadable: list[OSError] = []
  is_other = pairing_lib.matcher(kind.others)
  items = sorted(
      tree.name(path)
      for name, path in pairing_lib.image_files(tree.root, unreadable.append)
      if tree.name(path) not in used and not is_other(name)
  )
  items += [
      f'{tree.name(one.filename)} cannot be read ({one.strerror})'
      for one in unreadable
  ]
  return note('unused files', items, 'images that nothing names')


def wrong(name: str, items: list[str], text: str) -> Check:
  """Makes a check that any case at all makes WRONG."""
  return Check(name, WRONG if items else OK, f'{len(items)} {text}', items)


def note(name: str, items: list[str], text: str) -> Check:
  """Makes a check whose cases are worth a note."""
  return Check(name, NOTE if items else OK, f'{len(items)} {text}', items)


def _mask_keys(tree: Tree) -> dict[str, Hashable]:
  """Names the mask of each image: by its pixels, or its path if unseen."""
  if not tree.seen:
    return {one.image_id: one.mask for one in tree.records if one.mask}
  return {
      one.image_id: tree.seen[one.mask].digest
      for one in tree.records
      if one.mask and not tree.seen[one.mask].error
  }


def alike(keys: Mapping[str, Hashable]) -> list[str]:
  """Lists the sets of images that have the same key."""
  sets = collections.defaultdict(list)
  for image_id, key in keys.items():
    sets[key].append(image_id)
  return [' = '.join(ids) for ids in sets.values() if len(ids) > 1]
