"""Errors that users can put right, and tests for causes of other errors."""

from collections.abc import Iterator
import contextlib
import errno
from typing import Any


class UserError(Exception):
  """Something the user can put right; the message is one sentence.

  It names what was seen, what was expected and what to do. Commands print it
  without a traceback and exit with code 2. It derives from nothing narrower
  than `Exception`, so that no handler meant for a failed conversion or for a
  damaged file catches it and says something else.
  """


class TemporaryError(UserError):
  """Something that the same command overcomes when it is started again.

  Attributes:
    exit_code: EX_TEMPFAIL of sysexits.h, at which launch/slurm.sh and
      launch/kubernetes.yaml start the command again.
  """

  exit_code = 75


@contextlib.contextmanager
def refusing_malformed(subject: str, remedy: str) -> Iterator[None]:
  """Raises UserError where parsed files turn out to hold something else.

  A file may have any field missing or of any type. What reads hundreds of
  fields for a table does not check each.

  Args:
    subject: What was read, in the plural, as the start of a sentence.
    remedy: What to do, as its end.
  """
  try:
    yield
  except UserError:
    raise
  except (
      ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
      ValueError,
  ) as error:  # fmt: skip
    reason = (str(error).splitlines() or [''])[0][:80]
    raise UserError(
        f'{subject} do not hold what was expected of them'
        f' ({type(error).__name__}: {reason}); {remedy}.'
    ) from error


class MissingMemory(MemoryError):
  """There is too little memory; the message ends `There is ... memory`.

  It names the file, as in `to read a.png`, which libraries' own do not.
  """


def shown(value: Any, most: int = 60) -> str:
  """Returns a value of somebody's file for a sentence, cut where it is long."""
  text = repr(value)
  return text if len(text) <= most else f'{text[: most - 1]}…'


def printable(message: str, keep: str = '') -> str:
  """Escapes line breaks, control characters and bytes that are no text.

  Names of files may hold them; a message stays on one line, and the terminal
  does not interpret it. Among them are those that turn the direction of
  writing, so that `exe.jpg` could be shown for `gpj.exe`.

  Args:
    message: The text.
    keep: Characters that are not escaped.
  """
  if message.isprintable():
    return message
  return ''.join(
      character
      if character.isprintable() or character in keep
      else character.encode('unicode_escape').decode()
      for character in message
  )


def is_disk_full(error: BaseException | None) -> bool:
  """Tells whether an error was caused by a full disk or quota.

  Libraries that write in the background raise errors of their own, with the
  system's error only in their text or among their causes.
  """
  visited = set()  # A chain of causes may be a cycle.
  while error is not None and id(error) not in visited:
    visited.add(id(error))
    if getattr(error, 'errno', None) in (errno.ENOSPC, errno.EDQUOT):
      return True
    if 'No space left on device' in str(error):
      return True
    error = error.__cause__ or error.__context__
  return False


# What OpenCV and XLA write where memory is missing.
_NO_MEMORY = ('Insufficient memory', 'RESOURCE_EXHAUSTED', 'Out of memory')


def is_out_of_memory(error: BaseException) -> bool:
  """Tells whether an error of any library was caused by missing memory."""
  if isinstance(error, (MemoryError, UserError)):
    return isinstance(error, MemoryError)
  return any(text in str(error) for text in _NO_MEMORY)
