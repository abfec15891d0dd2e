"""What a user is meant to read when something cannot go on."""

import errno


class UserError(Exception):
  """Something the user can put right; the message is one sentence.

  It names what was seen, what was expected and what to do. Commands print it
  without a traceback and exit with code 2. It derives from nothing narrower
  than `Exception`, so that no handler meant for a failed conversion or for a
  damaged file catches it and says something else.
  """


def printable(message: str) -> str:
  """Keeps a message on its line, and the terminal safe, whatever names hold.

  Line breaks, control characters and bytes that are no text are escaped.
  """
  return ''.join(
      character
      if character.isprintable()
      else character.encode('unicode_escape').decode()
      for character in message
  )


def is_disk_full(error: BaseException | None) -> bool:
  """Tells a full disk or quota from other errors, also behind a wrapper.

  Libraries that write in the background raise errors of their own, with the
  system's only in their text or among their causes.
  """
  visited = set()  # A chain of causes may be a ring.
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
  """Tells missing memory from other errors, whichever library lacks it."""
  if isinstance(error, (MemoryError, UserError)):
    return isinstance(error, MemoryError)
  return any(text in str(error) for text in _NO_MEMORY)
