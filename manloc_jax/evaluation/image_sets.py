"""Opens any dataset to be scored; no training split is needed."""

from collections.abc import Callable
import dataclasses
import os
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.evaluation import map_folder

ALL, TEST = 'all', 'test'


@dataclasses.dataclass(frozen=True)
class ImageSet:
  """The images to score.

  Attributes:
    name: What tables call it.
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    records: The images, sorted by id; no two have the same one.
    rejected: Files that are left out before any is decoded.
    split: Which images these are: `all`, `test`, or the name of a list.
  """

  name: str
  dataset: str
  root: pathlib.Path
  records: list[spec.Record]
  rejected: list[spec.Rejected]
  split: str

  def inputs(self, maps: map_folder.GivenMaps | None) -> str:
    """Returns a hash of names, sizes and times of all files that are scored."""
    listing: list[Any] = [self.dataset, self.split]
    for record in self.records:
      paths = (record.image, record.mask, record.source_mask)
      listing.append([record.image_id, record.manipulation])
      listing += [_stamp(path, self.root) for path in paths if path]
      if maps is not None:
        listing.append(maps.stamp(record.image))
    return provenance.sha256_of_json(listing)


def open_set(
    dataset: str,
    root: str | pathlib.Path,
    *,
    name: str | None = None,
    split: str = ALL,
    choose_test: Callable[[list[spec.Record]], set[str]] | None = None,
    allow_outside: bool = False,
) -> ImageSet:
  """Lists the images of a dataset.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    name: What tables call it; by default the dataset.
    split: `all` images; those for `test`; or a file: a list of `manloc split`,
      of which the images for test are taken, or a text with an image id in each
      line.
    choose_test: Returns the ids of the images for `test`, such as those that a
      run was not trained on; by default the set itself must say which they are.
    allow_outside: See `datasets.find_records`.

  Raises:
    DataError: There are no images, or the split does not fit them.
  """
  root = pathlib.Path(root)
  found, rejected = datasets.find_records(
      dataset, root, allow_outside=allow_outside
  )
  records, twice = _unique(found)
  if not records:
    first = f'; the first: {rejected[0].reason}' if rejected else ''
    raise spec.DataError(
        f'There is no image of {dataset} under {root} ({len(rejected)} files'
        f' were left out{first}); check the path.'
    )
  if split != ALL:
    chosen = _chosen(records, split, root, choose_test)
    records = [record for record in records if record.image_id in chosen]
  return ImageSet(
      name or dataset,
      dataset,
      root,
      records,
      [*rejected, *twice],
      split if split in (ALL, TEST) else pathlib.Path(split).name,
  )


def _unique(
    found: list[spec.Record],
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Sorts images by id; of those with one id, only the first stays."""
  by_id: dict[str, spec.Record] = {}
  twice = []
  for record in sorted(found, key=lambda x: (x.image_id, str(x.image))):
    first = by_id.setdefault(record.image_id, record)
    if first is not record:
      reason = f'it has the name {record.image_id} of {first.image}'
      twice.append(spec.Rejected(str(record.image), reason))
  return list(by_id.values()), twice


def _chosen(
    records: list[spec.Record],
    split: str,
    root: pathlib.Path,
    choose_test: Callable[[list[spec.Record]], set[str]] | None,
) -> set[str]:
  """Returns the ids of the images of a split; see `open_set`."""
  known = {record.image_id for record in records}
  if split == TEST:
    if choose_test is None:
      chosen = {x.image_id for x in records if x.split == TEST}
    else:
      chosen = choose_test(records) & known
    if not chosen:
      raise spec.DataError(
          f'The set in {root} does not say which images are for test; give'
          ' --split=all, or the file of a list.'
      )
    return chosen
  listed = _read_list(pathlib.Path(split))
  unknown = sorted(listed - known)
  if unknown:
    raise spec.DataError(
        f'{split} names {unknown[0]} and {len(unknown) - 1} other images that'
        f' are not under {root}; complete the images, or shorten the list.'
    )
  return listed


def _read_list(path: pathlib.Path) -> set[str]:
  """Reads the ids of the images for test from a list."""
  try:
    text = files.read_text(path, files.MAX_JSON_BYTES, 'utf-8-sig')
  except (OSError, UnicodeDecodeError) as error:
    raise spec.DataError(
        f'--split is {str(path)!r}, which cannot be read ({error}); choose all,'
        ' test, or the file of a list.'
    ) from error
  if not text.lstrip().startswith('{'):
    listed = {line.strip() for line in text.splitlines()} - {''}
  else:
    try:
      listed = set(map(str, files.parse_json(text)['parts'][TEST]))
    except (KeyError, TypeError, ValueError) as error:
      raise spec.DataError(
          f'{path} is no split list ({error}); make one with manloc split.'
      ) from error
  if not listed:
    raise spec.DataError(
        f'{path} names no image for test; choose another list.'
    )
  return listed


def _stamp(path: pathlib.Path, root: pathlib.Path) -> list[Any]:
  relative = os.path.relpath(path, root)
  try:
    stat = path.stat()
  except OSError:
    return [relative]  # Reading it will say why.
  return [relative, stat.st_size, stat.st_mtime_ns]
