"""Keeps files of visitors until they are read: random names, bounded in all."""

import asyncio
from collections.abc import AsyncIterator
import contextlib
import os
import pathlib
import secrets

from manloc_jax.serve import analysis
from manloc_jax.serve import refusal

QUOTA = 1 << 30  # Bytes of all files together.
_SMALL = 8 << 20  # Bytes; there is always room for a few of these.
_ROOM = 64 << 20
_SECONDS, _BYTES_PER_SECOND = 20, 512 << 10  # A slower upload is cut off.


class Uploads:
  """The files in a folder that nobody else writes to."""

  def __init__(self, folder: pathlib.Path, quota: int = QUOTA):
    """Begins without a file.

    Args:
      folder: An empty folder.
      quota: Of bytes.
    """
    self._folder = folder
    self._quota = quota
    self._held = 0

  @contextlib.asynccontextmanager
  async def stored(
      self, chunks: AsyncIterator[bytes], length: int
  ) -> AsyncIterator[pathlib.Path]:
    """Yields the path of a file that holds a body; deletes it at the end.

    Args:
      chunks: The body.
      length: Its bytes, as its sender says.

    Raises:
      Refusal: It is empty, not of this length, too slow, or there is no room.
    """
    if not length:
      raise refusal.Refusal(400, 'The file is empty; choose another.')
    if length > analysis.MAX_BYTES:
      raise too_large()
    # Exclusive, and links are not followed.
    path = self._folder / secrets.token_hex(16)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    written = 0
    file = os.fdopen(os.open(path, flags, 0o600), 'wb')
    try:
      with file:
        async with asyncio.timeout(_SECONDS + length / _BYTES_PER_SECOND):
          async for chunk in chunks:
            self._claim(len(chunk), length)
            written += len(chunk)
            if written > length:
              break
            file.write(chunk)
    except BaseException as error:
      self._release(path, written)
      if isinstance(error, TimeoutError):
        raise refusal.Refusal(
            408, 'The upload took too long and was cut off; try again.'
        ) from None
      raise
    try:
      if written != length:
        raise refusal.Refusal(400, 'The upload was cut off; try again.')
      yield path
    finally:
      self._release(path, written)

  def _release(self, path: pathlib.Path, count: int) -> None:
    path.unlink(missing_ok=True)
    self._held -= count

  def _claim(self, count: int, length: int) -> None:
    room = 0 if length <= _SMALL else _ROOM
    if self._held + count > self._quota - room:
      raise refusal.Refusal(
          503, 'Too many files are being uploaded; try again in a minute.'
      )
    self._held += count


def too_large() -> refusal.Refusal:
  """Returns the error that a body is too large."""
  return refusal.Refusal(
      413,
      f'The file has more than {analysis.MAX_BYTES >> 20} MB, the most that'
      ' this page takes; use manloc localize.',
  )
