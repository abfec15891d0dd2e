"""Lets a training save before it leaves, when a scheduler asks it to."""

from collections.abc import Callable, Iterator
import contextlib
import signal
import threading

import jax
from orbax import checkpoint as ocp

from manloc_jax import errors


@contextlib.contextmanager
def noticed(manager: ocp.CheckpointManager) -> Iterator[Callable[[int], bool]]:
  """Makes SIGTERM a request to save, while the block runs.

  Of several processes each may get the signal: JAX tells the others, and all of
  them leave after the same step.

  Args:
    manager: Of the run's checkpoints.

  Yields:
    `is_preempted(step)`, to be called after every step: whether the training
    must save this step and leave.
  """
  asked = threading.Event()
  # JAX handles the signal itself where it connects processes, and only the main
  # thread may handle signals.
  handles = (
      jax.process_count() == 1
      and threading.current_thread() is threading.main_thread()
  )
  before = None
  if handles:
    before = signal.signal(signal.SIGTERM, lambda *unused: asked.set())
  try:
    yield lambda step: asked.is_set() or manager.reached_preemption(step)
  finally:
    if handles:
      signal.signal(signal.SIGTERM, before)


def left(step: int) -> errors.TemporaryError:
  """Returns the error of a training that was saved and has left."""
  return errors.TemporaryError(
      f'Preempted: step {step} is saved, and the same command goes on from'
      ' there.'
  )
