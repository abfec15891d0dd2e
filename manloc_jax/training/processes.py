"""Starts a run of several processes, and lets them wait for each other.

JAX's coordination service, in process 0, tells all of them when one is lost. It
asks nobody for a password: docs/cluster.md.
"""

from collections.abc import Iterator, Sequence
import contextlib
import itertools
import os
import signal
import threading
from typing import NoReturn, TypeVar

import jax

from manloc_jax import errors

_START_SECONDS = 300  # For all processes to come.
# Without a sign of life for so long a process is lost; a connection that was
# closed is noticed at once.
_LOST_SECONDS = 30
_FOR_EVER_MS = 10**11  # Three years.
_TOGETHER_MS = 5000  # Between processes that meet the same error.
# What the libraries say that connect processes.
_LOSSES = ('Gloo', 'NCCL', 'oordination', 'heartbeat')
_ARGUMENTS = '--coordinator_address, --num_processes and --process_id'
_Item = TypeVar('_Item')
_barriers = itertools.count()
_ended = threading.Event()


def start(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
  """Connects this process to the others, before any array exists.

  SLURM and Open MPI tell JAX all arguments.

  Args:
    coordinator_address: Host and port of process 0, such as `node1:1234`.
    num_processes: Processes of the run.
    process_id: Number of this one, from 0 on.

  Raises:
    UserError: An argument is missing or impossible.
  """
  given = (coordinator_address, num_processes, process_id)
  is_told = given == (None, None, None)  # By the scheduler.
  late = threading.Timer(
      _START_SECONDS,
      _end_with,
      [
          f'The {num_processes or ""} processes of this run did not find each'
          f' other within {_START_SECONDS} seconds; check that all of them are'
          ' running and can reach process 0.'
      ],
  )
  late.daemon = True
  late.start()
  try:
    jax.distributed.initialize(
        *given,
        cluster_detection_method=None if is_told else 'deactivate',
        # Later than the timer: JAX aborts without a sentence.
        initialization_timeout=2 * _START_SECONDS,
        heartbeat_timeout_seconds=_LOST_SECONDS,
    )
    jax.devices()  # Waits for those of the others.
  except (IndexError, TypeError, ValueError) as error:
    raise errors.UserError(
        f'--distributed cannot tell the processes of this run ({error}); start'
        f' them by SLURM or Open MPI, or give {_ARGUMENTS}.'
    ) from error
  finally:
    late.cancel()
  threading.Thread(target=_watch, daemon=True).start()


def is_first() -> bool:
  """Tells whether this is the one process that writes results."""
  # A process that is alone opens no device for this.
  return not jax.distributed.is_initialized() or jax.process_index() == 0


def own_share(items: Sequence[_Item]) -> Sequence[_Item]:
  """Returns the items that are this process's; all processes have the rest."""
  if not jax.distributed.is_initialized():
    return items
  return items[jax.process_index() :: jax.process_count()]


def wait_for_all() -> None:
  """Returns once all processes have come here."""
  if jax.distributed.is_initialized():
    _wait_at(str(next(_barriers)), _FOR_EVER_MS)


def _wait_at(barrier: str, milliseconds: int) -> None:
  from orbax.checkpoint import multihost  # Slow to import.

  wait = multihost.get_barrier_sync_fn()
  wait(key=f'manloc_jax-{barrier}', timeout_ms=milliseconds)


@contextlib.contextmanager
def first_before_others() -> Iterator[None]:
  """Lets process 0 run the block, and then the others.

  They find what it has written.
  """
  if not is_first():
    wait_for_all()
  yield
  if is_first():
    wait_for_all()


def of_first(value: bool) -> bool:
  """Returns the value that process 0 gives here; all processes must come.

  Two processes that look at a file may see different things.
  """
  if not jax.distributed.is_initialized():
    return value
  from jax.experimental import multihost_utils

  return bool(multihost_utils.broadcast_one_to_all(value))


def is_loss(error: BaseException | None) -> bool:
  """Tells whether an exception of any library means that a process is lost."""
  if isinstance(error, errors.UserError):
    error = error.__cause__  # Its own sentence may quote anything.
  while error is not None:
    if any(text in str(error) for text in _LOSSES):
      return True
    error = error.__cause__ or error.__context__
  return False


def lost() -> errors.TemporaryError:
  """Returns the error of a process that has lost another one."""
  return errors.TemporaryError(
      'Another process of this run has ended or cannot be reached; see what it'
      ' printed, and start all of them again: the same command goes on from the'
      ' last checkpoint.'
  )


def handle_sigterm_again() -> None:
  """Gives SIGTERM back to Python's handler, from which JAX has taken it."""
  if jax.distributed.is_initialized():
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def finish() -> None:
  """Ends the connection once all processes have come here."""
  wait_for_all()
  _ended.set()
  jax.distributed.shutdown()


def have_all_failed() -> bool:
  """Tells whether all processes come here, too, within seconds.

  What the config or the data cause, all of them meet at the same time.
  """
  try:
    _wait_at('failed', _TOGETHER_MS)
  except Exception:  # Of several kinds.
    return False
  _ended.set()
  return True


def _watch() -> None:
  """Ends this process soon after another one was lost.

  Whatever it is doing: a process that computes for an hour, or that waits for
  one on another GPU, notices nothing by itself.
  """
  try:
    # Nobody else ever comes to this barrier: it ends by the loss of a process.
    _wait_at(f'watch-{jax.process_index()}', _FOR_EVER_MS)
  except Exception:  # Of several kinds.
    if not _ended.is_set():
      _end_with(str(lost()))


def _end_with(message: str) -> NoReturn:
  """Prints a sentence and ends the process, from any of its threads."""
  os.write(2, f'{message}\n'.encode())
  os._exit(errors.TemporaryError.exit_code)
