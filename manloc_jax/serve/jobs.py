"""Whose turn it is: one job at a time, fair to visitors, each of bounded cost.

Small images go before large ones. Among them, next is the visitor whose
network address, and who himself, has used the least time of the worker lately,
and among equals the cheapest job. A visitor has one job: a new one replaces it.
A job is ended when its time or memory is used up, when its visitor has left,
and, if its image is large, when a small one of another visitor has waited for a
while; it then waits for a second turn.
"""

import asyncio
from collections.abc import Callable
import contextlib
import dataclasses
import enum
import logging
import time
from typing import Any

from manloc_jax import errors
from manloc_jax.serve import pool as pool_lib
from manloc_jax.serve import refusal
from manloc_jax.serve import worker as worker_lib

WAITING = 16  # Jobs; who comes after them is asked to try again.
SMALL = 2_000_000  # Pixels of an image that is scored within seconds.

_TICK = 0.05  # Seconds between looks at a job.
_SETTLED = 1.0  # Seconds in which a large image may yet be replaced.
_PATIENCE = 4.0  # Seconds that a small image waits for a large one.
_AFTER_LEAVING = 2.0  # Seconds in which a small job may end by itself.
_TURNS = 2
_MEMORY_OF_TIME = 60.0  # Seconds after which half of a visitor's use counts.

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Visitor:
  """Who asks.

  Attributes:
    address: Of the network; several visitors may share it.
    name: Of the cookie.
  """

  address: str
  name: str


@dataclasses.dataclass(eq=False)
class _Job:
  visitor: Visitor
  cost: int
  task: str
  arguments: dict[str, Any]
  reply: asyncio.Future
  since: float
  turns: int = 0
  left: float | None = None  # When its visitor left.


class _Cause(enum.Enum):
  """Why a job is ended."""

  TIME = enum.auto()
  MEMORY = enum.auto()
  LEFT = enum.auto()  # Its visitor.
  OTHERS = enum.auto()  # They wait with small images.


class Jobs:
  """The queue before a worker."""

  def __init__(
      self,
      pool: pool_lib.Pool,
      *,
      time_limit: float,
      memory: Callable[[], int],
      memory_limit: int,
  ):
    """Begins with an empty queue.

    Args:
      pool: Of the worker.
      time_limit: Seconds of a job.
      memory: Returns the bytes of memory that count.
      memory_limit: Of these bytes.
    """
    self._pool = pool
    self._time_limit = time_limit
    self._memory = memory
    self._memory_limit = memory_limit
    self._waiting: list[_Job] = []
    self._running: _Job | None = None
    self._used: dict[str, tuple[float, float]] = {}  # Seconds, and until when.
    self._arrived = asyncio.Event()
    self._is_closed = False

  async def run(
      self, visitor: Visitor, cost: int, task: str, **arguments: Any
  ) -> worker_lib.Reply:
    """Waits for a turn and for the reply.

    Args:
      visitor: Who asks.
      cost: Of two jobs the cheaper one is first; pixels, where there are any.
      task: Of the worker.
      **arguments: Of the task.

    Raises:
      Refusal, UserError: There is no result, for a reason that is said.
      CancelledError: The visitor has left.
    """
    if self._is_closed:
      raise _closed()
    loop = asyncio.get_running_loop()
    job = _Job(
        visitor, cost, task, arguments, loop.create_future(), loop.time()
    )
    self._replace(visitor)
    self._make_room(job)
    self._waiting.append(job)
    self._arrived.set()
    try:
      return await job.reply
    finally:
      job.left = loop.time()
      if job in self._waiting:
        self._waiting.remove(job)

  def _replace(self, visitor: Visitor) -> None:
    replaced = refusal.Refusal(
        409, 'Another photograph of yours came after it.'
    )
    if self._running and self._running.visitor == visitor:
      _fail(self._running, replaced)
    for job in [job for job in self._waiting if job.visitor == visitor]:
      self._waiting.remove(job)
      _fail(job, replaced)

  def _make_room(self, job: _Job) -> None:
    if len(self._waiting) < WAITING:
      return
    busy = refusal.Refusal(
        503,
        f'{WAITING} photographs are waiting already; try again in a minute.',
    )
    last = max(self._waiting, key=self._order)
    if self._order(last) <= self._order(job):
      raise busy
    self._waiting.remove(last)
    _fail(last, busy)

  def _order(self, job: _Job) -> tuple[float, ...]:
    who = job.visitor
    return (
        job.turns,
        job.cost > SMALL,  # It would soon have to give way.
        round(self._use(who.address)),
        round(self._use(who.name)),
        job.cost,
        job.since,
    )

  def _use(self, who: str) -> float:
    seconds, until = self._used.get(who, (0.0, 0.0))
    return seconds * 0.5 ** ((time.monotonic() - until) / _MEMORY_OF_TIME)

  def _count(self, visitor: Visitor, seconds: float) -> None:
    now = time.monotonic()
    for who in (visitor.address, visitor.name):
      self._used[who] = self._use(who) + seconds, now
    self._used = {
        who: used for who, used in self._used.items() if self._use(who) > 0.5
    }

  async def work(self) -> None:
    """Does one job after the other, until it is cancelled."""
    with contextlib.suppress(errors.UserError, worker_lib.Ended):
      await self._pool.restart()  # The first visitor does not wait for it.
    while True:
      while not self._waiting:
        self._arrived.clear()
        await self._arrived.wait()
      job = min(self._waiting, key=self._order)
      age = asyncio.get_running_loop().time() - job.since
      if job.cost > SMALL and age < _SETTLED:
        await asyncio.sleep(_SETTLED - age)
        continue
      self._waiting.remove(job)
      self._running = job
      start = time.monotonic()
      try:
        await self._do(job)
        await self._pool.restart()  # At the expense of who made it end.
      except Exception as error:  # The next visitor is served all the same.
        if not self._is_closed:
          _log.error('The page could not do a job: %r', error)
        _fail(job, _failed())
      finally:
        self._running = None
        self._count(job.visitor, time.monotonic() - start)

  async def _do(self, job: _Job) -> None:
    await self._pool.restart()
    if job.reply.done():
      return
    job.turns += 1
    start = asyncio.get_running_loop().time()
    asked = asyncio.create_task(self._pool.ask(job.task, **job.arguments))
    cause = None
    while not asked.done() and cause is None:
      await asyncio.wait([asked], timeout=_TICK)
      cause = self._why_end(job, start)
    if not asked.done():
      self._pool.end()
    try:
      reply = await asked
    except errors.UserError as error:
      _fail(job, error)
    except worker_lib.Bug as error:
      if job.left is None:  # Otherwise its file has gone.
        _log.error('A job failed.\n%s', error)
      _fail(job, _failed())
    except worker_lib.Ended:
      self._end(job, cause)
    else:
      if not job.reply.done():
        job.reply.set_result(reply)

  def _end(self, job: _Job, cause: _Cause | None) -> None:
    """Says why a job has ended without a reply, or lets it wait once more."""
    if cause is _Cause.OTHERS and job.turns < _TURNS and not job.reply.done():
      self._waiting.append(job)
      return
    if cause is None and not self._is_closed:
      _log.error('A worker has ended by itself.')
    _fail(job, self._explain(cause))

  def _why_end(self, job: _Job, start: float) -> _Cause | None:
    now = asyncio.get_running_loop().time()
    is_large = job.cost > SMALL
    if now - start > self._time_limit:
      return _Cause.TIME
    if self._memory() > self._memory_limit:
      return _Cause.MEMORY
    if job.left is not None and (
        is_large or now - job.left > _AFTER_LEAVING
    ):
      return _Cause.LEFT
    if is_large and any(
        other.cost <= SMALL
        and other.visitor != job.visitor
        and now - max(other.since, start) > _PATIENCE
        for other in self._waiting
    ):
      return _Cause.OTHERS
    return None

  def _explain(self, cause: _Cause | None) -> refusal.Refusal:
    if cause is _Cause.TIME:
      return refusal.Refusal(
          422,
          f'This photograph takes more than {self._time_limit:g} seconds; crop'
          ' it, or use manloc localize or examine.',
      )
    if cause is _Cause.MEMORY:
      return refusal.Refusal(
          422,
          'This photograph takes more memory than the page has; crop it, or'
          ' use manloc localize.',
      )
    if cause is _Cause.OTHERS:
      return refusal.Refusal(
          422,
          'Smaller photographs of others went first, time and again; try again'
          ' later, crop yours, or use manloc localize.',
      )
    return _failed()

  def close(self) -> None:
    """Refuses all jobs and ends the worker."""
    self._is_closed = True
    for job in [*self._waiting, *filter(None, [self._running])]:
      _fail(job, _closed())
    self._waiting.clear()
    self._pool.close()


def _fail(job: _Job, error: Exception) -> None:
  if not job.reply.done():
    job.reply.set_exception(error)


def _failed() -> refusal.Refusal:
  return refusal.Refusal(
      500, 'The page could not score this photograph; try another one.'
  )


def _closed() -> refusal.Refusal:
  return refusal.Refusal(503, 'The page is being closed.')
