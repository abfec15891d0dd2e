"""The flags of a run of several processes, and how each of them ends."""

from collections.abc import Callable
import contextlib
import dataclasses
import os
import sys
import traceback

from absl import flags

from manloc_jax import errors
from manloc_jax.commands import exit_codes


@dataclasses.dataclass(frozen=True)
class Flags:
  """The flags, once they are parsed.

  Attributes:
    distributed: Whether there are several processes.
    coordinator_address, num_processes, process_id: See `processes.start`.
  """

  distributed: flags.FlagHolder
  coordinator_address: flags.FlagHolder
  num_processes: flags.FlagHolder
  process_id: flags.FlagHolder


def define_flags() -> Flags:
  """Defines `--distributed` and what belongs to it."""
  return Flags(
      flags.DEFINE_bool(
          'distributed',
          False,
          'Shares the run among processes on one or more machines, each started'
          ' by this command; under SLURM and Open MPI they find each other.',
      ),
      flags.DEFINE_string(
          'coordinator_address',
          None,
          'With --distributed: host and port of process 0, such as node1:1234.',
      ),
      flags.DEFINE_integer(
          'num_processes', None, 'With --distributed: how many there are.'
      ),
      flags.DEFINE_integer(
          'process_id', None, 'With --distributed: of this one, from 0 on.'
      ),
  )


def share(given: Flags, work: Callable[[], None]) -> None:
  """Does the work of this process, together with others where flags say so.

  Raises:
    UserError: The flags do not fit each other.
    TemporaryError: Another process was lost.
  """
  arguments = (
      given.coordinator_address.value,
      given.num_processes.value,
      given.process_id.value,
  )
  if not given.distributed.value:
    if arguments != (None, None, None):
      raise errors.UserError(
          '--coordinator_address, --num_processes and --process_id say how'
          ' processes find each other; add --distributed, or leave them out.'
      )
    work()
    return
  from manloc_jax.training import processes

  processes.start(*arguments)
  try:
    work()
    processes.finish()
  except errors.TemporaryError:
    processes.finish()  # All of them leave after the same step.
    raise
  except Exception as error:
    if processes.is_loss(error):
      raise processes.lost() from error
    together = isinstance(error, errors.UserError) and (
        processes.have_all_failed()
    )
    if together and not processes.is_first():
      raise SystemExit(exit_codes.IMPOSSIBLE) from error  # Process 0 says why.
    raise


def leave(command: Callable[[], int]) -> int:
  """Runs a command; if it fails, or is one of several, the process ends here.

  It does not wait for the other processes, which notice that it has gone, and
  threads of libraries that have failed print nothing after its sentence.

  Args:
    command: Returns its exit code.

  Returns:
    The exit code of a single process, 0.
  """
  try:
    code = command()
  except Exception:
    if not _is_connected():
      raise
    traceback.print_exc()
    code = 1
  if code or _is_connected():
    with contextlib.suppress(OSError):  # Nobody reads them any more.
      sys.stdout.flush()
      sys.stderr.flush()
    os._exit(code)
  return code


def _is_connected() -> bool:
  if 'jax' not in sys.modules:
    return False
  import jax

  return jax.distributed.is_initialized()
