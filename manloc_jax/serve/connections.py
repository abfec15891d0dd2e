"""Limits on open and slow connections, and on the log, for uvicorn.

A connection carries one request, which has to arrive in time; its answer has to
be taken. Where too many are open, the one that has been sending its request for
the longest goes, so that slow ones do not keep anybody out.
"""

import asyncio
import logging
import time
from typing import Any

from uvicorn.protocols.http import h11_impl

from manloc_jax.serve import guard

MOST_OPEN = 128
_HEADER_SECONDS = 10.0
_STALLED_SECONDS = 10.0  # Of an answer that nobody takes.
_LINES, _LINES_SECONDS = 20, 60.0  # Of the log.


class Connection(h11_impl.H11Protocol):
  """A connection of uvicorn with limits."""

  _stalled: asyncio.TimerHandle | None = None

  def connection_made(self, transport: Any) -> None:
    """Begins to wait for a request; see `asyncio.Protocol`."""
    super().connection_made(transport)
    self._since = self.loop.time()
    self.loop.call_later(_HEADER_SECONDS, self._expire)
    # Those that are aborted are only forgotten a moment later.
    open_ones = [
        each
        for each in self.connections
        if isinstance(each, Connection) and not each.transport.is_closing()
    ]
    if len(open_ones) > MOST_OPEN:
      sending = [each for each in open_ones if each.is_sending()]
      min(sending, key=lambda each: each._since).transport.abort()

  def is_sending(self) -> bool:
    """Tells whether the request has not arrived in full."""
    return self.cycle is None or self.cycle.more_body

  def _expire(self) -> None:
    if self.cycle is None:  # No complete header.
      self.transport.abort()

  def pause_writing(self) -> None:
    """Waits for the visitor to take what was sent."""
    super().pause_writing()
    self._stalled = self.loop.call_later(
        _STALLED_SECONDS, self.transport.abort
    )

  def resume_writing(self) -> None:
    """Goes on sending."""
    super().resume_writing()
    if self._stalled:
      self._stalled.cancel()

  def send_400_response(self, msg: str) -> None:
    """Answers what is no HTTP, with the headers of all answers."""
    lines = ['HTTP/1.1 400 Bad Request', 'content-type: text/plain']
    lines += [f'{key}: {value}' for key, value in guard.HEADERS.items()]
    body = 'This is no HTTP request.\n'
    lines.append(f'content-length: {len(body)}')
    self.transport.write('\r\n'.join([*lines, '', body]).encode())
    self.transport.close()


class BoundedLog(logging.Filter):
  """Passes a number of records a minute, and counts the others."""

  def __init__(self) -> None:
    """Begins to count."""
    super().__init__()
    self._since, self._count = -_LINES_SECONDS, 0

  def filter(self, record: logging.LogRecord) -> bool:
    """Tells whether a record is passed on."""
    now = time.monotonic()
    if now - self._since > _LINES_SECONDS:
      left_out, self._since, self._count = self._count - _LINES, now, 0
      if left_out > 0:
        record.msg = f'{record.msg} ({left_out} lines before were left out)'
    self._count += 1
    return self._count <= _LINES


def bound_log() -> None:
  """Lets errors of the page and of uvicorn through, and not too many."""
  handler = logging.StreamHandler()
  handler.addFilter(BoundedLog())
  for name in ('manloc_jax.serve', 'uvicorn'):
    log = logging.getLogger(name)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.ERROR)
