"""Maps functions over the processes of a Ray cluster.

The counterpart of `worker_pool.ordered_map` for many machines. Each item is a
task of one core. A task whose process or machine dies is done again elsewhere,
so that a function may be called more than once with an item, and the caller
gets one result for each. Items wait with the caller: memory here and in the
cluster holds a few results for each core, however many items there are.

All machines have the same packages and see the same files under the same paths.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import functools
import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any, cast, TextIO

import cv2

from manloc_jax import errors
from manloc_jax.data import argument_checks
from manloc_jax.data import spec
from manloc_jax.data import worker_pool

_AHEAD = 4  # Tasks for each core, so that a slow image keeps no core waiting.
_LOOK_SECONDS = 10.0  # Between looks at the size of the cluster.
_CONNECT_SECONDS = 10.0
_RETRIES = 3  # Of a task whose process or machine died.


@contextlib.contextmanager
def connect(address: str = 'auto') -> Iterator[worker_pool.Engine]:
  """Connects to a Ray cluster and yields it as an engine.

  Nothing is reported to the makers of Ray, and no dashboard is started.

  Args:
    address: `HOST:PORT` of the head; `auto` for the cluster that runs on this
      machine or that the environment variable RAY_ADDRESS names, and `local`
      for one that is started on this machine and ends with the block.

  Raises:
    UserError: Ray is not installed, there is no such cluster, or it runs
      another version of Python or Ray.
  """
  ray = _import()
  _check_reachable(address)
  os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
  try:
    with _handlers_kept():
      ray.init(
          address=address,
          include_dashboard=False,
          log_to_driver=False,
          logging_level=logging.ERROR,
      )
  except (OSError, RuntimeError, ValueError) as error:
    reason = (str(error).splitlines() or [''])[0]
    raise errors.UserError(
        f'There is no Ray cluster to be used at {address!r} ({reason}); start'
        ' one with `ray start --head`, give its --address, or give'
        ' --address=local.'
    ) from error
  with contextlib.redirect_stdout(cast(TextIO, _OfThisThread(sys.stdout))):
    try:
      yield functools.partial(_ordered_map, ray)
    finally:
      with contextlib.redirect_stdout(sys.stderr):  # It prints what is left.
        ray.shutdown()


def _import() -> Any:
  try:
    import ray
  except ImportError as error:
    raise errors.UserError(
        "--engine=ray needs Ray, which is not installed; pip install 'ray', or"
        ' the extra of this package of that name, on every machine.'
    ) from error
  return ray


def _check_reachable(address: str) -> None:
  """Raises UserError if nothing answers; Ray itself would try for minutes."""
  host, _, port = address.rpartition(':')
  if address in ('auto', 'local'):
    return
  if not host or not port.isdecimal() or '/' in address:
    raise errors.UserError(
        f'The address is {errors.shown(address)}; give auto, local, or'
        ' HOST:PORT of the head of a Ray cluster in --address.'
    )
  try:
    socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
  except (OSError, OverflowError) as error:
    raise errors.UserError(
        f'Nothing answers at {address!r} ({error}); start a Ray cluster there'
        ' with `ray start --head`, or correct --address.'
    ) from error


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
  """Restores the handler of SIGTERM, which Ray replaces by its own."""
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  before = signal.getsignal(signal.SIGTERM)
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)


class _OfThisThread:
  """Standard output of one thread; what others write goes to standard error.

  A thread of Ray's prints there that a process has died, between the lines of
  a command's own output.
  """

  def __init__(self, stream: TextIO):
    self._stream = stream
    self._thread = threading.get_ident()

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  def write(self, text: str) -> int:
    is_own = threading.get_ident() == self._thread
    return (self._stream if is_own else sys.stderr).write(text)


@contextlib.contextmanager
def _ordered_map(ray: Any, workers: int | None) -> Iterator[worker_pool.Map]:
  """Yields a `map` over the cluster; see `worker_pool.ordered_map`.

  Args:
    ray: The module, connected.
    workers: Tasks at a time; None for as many as the cluster has cores.
  """
  if workers is not None:
    argument_checks.check_count('The number of workers', workers)
  yield map if workers == 1 else functools.partial(_ray_map, ray, workers)


def _ray_map(
    ray: Any, workers: int | None, function: Callable, items: Iterable
) -> Iterator:
  # Sent once, and read once by each process, however large it is.
  reference = ray.put(function)
  task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_run)
  folder = os.getcwd()

  def submit(item: Any) -> Callable[[], Any]:
    # Ray replaces a reference by its content, but not one within a list.
    result = task.remote([reference], folder, item)
    return lambda: _result(ray, result, item)

  most = _ClusterSize(ray).tasks if workers is None else lambda: workers
  return worker_pool.bounded(submit, items, most)


class _ClusterSize:
  """Follows the number of cores of a cluster, which may grow and shrink."""

  def __init__(self, ray: Any):
    self._ray = ray
    self._tasks = 0
    self._looked = float('-inf')

  def tasks(self) -> int:
    """Returns how many tasks may be under way."""
    if time.monotonic() - self._looked >= _LOOK_SECONDS:
      cores = int(self._ray.cluster_resources().get('CPU', 0))
      if not cores:
        logging.warning('The Ray cluster has no cores yet; waiting for them.')
      self._tasks = _AHEAD * max(cores, 1)
      self._looked = time.monotonic()
    return self._tasks


def _result(ray: Any, reference: Any, item: Any) -> Any:
  """Waits for a result.

  Raises:
    DataError: The process died each time, or its machine.
    Exception: What the function raised.
  """
  try:
    return ray.get(reference)
  except ray.exceptions.RayTaskError as error:
    raise error.cause from error
  except ray.exceptions.RayError as error:
    raise spec.DataError(
        f'The Ray cluster gave up {errors.shown(item, 100)} after'
        f' {_RETRIES + 1} attempts ({type(error).__name__}), most likely for'
        ' lack of memory; give its machines fewer cores (ray start'
        ' --num-cpus) or leave the image out, and run the same command again.'
    ) from error


def _run(references: list[Any], folder: str, item: Any) -> Any:
  """Calls the function in a process of the cluster."""
  cv2.setNumThreads(1)  # The processes share the cores already.
  try:
    os.chdir(folder)  # Paths may be relative to it.
  except OSError as error:
    raise spec.DataError(
        f'The machine {socket.gethostname()} of the Ray cluster has no folder'
        f' {folder!r}; its machines have to share their files: mount them'
        ' under the same path everywhere.'
    ) from error
  return _fetched(references[0])(item)


@functools.lru_cache(maxsize=1)
def _fetched(reference: Any) -> Callable:
  return _import().get(reference)
