"""The server: who may ask for what, until the command is stopped.

Gradio can do more than this page needs, and has had holes: `/file=` sends any
file below its folders and fetches addresses of the web, `/proxy=` passes
requests on, there are routes for monitoring, run history and editing code.
`Guard` lets through what the page itself asks for, and files only below the
folder of this server. Names in there hold a hash of the content or a random
key, so that who does not know a result cannot ask for it; there is no list of
them. Uploads are deleted once they are read.
"""

import os
import pathlib
import posixpath
import signal
import socket
import sys
import tempfile

from manloc_jax import errors
from manloc_jax.serve import analysis
from manloc_jax.serve import samples

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
_CALLS = {
    'info',
    'queue/join',
    'queue/data',
    'upload',
    'upload_progress',
    'startup-events',
    'theme.css',
    'cancel',
    'reset',
    'app_id',
}
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


class Guard:
  """ASGI middleware that lets through what the page needs and no more."""

  def __init__(self, app, folder: str):
    """Wraps an application.

    Args:
      app: It.
      folder: The only one whose files may be asked for.
    """
    self._app = app
    self._files = f'file={folder}/'

  async def __call__(self, scope, receive, send):
    """Answers a request, or has the application do so."""
    if scope['type'] not in ('http', 'lifespan'):
      return
    if scope['type'] == 'lifespan':
      await self._app(scope, receive, send)
      return
    if not self.allows(scope['path']):
      headers = [(b'content-type', b'text/plain')]
      await send({
          'type': 'http.response.start', 'status': 404, 'headers': headers
      })
      await send({'type': 'http.response.body', 'body': b'Not here.\n'})
      return

    async def send_safely(message):
      if message['type'] == 'http.response.start':
        message['headers'] = [
            *message.get('headers', ()),
            *((k.encode(), v.encode()) for k, v in _HEADERS.items()),
        ]
      await send(message)

    await self._app(scope, receive, send_safely)

  def allows(self, path: str) -> bool:
    """Tells whether the page needs a path, percent signs decoded."""
    if path != '/' and posixpath.normpath(path) != path.rstrip('/'):
      return False
    if not path.startswith(_API):
      return path in _PAGES or path.startswith(_FOLDERS)
    call = path.removeprefix(_API)
    return call in _CALLS or call.startswith((self._files, 'heartbeat/'))


def listen(host: str, port: int) -> socket.socket:
  """Takes a port.

  Args:
    host: Name or address of this machine.
    port: 0 for any that is free.

  Raises:
    UserError: It cannot be had.
  """
  family = socket.AF_INET6 if ':' in host else socket.AF_INET
  try:
    return socket.create_server((host, port), family=family)
  except OSError as error:
    raise errors.UserError(
        f'The page cannot be served at {host}, port {port}'
        f' ({error.strerror}); choose another --port or --host.'
    ) from error


def serve(localizer: analysis.Localizer, listener: socket.socket) -> None:
  """Serves the page until an interrupt, and deletes every file of it.

  Args:
    localizer: What scores images.
    listener: Of `listen`.
  """
  # Both ways to stop end the `with` below.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  with tempfile.TemporaryDirectory(prefix='manloc-serve-') as folder:
    folder = os.path.realpath(folder)
    # Gradio reads them as it is imported.
    os.environ |= {
        'GRADIO_ANALYTICS_ENABLED': 'False',
        'GRADIO_EXAMPLES_CACHE': folder,
        'GRADIO_TEMP_DIR': folder,
        'HF_HUB_DISABLE_TELEMETRY': '1',
    }
    server = _server(localizer, pathlib.Path(folder))
    host, port = listener.getsockname()[:2]
    print(f'http://{f"[{host}]" if ":" in host else host}:{port}', flush=True)
    print('Press Ctrl+C to stop.', file=sys.stderr)
    try:
      server.run(sockets=[listener])
    except KeyboardInterrupt:
      pass


def _server(localizer: analysis.Localizer, folder: pathlib.Path):
  import fastapi
  import gradio as gr
  import uvicorn

  from manloc_jax.serve import page

  blocks = page.build(localizer, folder, samples.make(folder))
  app = gr.mount_gradio_app(
      fastapi.FastAPI(openapi_url=None),
      blocks,
      path='/',
      footer_links=[],
      run_history=False,
      ssr_mode=False,
      show_error=False,
      mcp_server=False,
      enable_monitoring=False,
      max_file_size=analysis.MAX_BYTES,
      theme=gr.themes.Default(
          primary_hue='cyan', font=['system-ui', 'sans-serif']
      ),
      css=page.CSS,
  )
  config = uvicorn.Config(
      Guard(app, str(folder)),
      log_level='warning',
      timeout_graceful_shutdown=1,  # Open pages would hold it for ever.
  )
  return uvicorn.Server(config)
