"""Keeps quiet what is printed of a failed save beside the error it raises."""

import sys

from absl import logging

# What asyncio raises where nothing waits for a write any more.
_NOTHING_WAITS = 'Event loop is closed'


def silence() -> None:
  """Drops such messages, for the rest of the process.

  Orbax logs what it raises. Of the writes of a save the first that fails is
  raised; TensorStore prints a traceback for each one that ends after it.
  """
  logging.get_absl_logger().addFilter(lambda log: 'orbax' not in log.pathname)
  sys.unraisablehook = _report


def _report(unraisable: 'sys.UnraisableHookArgs') -> None:
  error = unraisable.exc_value
  if not (isinstance(error, RuntimeError) and str(error) == _NOTHING_WAITS):
    sys.__unraisablehook__(unraisable)
