"""Writes and reads the splits of a set by its storage backend.

TensorFlow takes seconds to import and not every machine has it: it is imported
for shards alone.
"""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any, Protocol

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import prepared_set


class SplitWriter(Protocol):
  """A context manager that writes a split patch by patch.

  Attributes:
    shards: Name, rows and bytes of each file, once it is closed.
  """

  shards: list[dict[str, Any]]

  def __enter__(self) -> 'SplitWriter': ...

  def __exit__(self, kind, value, traceback) -> None: ...

  def write(self, patch: spec.Patch, image_id: str, image_index: int) -> None:
    """Appends a patch; `image_index` counts in the images of the split."""


def split_writer(
    folder: pathlib.Path, split: str, settings: Mapping[str, Any]
) -> SplitWriter:
  """Returns the `SplitWriter` of a backend.

  Args:
    folder: The folder to write to.
    split: The split.
    settings: The `settings` of the manifest.
  """
  if backend_names.of_settings(settings) != backend_names.TFRECORD:
    return arrays.SplitWriter(folder, split)
  from manloc_jax.data.storage import records

  return records.SplitWriter(
      folder, settings['dataset'], split, settings['num_shards']
  )


def write_metadata(
    folder: pathlib.Path,
    dataset: spec.Dataset,
    splits: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> None:
  """Writes the metadata of tensorflow-datasets; arrays need none."""
  if backend_names.of_settings(settings) != backend_names.TFRECORD:
    return
  from manloc_jax.data.storage import records

  shards = {name: split['shards'] for name, split in splits.items()}
  records.write_metadata(folder, dataset, shards)


def eval_batches(
    prepared: prepared_set.PreparedSet,
    split: str,
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Yields every patch of a split once; see `pipeline.eval_batches`."""
  if prepared.backend != backend_names.TFRECORD:
    return arrays.eval_batches(
        prepared, split, batch_size=batch_size, process=process
    )
  from manloc_jax.data.input import pipeline

  return pipeline.eval_batches(
      prepared, split, batch_size=batch_size, process=process
  )
