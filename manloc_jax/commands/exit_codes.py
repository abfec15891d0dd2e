"""Turns every exception of a command into a sentence and an exit code.

  0    done
  1    some of it failed, an audit found something wrong, or there is a bug,
       which shows its traceback
  2    impossible: one sentence on standard error says why and what to do
  75   preempted by the cluster, or another process of the run was lost: the
       same command goes on
  130  stopped by Ctrl-C
  141  whoever read the output has left, as `head` does; nothing is said
  143  stopped by SIGTERM, as `kill` and schedulers send it

The last three are what a shell reports for the signals of these cases.
"""

from collections.abc import Callable, Iterator
import contextlib
import gc
import os
import sys
from typing import Any, TextIO

from manloc_jax import errors
from manloc_jax.commands import interrupts

IMPOSSIBLE = 2
AGAIN = errors.TemporaryError.exit_code
READER_LEFT = 141
# Of tables and progress bars.
_LAYOUT = '\n\r\t'


class OutputError(errors.UserError):
  """Standard output or standard error cannot be written."""


class ReaderLeft(Exception):
  """Nobody reads standard output or standard error any more."""


class _Output:
  """A standard stream whose errors are distinct from those of files.

  What a terminal would interpret is escaped, whichever table or message the
  name of a stranger's file stands in.
  """

  def __init__(self, stream: TextIO):
    self._stream = stream

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)

  def write(self, text: str) -> int:
    with _own_errors():
      return self._stream.write(errors.printable(text, keep=_LAYOUT))

  def flush(self) -> None:
    with _own_errors():
      self._stream.flush()


@contextlib.contextmanager
def _own_errors() -> Iterator[None]:
  try:
    yield
  except BrokenPipeError as error:
    raise ReaderLeft from error
  except OSError as error:
    raise OutputError(
        f'The output cannot be written: {error.strerror}; free some space, or'
        ' send it elsewhere.'
    ) from error


def run(
    command: Callable[[], int | None],
    when_interrupted: Callable[[], str],
) -> int:
  """Runs a command to its last byte of output.

  Args:
    command: Returns its exit code, or None for 0; it may also raise SystemExit.
    when_interrupted: Returns a sentence for a user who stops the command: what
      is kept, and how to continue.

  Returns:
    The exit code for the process; a command that is stopped ends the process
    here.
  """
  _replace_closed_streams()
  handler = interrupts.Interrupts(when_interrupted)
  try:
    with (
        contextlib.redirect_stdout(_Output(sys.stdout)),
        contextlib.redirect_stderr(_Output(sys.stderr)),
    ):
      code = _code_of(command)
      sys.stdout.flush()
      return code
  except KeyboardInterrupt:
    pass  # Below, where no frame of the command is left.
  except ReaderLeft:
    return _end(READER_LEFT)
  except Exception as error:
    if not handler.is_stopping:  # Otherwise a signal caused it.
      message = _explain(error)
      if message is None:
        raise
      if isinstance(error, errors.TemporaryError):
        return _end(AGAIN, message)
      return _end(IMPOSSIBLE, message)
  gc.collect()  # Closes iterators that have not ended.
  handler.leave()


def _code_of(command: Callable[[], int | None]) -> int:
  try:
    return command() or 0
  except SystemExit as end:
    if end.code is None or isinstance(end.code, int):
      return end.code or 0
    raise errors.UserError(str(end.code)) from end


def _explain(error: Exception) -> str | None:
  """Returns a sentence about an exception; None where it is a bug."""
  if isinstance(error, errors.UserError):
    return str(error)
  if errors.is_out_of_memory(error):
    purpose = f' {error}' if isinstance(error, errors.MissingMemory) else ''
    return (
        f'There is not enough memory{purpose}; free some, or ask for less:'
        ' smaller images, smaller batches, or fewer --workers.'
    )
  name = error.filename if isinstance(error, OSError) else None
  if isinstance(name, bytes):
    name = os.fsdecode(name)
  if errors.is_disk_full(error):
    owner = f' of {name}' if isinstance(name, str) else ''
    return (
        f'The disk{owner} is full; free some space and run the same command'
        ' again.'
    )
  if isinstance(error, OSError) and isinstance(name, str):
    return f'{name}: {error.strerror}.'
  return None


def _end(code: int, message: str = '') -> int:
  """Prints why the command ends, if the streams work; returns the code."""
  for stream, text in ((sys.stdout, ''), (sys.stderr, message)):
    try:
      if text:
        print(errors.printable(text), file=stream)
      stream.flush()
    except OSError:
      _discard(stream)
  return code


def _discard(stream: TextIO) -> None:
  """Discards the buffer of a stream, which the interpreter flushes at exit."""
  nowhere = os.open(os.devnull, os.O_WRONLY)
  os.dup2(nowhere, stream.fileno())
  os.close(nowhere)


def _replace_closed_streams() -> None:
  """Replaces streams that the caller has closed, as `>&-` does, by null."""
  for name in ('stdout', 'stderr'):
    if getattr(sys, name) is None:
      setattr(sys, name, open(os.devnull, 'w'))
