"""A save that fails is told once, by the error that it raises."""

import asyncio
import sys
import threading
import time

import pytest
import tensorstore

from manloc_jax.training import save_messages


@pytest.fixture
def silenced(monkeypatch):
  # What it replaces is put back after the test.
  monkeypatch.setattr(sys, 'unraisablehook', sys.__unraisablehook__)
  save_messages.silence()


def write_that_ends_late() -> None:
  """Ends a write of TensorStore for which nothing waits any more."""
  promise, future = tensorstore.Promise.new()

  async def wait():
    await future

  loop = asyncio.new_event_loop()
  task = loop.create_task(wait())
  loop.run_until_complete(asyncio.sleep(0.01))
  loop.close()
  thread = threading.Thread(target=promise.set_result, args=(1,))
  thread.start()
  thread.join()
  time.sleep(0.1)
  task._log_destroy_pending = False  # Of this test alone.


def test_writes_that_end_late_print_nothing(silenced, capfd):
  write_that_ends_late()
  assert capfd.readouterr().err == ''


def test_without_it_they_print_a_traceback(monkeypatch, capfd):
  monkeypatch.setattr(sys, 'unraisablehook', sys.__unraisablehook__)
  write_that_ends_late()
  assert 'Event loop is closed' in capfd.readouterr().err


def test_other_errors_are_reported(silenced, capfd):
  class Broken:

    def __del__(self):
      raise RuntimeError('Something else')

  Broken()
  assert 'Something else' in capfd.readouterr().err
