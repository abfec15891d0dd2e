"""The storage backends, `--config.data.backend`, and their names on disk.

`tfrecord` is shards that TensorFlow writes and reads. `memory` is NumPy arrays,
which training holds in the memory of the devices. `online` trains on forgeries
that are generated meanwhile, and keeps the splits for evaluation as arrays too.
"""

from collections.abc import Mapping
from typing import Any

TFRECORD, MEMORY, ONLINE = 'tfrecord', 'memory', 'online'
# What a manifest says under `source`: the names of version 0.1, which the
# hashes of prepared folders and of runs hold.
BACKENDS = {TFRECORD: 'tfrecord', MEMORY: 'resident', ONLINE: 'stream'}


def of_settings(settings: Mapping[str, Any]) -> str:
  """Returns the backend that the settings of a manifest name."""
  # Folders older than the field hold shards.
  return current(settings.get('source', TFRECORD))


def current(name: str) -> str:
  """Returns today's name of a backend that version 0.1 may have named."""
  renamed = {stored: backend for backend, stored in BACKENDS.items()}
  return renamed.get(name, name)
