"""Looks a dataset over before anyone trains on it: every file, decoded once.

Each check ends in one of four ways:

  ok       nothing to say
  note     harmless or a matter of taste, and good to know
  WRONG    training or scores would suffer; something should be done
  skipped  could not be made, and the text says why

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

import tqdm

from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.audit import checks
from manloc_jax.data.audit import pixel_checks
from manloc_jax.data.splits import split_list

_EXAMPLES = 2  # Of what a check found, in the table.
_WIDTH = 100  # Characters of an example in the table.


@dataclasses.dataclass(frozen=True)
class Audit:
  """What an audit found.

  Attributes:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    names_only: Whether no file was opened.
    manipulated: Number of images with a mask.
    pristine: Number of images without one.
    checks: In the order of the table above.
    split: The split that was drawn and what it leaks; see `checks.leakage`.
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
    """Renders the audit for people, a line for each check, and examples."""
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
    draw: checks.Draw | None = None,
    use_pristine: bool = False,
    names_only: bool = False,
    workers: int | None = None,
) -> Audit:
  """Audits an image tree.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    draw: The split to look for leaks in; None for the default. A list has to
      fit the images as it has to for preparation.
    use_pristine: Whether images without a mask are split too.
    names_only: Opens no image. Where a dataset has a table of its own, the
      images need not be there. Without any image it is so by itself, which
      then is WRONG.
    workers: Processes; one per core by default.

  Returns:
    What was found, the same for any number of workers.

  Raises:
    DataError: There is no such tree, no image is in it, or a list does not
      fit its images.
  """
  root, draw = pathlib.Path(root), draw or checks.Draw()
  kind = datasets.get(dataset)
  found, rejected, is_absent = find(dataset, root, names_only)
  names_only = names_only or is_absent
  if not found and not rejected:
    raise spec.DataError(f'There are no images under {root}; check the path.')
  if draw.listed is not None:
    used = [one for one in found if use_pristine or one.mask]
    fitted = split_list.fit(draw.listed, used, found)
    draw = dataclasses.replace(draw, listed=fitted)
  seen = {} if names_only else look_at(dataset, found, workers)
  tree = checks.Tree(root, found, rejected, seen)
  usable = [one for one in tree.usable() if use_pristine or one.mask]
  split, leakage = checks.leakage(tree, usable, draw)
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
      manipulated=sum(record.mask is not None for record in found),
      pristine=sum(record.mask is None for record in found),
      checks=results,
      split=split,
  )


def find(
    dataset: str, root: pathlib.Path, names_only: bool
) -> tuple[list[spec.Record], list[spec.Rejected], bool]:
  """Lists the images of a tree, or those that its own table names.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    names_only: Whether the table of the dataset, if it has one, is enough.

  Returns:
    The images, the files left out, and whether not one of the images is there.

  Raises:
    DataError: There is no such tree.
  """
  kind = datasets.get(dataset)
  if kind.list_records:
    listed = kind.list_records(root)
    is_absent = not any(record.image.is_file() for record in listed)
    if names_only or is_absent:
      return listed, [], is_absent and not names_only
  found, rejected = kind.find_records(root)
  return found, rejected, False


def look_at(
    dataset: str, records: Iterable[spec.Record], workers: int | None
) -> dict[pathlib.Path, checks.Seen]:
  """Decodes every image and mask once; what is kept is small."""
  # A mask may serve several images.
  masks = dict.fromkeys(one.mask for one in records if one.mask)
  tasks = [
      *((path, False) for path in dict.fromkeys(one.image for one in records)),
      *((path, True) for path in masks),
  ]
  with worker_pool.ordered_map(workers) as run:
    results = run(functools.partial(_look, dataset=dataset), tasks)
    # Without a terminal (`None`) a bar would fill the log.
    shown = tqdm.tqdm(
        results, 'decoding', len(tasks), unit='file', disable=None
    )
    return {path: seen for (path, _), seen in zip(tasks, shown, strict=True)}


def _look(task: tuple[pathlib.Path, bool], dataset: str) -> checks.Seen:
  path, is_mask = task
  try:
    if is_mask:
      kind = datasets.get(dataset)
      pixels = images.read_mask(path, kind.is_manipulated, kind.mask_mode)
      told = {'manipulated': float(pixels.mean())}
    else:
      decoded = images.read_image(path)
      pixels = decoded.pixels
      told = {'note': decoded.note, 'orientation': decoded.orientation}
  except spec.DataError as error:
    return checks.Seen(error=str(error))
  digest = hashlib.sha256(str(pixels.shape).encode())
  digest.update(pixels)
  return checks.Seen(
      size=pixels.shape[:2], digest=digest.hexdigest(), **told
  )


def to_json(found: Audit) -> dict:
  """Returns all that was found, every case of every check."""
  return {**dataclasses.asdict(found), 'is_wrong': found.is_wrong}
