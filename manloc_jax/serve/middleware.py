"""Filters requests before they reach Gradio.

Gradio can do more than this page needs, and has had vulnerabilities. `/file=`
sends any file below its folders and fetches addresses of the web, `/proxy=`
forwards requests, and there are routes for monitoring, run history and editing
code. A call names an upload by the path of a file, and version 6.31 accepts any
path of this machine and any address of the web where an application is mounted
and not launched.

The filter passes only what the page itself requests, files only from the
folders of this server, and calls only with files of its cache. The names of
these files hold a hash of the content or a random key, so that nobody can ask
for a result that they do not know; there is no list of them. Uploads are
deleted once they are read.
"""

from collections.abc import Awaitable, Callable
import pathlib
import posixpath
from typing import Any

from manloc_jax import files

_PAGES = {
    '/',
    '/config',
    '/config/',
    '/favicon.ico',
    '/manifest.json',
    '/theme.css',
}
_FOLDERS = ('/assets/', '/static/', '/svelte/')
_API = '/gradio_api/'
_JOIN = 'queue/join'
_CALLS = {
    _JOIN,
    'queue/data',
    'upload',
    'upload_progress',
    'startup-events',
    'theme.css',
    'cancel',
    'reset',
    'app_id',
    'info',
}
_MAX_CALL = 1 << 20  # Bytes; calls hold names and numbers.
_MAX_FORM = 1 << 16  # Bytes around the files of an upload.

_HEADERS = {
    # The page works without the web, and the browser sees to it.
    'content-security-policy': (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:;"
        " font-src 'self' data:; worker-src 'self' blob:;"
        " frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
    ),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
}

_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class RequestFilter:
  """ASGI middleware that passes only the requests that the page needs."""

  def __init__(
      self,
      app: Callable[..., Awaitable[None]],
      *,
      cache: pathlib.Path,
      examples: pathlib.Path,
      max_bytes: int,
  ):
    """Wraps an application.

    Args:
      app: The application.
      cache: Folder of uploads and results, a normal path.
      examples: Folder of examples, a normal path.
      max_bytes: Of an upload.
    """
    self._app = app
    self._cache = f'{cache}/'
    self._sent = (f'file={cache}/', f'file={examples}/', 'heartbeat/')
    self._max_bytes = max_bytes

  async def __call__(
      self, scope: _Message, receive: _Receive, send: _Send
  ) -> None:
    """Refuses a request, or passes it to the application."""
    if scope['type'] == 'lifespan':
      await self._app(scope, receive, send)
      return
    if scope['type'] != 'http':
      return
    if not self.is_needed(scope['path']):
      await _refuse(send, 404, 'Not here.')
      return
    if not self._fits(scope):
      await _refuse(send, 413, 'Too large, or of unknown length.')
      return
    if scope['path'] == _API + _JOIN:
      body = await _read(receive)
      if not self.names_cached_files_only(body):
        await _refuse(send, 403, 'This file was not uploaded here.')
        return
      receive = _replay(body, receive)

    async def send_safely(message: _Message) -> None:
      if message['type'] == 'http.response.start':
        message['headers'] = [
            *message.get('headers', ()),
            *((k.encode(), v.encode()) for k, v in _HEADERS.items()),
        ]
      await send(message)

    await self._app(scope, receive, send_safely)

  def is_needed(self, path: str) -> bool:
    """Tells whether the page needs a path, percent signs decoded."""
    if path != '/' and posixpath.normpath(path) != path.rstrip('/'):
      return False
    if not path.startswith(_API):
      return path in _PAGES or path.startswith(_FOLDERS)
    call = path.removeprefix(_API)
    return call in _CALLS or call.startswith(self._sent)

  def names_cached_files_only(self, body: bytes) -> bool:
    """Tells whether all files that a call names lie in the cache."""
    try:
      call = files.parse_json(body)
    except ValueError:
      return False
    if not isinstance(call, dict):
      return False
    call.pop('event_data', None)  # A click; Gradio reads no file for it.
    waiting = [call]
    while waiting:
      node = waiting.pop()
      if isinstance(node, dict):
        if 'path' in node and not self._is_cached(node['path']):
          return False
        waiting.extend(node.values())
      elif isinstance(node, list):
        waiting.extend(node)
    return True

  def _is_cached(self, path: Any) -> bool:
    return (
        isinstance(path, str)
        and path.startswith(self._cache)
        and posixpath.normpath(path) == path
    )

  def _fits(self, scope: _Message) -> bool:
    headers = dict(scope['headers'])
    if scope['method'] in ('GET', 'HEAD'):
      return True
    length = headers.get(b'content-length', b'')
    if b'transfer-encoding' in headers or not length.isdigit():
      return False
    is_upload = scope['path'] == _API + 'upload'
    most = self._max_bytes + _MAX_FORM if is_upload else _MAX_CALL
    return int(length) <= most


async def _read(receive: _Receive) -> bytes:
  parts, more = [], True
  while more:
    message = await receive()
    parts.append(message.get('body', b''))
    more = message.get('more_body', False)
  return b''.join(parts)


def _replay(body: bytes, receive: _Receive) -> _Receive:
  """Returns a `receive` that first returns a body that was read already."""
  waiting = [{'type': 'http.request', 'body': body, 'more_body': False}]

  async def receive_replayed() -> _Message:
    return waiting.pop() if waiting else await receive()

  return receive_replayed


async def _refuse(send: _Send, status: int, reason: str) -> None:
  headers = [(b'content-type', b'text/plain; charset=utf-8')]
  start = {'type': 'http.response.start', 'status': status, 'headers': headers}
  await send(start)
  await send({'type': 'http.response.body', 'body': reason.encode() + b'\n'})
