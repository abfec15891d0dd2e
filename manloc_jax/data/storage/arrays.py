"""Writes and reads splits as one NumPy file per field, without TensorFlow.

Rows lie in the order in which they were prepared; `manifest.json` beside the
files says how they were made and what is in them.
"""

from collections.abc import Iterable, Iterator
import contextlib
import pathlib
from typing import Any, BinaryIO

import numpy as np

from manloc_jax.data import compression
from manloc_jax.data import spec
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import prepared_set

# Field -> shape and type of one row.
FIELDS: dict[str, tuple[tuple[int, ...], np.dtype]] = {
    'image': ((spec.SIDE, spec.SIDE, 3), np.dtype('uint8')),
    'mask': ((spec.SIDE, spec.SIDE), np.dtype('uint8')),
    'label': ((), np.dtype('int32')),
    'image_index': ((), np.dtype('int32')),
    'source': ((), np.dtype('int32')),
    'box': ((4,), np.dtype('int32')),
    'compression': (compression.SHAPE, np.dtype('uint8')),
}


class SplitWriter:
  """Writes one split, row by row, so that memory does not grow with it.

  A context manager; `shards` describes what was written once it is closed.
  """

  def __init__(self, folder: pathlib.Path, split: str):
    self._paths = {name: folder / f'{split}-{name}.npy' for name in FIELDS}
    self._open = contextlib.ExitStack()
    self._files: dict[str, BinaryIO] = {}
    self._count = 0
    self.shards: list[dict] = []

  def __enter__(self) -> 'SplitWriter':
    self._files = {
        name: self._open.enter_context(path.open('wb'))
        for name, path in self._paths.items()
    }
    self._write_headers()
    return self

  def write(self, patch: spec.Patch, image_id: str, image_index: int) -> None:
    """Appends a row; `image_index` counts in the images of the manifest."""
    del image_id  # The manifest has it under `image_index`.
    row: dict[str, Any] = {
        'image': patch.image,
        'mask': patch.mask,
        'label': patch.label,
        'image_index': image_index,
        'source': patches.SOURCES.index(patch.source),
        'box': patch.box,
        'compression': patch.compression,
    }
    for name, file in self._files.items():
      file.write(np.asarray(row[name], FIELDS[name][1]).tobytes())
    self._count += 1

  def __exit__(self, kind, value, traceback) -> None:
    with self._open:
      # The count is known only now. NumPy leaves room in a header for any
      # length of the first axis, so that the new one fits over the old.
      self._write_headers()
    self.shards = [
        {
            'name': path.name,
            'examples': self._count,
            'bytes': path.stat().st_size,
        }
        for path in self._paths.values()
    ]

  def _write_headers(self) -> None:
    for name, file in self._files.items():
      shape, dtype = FIELDS[name]
      header = {
          'descr': np.lib.format.dtype_to_descr(dtype),
          'fortran_order': False,
          'shape': (self._count, *shape),
      }
      file.seek(0)
      np.lib.format.write_array_header_1_0(file, header)


def load(
    prepared: prepared_set.PreparedSet, split: str
) -> dict[str, np.ndarray]:
  """Opens the arrays of a split; rows are read from disk when they are used.

  Returns:
    `image` uint8[n, 64, 64, 3], `mask` uint8[n, 64, 64], `label`,
    `image_index` and `source` int32[n], `box` int32[n, 4] and `compression`
    uint8[n, 8, 8, 34].

  Raises:
    DataError: There is no such split, or a file is missing or damaged.
  """
  return open_fields(prepared.shard_paths(split), prepared.count(split))


def open_fields(
    paths: Iterable[pathlib.Path], count: int
) -> dict[str, np.ndarray]:
  """Opens the files of `FIELDS`, of `count` rows each; see `load`."""
  arrays = {}
  for (name, (shape, dtype)), path in zip(FIELDS.items(), paths, strict=True):
    try:
      array = np.load(path, mmap_mode='r', allow_pickle=False)
      wanted = ((count, *shape), dtype, path.stat().st_size)
      if wanted != (array.shape, array.dtype, array.offset + array.nbytes):
        raise ValueError('its header describes other content')
    except OSError:
      raise
    except Exception as error:  # A damaged header raises many kinds of errors.
      raise spec.DataError(
          f'The file {path} is damaged ({str(error).splitlines()[0]}); delete '
          f'{path.parent} and run the preparation again.'
      ) from error
    arrays[name] = array
  return arrays


def eval_batches(
    prepared: prepared_set.PreparedSet,
    split: str,
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Yields every patch once, in order, as `pipeline.eval_batches` does."""
  index, processes = process
  arrays = load(prepared, split)
  total = len(arrays['label'])
  for start in range(0, total, batch_size * processes):
    first = min(start + index * batch_size, total)
    rows = min(batch_size, total - first)
    batch = {'weight': (np.arange(batch_size) < rows).astype(np.float32)}
    for name, array in arrays.items():
      batch[name] = np.zeros((batch_size, *array.shape[1:]), array.dtype)
      batch[name][:rows] = array[first : first + rows]
    # Networks divide by it.
    batch['compression'][rows:] = compression.NONE
    yield batch
