"""Imports TensorFlow for reading and writing files, without accelerators."""

from collections.abc import Iterator
import contextlib
import os

# Without kernels for neural networks, which are not used here, and without the
# messages about them.
_ENVIRONMENT = {'TF_ENABLE_ONEDNN_OPTS': '0', 'TF_CPP_MIN_LOG_LEVEL': '2'}


@contextlib.contextmanager
def _environment() -> Iterator[None]:
  """Sets unset variables while TensorFlow is imported, which reads them."""
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
  """Hides the accelerators from TensorFlow, for JAX to use.

  It has no effect in a program that has used TensorFlow already.
  """
  with contextlib.suppress(RuntimeError):
    tf.config.set_visible_devices([], 'GPU')
