"""Audits a dataset before training: decodes and checks every file once.

Each check ends in one of four ways:

  ok       no case was found
  note     cases that are harmless or a matter of choice
  WRONG    cases that make training or scores worse
  skipped  the check could not be made; the text says why

| Check              | WRONG                           | note                  |
|--------------------|---------------------------------|-----------------------|
| `images`           | none of those named is there    |                       |
| `pairing`          | a file had to be left out       |                       |
| `counts`           | not as many as were published   |                       |
| `readable`         | a file cannot be decoded        |                       |
| `sizes`            | a mask is not its image's size  |                       |
| `orientation`      | only a turned image would fit   | a tag asks for a turn |
| `masks`            | a mask marks no or every pixel  |                       |
| `polarity`         | more than half is manipulated   | so it is in one image |
| `conversions`      |                                 | not 8-bit RGB         |
| `small images`     |                                 | smaller than a patch  |
| `duplicate images` | two images have the same pixels |                       |
| `shared masks`     |                                 | two masks are equal   |
| `leak: ...`        | test shares it with training    | by the rule `random`  |
| `unused files`     |                                 | images not in a table |

`photographs` only counts. Leaks are looked for between test and training;
validation is not compared. A leak of masks is a note by any rule: forgeries of
different photographs may share an outline.
"""

from collections.abc import Iterable
import dataclasses
import functools
import hashlib
import pathlib
from typing import Any

import numpy as np

from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.audit import checks
from manloc_jax.data.audit import leakage as leakage_lib
from manloc_jax.data.audit import pixel_checks
from manloc_jax.data.splits import split_list

_EXAMPLES = 2  # Of what a check found, in the table.
_WIDTH = 100  # Characters of an example in the table.


@dataclasses.dataclass(frozen=True)
class Audit:
  """The results of an audit.

  Attributes:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    names_only: Whether no file was opened.
    manipulated: Number of images with a mask.
    pristine: Number of images without one.
    checks: In the order of the table above.
    split: How images were split, and the leaks; see `leakage.leakage`.
  """

  dataset: str
  root: str
  names_only: bool
  manipulated: int
  pristine: int
  checks: list[checks.Check]
  split: dict

  @property
  def is_wrong(self) -> bool:
    return any(check.status == checks.WRONG for check in self.checks)

  def table(self) -> str:
    """Renders the audit as text: a line for each check, and examples."""
    how = ', from names alone' if self.names_only else ''
    lines = [
        f'{self.dataset} in {self.root}{how}: {self.manipulated} manipulated '
        f'and {self.pristine} pristine images'
    ]
    for check in self.checks:
      lines.append(f'{check.status:<8}{check.name:<18}{check.text}')
      if check.status == checks.OK:
        continue
      for item in check.items[:_EXAMPLES]:
        short = item if len(item) <= _WIDTH else item[: _WIDTH - 3] + '...'
        lines.append(f'{"":<26}- {short}')
      if len(check.items) > _EXAMPLES:
        lines.append(f'{"":<26}- and {len(check.items) - _EXAMPLES} more')
    return '\n'.join(lines)


def audit(
    dataset: str,
    root: str | pathlib.Path,
    *,
    choice: leakage_lib.SplitChoice | None = None,
    use_pristine: bool = False,
    names_only: bool = False,
    workers: int | None = None,
    allow_outside: bool = False,
) -> Audit:
  """Audits an image tree.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    choice: The split to search for leaks; None for the default. A list has to
      fit the images as it has to for preparation.
    use_pristine: Whether images without a mask are split too.
    names_only: Whether to open no image. If the dataset has a table of its own,
      the images need not exist. If no image exists, none is opened in any case,
      and the check `images` is WRONG.
    workers: Processes; one per core by default.
    allow_outside: See `datasets.find_records`.

  Returns:
    The results, the same for any number of workers.

  Raises:
    DataError: There is no such tree, it has no image, or a list does not fit
      its images.
  """
  root, choice = pathlib.Path(root), choice or leakage_lib.SplitChoice()
  kind = datasets.get(dataset)
  records, rejected, is_absent = find(
      dataset, root, names_only, allow_outside
  )
  names_only = names_only or is_absent
  if not records and not rejected:
    raise spec.DataError(f'There are no images under {root}; check the path.')
  if choice.listed is not None:
    used = [record for record in records if use_pristine or record.mask]
    fitted = split_list.fit(choice.listed, used, records)
    choice = dataclasses.replace(choice, listed=fitted)
  decoded = {} if names_only else decode_all(dataset, records, workers)
  tree = checks.Tree(root, records, rejected, decoded)
  usable = [record for record in tree.usable() if use_pristine or record.mask]
  split, leakage = leakage_lib.leakage(tree, usable, choice)
  results = [
      *([checks.absent(tree)] if is_absent else []),
      checks.pairing(tree),
      checks.counts(tree, kind.published),
      *pixel_checks.run(tree),
      checks.shared_masks(tree),
      checks.groups(tree),
      *leakage,
      checks.unused(tree, kind),
  ]
  return Audit(
      dataset=dataset,
      root=str(root),
      names_only=names_only,
      manipulated=sum(record.mask is not None for record in records),
      pristine=sum(record.mask is None for record in records),
      checks=results,
      split=split,
  )


def find(
    dataset: str,
    root: pathlib.Path,
    names_only: bool,
    allow_outside: bool = False,
) -> tuple[list[spec.Record], list[spec.Rejected], bool]:
  """Lists the images of a tree, or those that its own table names.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    names_only: Whether to use the table of the dataset alone, if it has one.
    allow_outside: See `datasets.find_records`.

  Returns:
    The images, the files left out, and whether all images are missing.

  Raises:
    DataError: There is no such tree.
  """
  kind = datasets.get(dataset)
  if kind.list_records:
    listed = kind.list_records(root)
    if not allow_outside:
      spec.check_inside(listed, root)
    is_absent = not any(record.image.is_file() for record in listed)
    if names_only or is_absent:
      return listed, [], is_absent and not names_only
  records, rejected = datasets.find_records(
      dataset, root, allow_outside=allow_outside
  )
  return records, rejected, False


def decode_all(
    dataset: str, records: Iterable[spec.Record], workers: int | None
) -> dict[pathlib.Path, checks.FileFacts]:
  """Decodes every image and mask once; returns a few facts of each."""
  # A mask may serve several images.
  tasks = dict.fromkeys([
      *((record.image, False) for record in records),
      *((record.mask, True) for record in records if record.mask),
  ])
  with worker_pool.ordered_map(workers) as run:
    facts = run(functools.partial(_decode, dataset=dataset), tasks)
    shown = progress.progress(facts, 'decoding', len(tasks), 'file')
    return {
        path: file_facts
        for (path, _), file_facts in zip(tasks, shown, strict=True)
    }


def _decode(task: tuple[pathlib.Path, bool], dataset: str) -> checks.FileFacts:
  """Decodes an image or a mask and returns its facts."""
  path, is_mask = task
  try:
    if is_mask:
      kind = datasets.get(dataset)
      mask = images.read_mask(path, kind.is_manipulated, kind.mask_mode)
      return checks.FileFacts(
          size=mask.shape[:2],
          digest=_digest(mask),
          manipulated=float(mask.mean()),
      )
    decoded = images.read_image(path)
  except spec.DataError as error:
    return checks.FileFacts(error=str(error))
  return checks.FileFacts(
      size=decoded.pixels.shape[:2],
      digest=_digest(decoded.pixels),
      note=decoded.note,
      orientation=decoded.orientation,
  )


def _digest(pixels: np.ndarray) -> str:
  digest = hashlib.sha256(str(pixels.shape).encode())
  digest.update(pixels.data)
  return digest.hexdigest()


def to_json(audited: Audit) -> dict[str, Any]:
  """Returns the results as JSON holds them, with all cases."""
  return {**dataclasses.asdict(audited), 'is_wrong': audited.is_wrong}
