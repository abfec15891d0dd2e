"""TensorFlow, imported for its files alone: quiet, and without accelerators."""

from collections.abc import Iterator
import contextlib
import os

# It only reads records here: its kernels for neural networks, and what it
# prints about them, are not wanted.
_ENVIRONMENT = {'TF_ENABLE_ONEDNN_OPTS': '0', 'TF_CPP_MIN_LOG_LEVEL': '2'}


@contextlib.contextmanager
def _environment() -> Iterator[None]:
  """Sets what is unset while TensorFlow is imported, which reads it then."""
  added = [name for name in _ENVIRONMENT if name not in os.environ]
  os.environ.update({name: _ENVIRONMENT[name] for name in added})
  try:
    yield
  finally:
    for name in added:
      os.environ.pop(name, None)


with _environment():
  import tensorflow as tf
  import tensorflow_datasets as tfds

__all__ = ['hide_accelerators', 'tf', 'tfds']


def hide_accelerators() -> None:
  """Leaves the accelerators to JAX, before TensorFlow works for the first time.

  A program that has used TensorFlow already keeps what it has chosen.
  """
  with contextlib.suppress(RuntimeError):
    tf.config.set_visible_devices([], 'GPU')
