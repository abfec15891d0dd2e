"""A worker that is started anew when it has ended, for coroutines."""

import asyncio
from collections.abc import Callable
from concurrent import futures
import functools
from typing import Any

from manloc_jax.serve import worker as worker_lib


class Pool:
  """A worker that is started anew when it has ended, for coroutines."""

  def __init__(self, prepare: Callable[[worker_lib.Worker], object]):
    """Starts no worker yet.

    Args:
      prepare: Asks a new worker what it has to do before all else.
    """
    self._prepare = prepare
    self._worker: worker_lib.Worker | None = None
    self._is_closed = False
    self._thread = futures.ThreadPoolExecutor(1)

  def start(self) -> None:
    """Starts a worker if there is none; blocks for seconds.

    Raises:
      UserError, Ended: It cannot be prepared.
    """
    if self._worker and self._worker.is_alive():
      return
    if self._is_closed:
      raise worker_lib.Ended
    self._worker = worker_lib.Worker()
    try:
      self._prepare(self._worker)
    except Exception:
      self.end()
      raise

  async def restart(self) -> None:
    """As `start`, in a thread."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(self._thread, self.start)

  async def ask(self, task: str, **arguments: Any) -> worker_lib.Reply:
    """As `Worker.ask`, in a thread.

    Raises:
      Ended: Or there is no worker.
    """
    if self._worker is None:
      raise worker_lib.Ended
    ask = functools.partial(self._worker.ask, task, **arguments)
    try:
      return await asyncio.get_running_loop().run_in_executor(self._thread, ask)
    except worker_lib.Ended:
      self.end()
      raise

  def memory(self) -> int:
    """Returns the bytes of memory of the worker; 0 if they are not known."""
    return worker_lib.memory(self._worker.pid) if self._worker else 0

  def end(self) -> None:
    """Ends the worker at once."""
    worker, self._worker = self._worker, None
    if worker:
      worker.end()

  def close(self) -> None:
    """Ends the worker for good."""
    self._is_closed = True
    self.end()
