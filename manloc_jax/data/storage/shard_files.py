"""Files that the jobs of an array leave for each other during preparation.

They are JSON and NumPy arrays, which run no code when they are read.
"""

from collections.abc import Iterable, Iterator, Sequence
import contextlib
import pathlib
from typing import Any

import numpy as np

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.splits import rules
from manloc_jax.data.storage import arrays

_SAMPLES = 'samples.json'
_CUT, _GRID = 'cut', 'grid'  # The patches asked for, and all windows.


class ShardFiles:
  """The files of all shards of a prepared folder, as `prepare.Passes`.

  Attributes:
    folder: Where they lie.
    count: The number of shards.
  """

  def __init__(self, prepared: pathlib.Path, count: int):
    """Names the files; none is read.

    Args:
      prepared: The prepared folder, beside which they lie.
      count: The number of shards.
    """
    self.folder = prepared.with_name(f'.{prepared.name}.{count}-shards')
    self.count = count

  def examined_path(self, index: int) -> pathlib.Path:
    """Returns the file with the results of examining a shard."""
    return self.folder / f'examined-{index}.json'

  def sampled_path(
      self, name: str, requests: Sequence[extract.Request], index: int
  ) -> pathlib.Path:
    """Returns the folder with the patches of a shard of a split.

    Args:
      name: The split.
      requests: Of all shards.
      index: The shard.
    """
    ids = [request.record.image_id for request in requests]
    return self.folder / f'{name}-{rules.digest({name: ids})[:12]}-{index}'

  def not_examined(self) -> list[int]:
    """Lists the shards that are not examined."""
    return [
        i for i in range(self.count) if not self.examined_path(i).exists()
    ]

  def not_sampled(
      self, name: str, requests: Sequence[extract.Request]
  ) -> list[int]:
    """Lists the shards of a split that are not sampled."""
    return [
        i
        for i in range(self.count)
        if not self.sampled_path(name, requests, i).exists()
    ]

  def broken(
      self, name: str, requests: Sequence[extract.Request]
  ) -> dict[str, extract.Examined]:
    """Returns the images that sampling found broken, by id."""
    found = {}
    for index in range(self.count):
      folder = self.sampled_path(name, requests, index)
      for image in _read(folder / _SAMPLES) if folder.exists() else ():
        if image['reason']:
          found[image['image_id']] = extract.Examined(
              image['image_id'], reason=image['reason']
          )
    return found

  def examine(self, records: list[spec.Record]) -> Iterator[extract.Examined]:
    """Yields the result of each image, without its mask.

    Raises:
      DataError: A shard is missing or damaged.
    """
    _check('examined', self.not_examined(), self.count)
    results = (
        result
        for index in range(self.count)
        for result in _read(self.examined_path(index))
    )
    with self._refusing_malformed():
      for record, result in zip(records, results, strict=True):
        tuples = {key: tuple(result[key]) for key in _TUPLES}
        examined = extract.Examined(**{**result, **tuples})
        if examined.image_id != record.image_id:
          raise ValueError(f'{examined.image_id} for {record.image_id}')
        yield examined

  def sample(
      self, name: str, requests: list[extract.Request]
  ) -> Iterator[extract.Sample]:
    """Yields the patches of each image of a split.

    Raises:
      DataError: A shard is missing or damaged.
    """
    _check('sampled', self.not_sampled(name, requests), self.count)
    with self._refusing_malformed():
      for index in range(self.count):
        yield from _read_samples(self.sampled_path(name, requests, index))

  def _refusing_malformed(self) -> contextlib.AbstractContextManager[None]:
    return errors.refusing_malformed(
        f'The files in {self.folder}', 'delete it and run all shards again'
    )


_TUPLES = ('size', 'train', 'test')  # JSON has lists in their place.


def as_json(examined: extract.Examined) -> dict[str, Any]:
  """Returns the result of examining an image as JSON holds it, no mask."""
  return {key: value for key, value in vars(examined).items() if key != 'mask'}


def write_samples(
    folder: pathlib.Path,
    requests: Iterable[extract.Request],
    samples: Iterable[extract.Sample],
) -> None:
  """Writes the patches of images row by row, and what is known of each.

  Args:
    folder: An empty folder.
    requests: The images.
    samples: The patches of each.
  """
  with (
      arrays.SplitWriter(folder, _CUT) as cut,
      arrays.SplitWriter(folder, _GRID) as grid,
  ):
    described = [
        {
            'image_id': request.record.image_id,
            'reason': sample.reason,
            'note': sample.note,
            _CUT: _write(cut, sample.cut),
            _GRID: _write(grid, sample.grid),
        }
        for request, sample in zip(requests, samples, strict=True)
    ]
  files.write_json(folder / _SAMPLES, described)


def _write(writer: arrays.SplitWriter, cut: patches.Cut | None) -> int | None:
  """Writes the patches of an image; returns how many."""
  if cut is None:
    return None
  for patch in cut:
    # The prepared folder names the image; here its rows follow each other.
    writer.write(patch, image_id='', image_index=0)
  return len(cut)


def _read_samples(folder: pathlib.Path) -> Iterator[extract.Sample]:
  """Yields what `write_samples` wrote."""
  described = _read(folder / _SAMPLES)
  cuts = {}
  for kind in (_CUT, _GRID):
    count = sum(image[kind] or 0 for image in described)
    paths = [folder / f'{kind}-{name}.npy' for name in arrays.FIELDS]
    cuts[kind] = _cuts(
        arrays.open_fields(paths, count), [image[kind] for image in described]
    )
  for image, cut, grid in zip(described, *cuts.values(), strict=True):
    yield extract.Sample(image['reason'], image['note'], cut, grid)


def _cuts(
    rows: dict[str, np.ndarray], counts: Iterable[int | None]
) -> Iterator[patches.Cut | None]:
  """Yields the patches of each image from the rows of all."""
  start = 0
  for count in counts:
    if count is None:
      yield None
      continue
    own = {key: array[start : start + count] for key, array in rows.items()}
    start += count
    locations = patches.Candidates(own['box'], own['source'], own['label'])
    yield patches.Cut(
        own['image'], own['mask'], locations, own['compression']
    )


def _read(path: pathlib.Path) -> list[dict[str, Any]]:
  """Reads JSON of a shard.

  Raises:
    DataError: It cannot be read.
  """
  try:
    return files.read_json(path)
  except (OSError, ValueError) as error:
    raise spec.DataError(
        f'{path} cannot be read ({error}); delete {path.parent} and run all'
        ' shards again.'
    ) from error


def _check(done: str, missing: list[int], count: int) -> None:
  if missing:
    raise spec.DataError(
        f'{len(missing)} of {count} shards are not {done} yet, such as shard'
        f' {missing[0]}; run all shards again, then merge them.'
    )
