"""Names the storage backends, `--config.data.backend`, here and on disk.

`tfrecord` stores shards that TensorFlow writes and reads. `memory` stores NumPy
arrays, which training holds in the memory of the devices. `online` trains on
forgeries that are generated during training, and stores the splits for
evaluation as arrays as well.
"""

from collections.abc import Mapping
from typing import Any

TFRECORD, MEMORY, ONLINE = 'tfrecord', 'memory', 'online'
# Values of `source` in manifests: the names of version 0.1, on which the hashes
# of prepared folders and of runs depend.
BACKENDS = {TFRECORD: 'tfrecord', MEMORY: 'resident', ONLINE: 'stream'}


def of_settings(settings: Mapping[str, Any]) -> str:
  """Returns the backend that the settings of a manifest name."""
  # Folders older than the field hold shards.
  return current(settings.get('source', TFRECORD))


def current(name: str) -> str:
  """Returns today's name of a backend that version 0.1 may have named."""
  renamed = {stored: backend for backend, stored in BACKENDS.items()}
  return renamed.get(name, name)
