"""Runs what takes longer than a moment in the server, one thing at a time."""

import asyncio
import collections
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

from manloc_jax.serve import jobs
from manloc_jax.serve import refusal

_AT_ONCE = 2  # Views and downloads of a visitor.
_T = TypeVar('_T')


class Painter:
  """A thread for pictures of results, fair to visitors."""

  def __init__(self) -> None:
    """Begins without work."""
    self._thread = futures.ThreadPoolExecutor(1)
    self._waiting = collections.Counter[str]()

  async def run(
      self, visitor: jobs.Visitor, function: Callable[..., _T], *arguments: Any
  ) -> _T:
    """Calls a function in the thread.

    Raises:
      Refusal: The visitor, or all of them together, wait for too much.
    """
    if self._waiting[visitor.name] >= _AT_ONCE or (
        self._waiting.total() >= jobs.WAITING
    ):
      raise refusal.Refusal(503, 'One after the other; try again.')
    self._waiting[visitor.name] += 1
    try:
      loop = asyncio.get_running_loop()
      return await loop.run_in_executor(self._thread, function, *arguments)
    finally:
      self._waiting[visitor.name] -= 1
      self._waiting += collections.Counter()  # Forgets those at zero.
