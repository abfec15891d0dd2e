"""How a set is prepared and read: `--config.data.source`.

`tfrecord` is shards that TensorFlow writes and reads. `resident` is NumPy
arrays, which training holds in the memory of the devices. `stream` trains on
forgeries made meanwhile, and keeps the parts for evaluation as arrays too.
TensorFlow takes seconds to import and not every machine has it: here, it is
imported for shards alone.
"""

from collections.abc import Iterator
import contextlib
import pathlib

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import manifest

SOURCES = ('tfrecord', 'resident', 'stream')


def of(folder: str | pathlib.Path) -> str:
  """Tells which of `SOURCES` a prepared folder was made for."""
  # Folders older than the setting hold shards.
  return manifest.read(folder)['settings'].get('source', 'tfrecord')


def split_writer(
    folder: pathlib.Path, split: str, settings: dict
) -> contextlib.AbstractContextManager:
  """Returns the `SplitWriter` of a format.

  Args:
    folder: The folder to write to.
    split: The part.
    settings: What the manifest will hold as `settings`.
  """
  if settings['source'] != 'tfrecord':
    return arrays.SplitWriter(folder, split)
  from manloc_jax.data.storage import records

  return records.SplitWriter(
      folder, settings['dataset'], split, settings['num_shards']
  )


def write_metadata(
    folder: pathlib.Path,
    dataset: spec.Dataset,
    parts: dict[str, dict],
    settings: dict,
) -> None:
  """Writes what readers other than ours want to know; arrays say it all."""
  if settings['source'] != 'tfrecord':
    return
  from manloc_jax.data.storage import records

  shards = {name: part['shards'] for name, part in parts.items()}
  records.write_metadata(folder, dataset, shards)


def eval_batches(
    folder: str | pathlib.Path,
    split: str,
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Yields every patch of a part once; see `pipeline.eval_batches`."""
  if of(folder) != 'tfrecord':
    reader = arrays
  else:
    from manloc_jax.data.input import pipeline as reader

  return reader.eval_batches(
      folder, split, batch_size=batch_size, process=process
  )
