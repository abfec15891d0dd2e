"""The server, until the command is stopped."""

import errno
import os
import pathlib
import signal
import socket
import sys
import tempfile

from manloc_jax import errors
from manloc_jax.serve import analysis
from manloc_jax.serve import guard
from manloc_jax.serve import samples


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
    if error.errno == errno.EADDRINUSE:
      reason = f'Port {port} of {host} is taken; choose another with --port.'
    else:
      reason = (
          f'The page cannot be served at {host}, port {port}'
          f' ({error.strerror}); choose another --host or --port.'
      )
    raise errors.UserError(reason) from error


def serve(localizer: analysis.Localizer, listener: socket.socket) -> None:
  """Serves the page until an interrupt, and deletes every file of it.

  Args:
    localizer: What scores images.
    listener: Of `listen`.
  """
  # Both ways to stop end the `with` below.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  with tempfile.TemporaryDirectory(prefix='manloc-serve-') as folder:
    root = pathlib.Path(os.path.realpath(folder))
    cache = root / 'cache'
    # Gradio reads them as it is imported.
    os.environ |= {
        'GRADIO_ANALYTICS_ENABLED': 'False',
        'GRADIO_EXAMPLES_CACHE': str(cache),
        'GRADIO_TEMP_DIR': str(cache),
        'HF_HUB_DISABLE_TELEMETRY': '1',
    }
    server = _server(localizer, cache, root / 'samples')
    host, port = listener.getsockname()[:2]
    print(f'http://{f"[{host}]" if ":" in host else host}:{port}', flush=True)
    print('Press Ctrl+C to stop.', file=sys.stderr)
    try:
      server.run(sockets=[listener])
    except KeyboardInterrupt:
      pass


def _server(
    localizer: analysis.Localizer, cache: pathlib.Path, examples: pathlib.Path
):
  import fastapi
  import gradio as gr
  import uvicorn

  from manloc_jax.serve import page

  cache.mkdir()
  examples.mkdir()
  blocks = page.build(localizer, cache, samples.make(examples))
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
      guard.Guard(
          app, cache=cache, examples=examples, max_bytes=analysis.MAX_BYTES
      ),
      log_level='warning',
      timeout_graceful_shutdown=1,  # Open pages would hold it for ever.
  )
  return uvicorn.Server(config)
