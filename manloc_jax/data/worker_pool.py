"""Maps functions over worker processes, in order and with bounded lookahead.

An `Engine` says where these processes run: `ordered_map` starts them on this
machine, and `ray_pool.connect` finds them in a cluster.
"""

import collections
from collections.abc import Callable, Iterable, Iterator
import concurrent.futures
import contextlib
import functools
import multiprocessing
from multiprocessing import resource_tracker
import os
import signal
import threading
from typing import Any

import cv2

from manloc_jax.data import argument_checks
from manloc_jax.data import spec

Map = Callable[[Callable, Iterable], Iterator]
# Takes the number of workers, None for all there are; with one, the work is
# done in this process.
Engine = Callable[[int | None], contextlib.AbstractContextManager[Map]]


def available_cores() -> int:
  """Counts the cores that this process may use.

  A scheduler may restrict the process to some cores. Python reports that from
  3.13 on, and Linux to older versions, too.
  """
  if hasattr(os, 'process_cpu_count'):
    return os.process_cpu_count() or 1
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


@contextlib.contextmanager
def shielded_from_interrupts() -> Iterator[None]:
  """Shields processes that are started meanwhile from Ctrl-C.

  A terminal sends it to all processes of a command. The parent ends its
  workers; each of them would show a traceback of its own.
  """
  # Its start would let interrupts through again.
  resource_tracker.ensure_running()
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def ordered_map(workers: int | None) -> Iterator[Map]:
  """Yields a `map` over processes; results come in the order of the items.

  Args:
    workers: Processes; None for one per core. With one, the work is done in
      this process.

  Raises:
    DataError: The number of workers is invalid, or a worker was killed.
  """
  if workers is None:
    workers = available_cores()
  argument_checks.check_count('The number of workers', workers)
  if workers == 1:
    yield map
    return
  # Forking a process in which TensorFlow or JAX runs threads may hang.
  context = multiprocessing.get_context('spawn')
  before = set(multiprocessing.active_children())
  try:
    with concurrent.futures.ProcessPoolExecutor(
        workers, context, initializer=_start_worker
    ) as pool:
      try:
        yield functools.partial(_pool_map, pool, 2 * workers)
      except concurrent.futures.process.BrokenProcessPool:
        # Where a worker dies while another one is being started, the pool does
        # not end that one, and waits for it for ever.
        for worker in set(multiprocessing.active_children()) - before:
          worker.kill()
        raise
      finally:
        # Tasks that have not begun are cancelled where the reader leaves. Those
        # that have are waited for: workers that are left to themselves may miss
        # the end of the pool, and the parent would hang at exit.
        pool.shutdown(cancel_futures=True)
  except concurrent.futures.process.BrokenProcessPool as error:
    raise spec.DataError(
        'A worker process was killed, most likely for lack of memory; free '
        'some and run the same command again.'
    ) from error


def _start_worker() -> None:
  cv2.setNumThreads(1)  # The processes share the cores already.
  threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
  # A killed parent cannot stop its workers, which would wait for ever.
  parent = multiprocessing.parent_process()
  assert parent is not None, 'A worker has a parent.'
  parent.join()
  os._exit(1)


def _pool_map(
    pool: concurrent.futures.Executor,
    ahead: int,
    function: Callable,
    items: Iterable,
) -> Iterator:
  def submit(item: Any) -> Callable[[], Any]:
    with shielded_from_interrupts():  # It starts processes on demand.
      return pool.submit(function, item).result

  return bounded(submit, items, lambda: ahead)


def bounded(
    submit: Callable[[Any], Callable[[], Any]],
    items: Iterable,
    most: Callable[[], int],
) -> Iterator:
  """Yields results in the order of the items, few of which wait at a time.

  Args:
    submit: Begins the work on an item; what it returns waits for the result.
    items: Are read one by one, as results are read.
    most: Returns how many may be under way.
  """
  waiting: collections.deque[Callable[[], Any]] = collections.deque()
  for item in items:
    waiting.append(submit(item))
    while len(waiting) >= most():
      yield waiting.popleft()()
  while waiting:
    yield waiting.popleft()()
