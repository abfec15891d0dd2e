"""Runs the web server until the command is stopped."""

from collections.abc import Iterator, Sequence
import contextlib
import errno
import os
import pathlib
import signal
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.serve import analysis
from manloc_jax.serve import middleware
from manloc_jax.serve import samples

if TYPE_CHECKING:  # Imported when the server starts.
  import uvicorn


def listen(host: str, port: int) -> socket.socket:
  """Opens a listening socket.

  Args:
    host: Name or address of this machine.
    port: Number of the port; 0 for any free one.

  Raises:
    UserError: The port or the host is not available.
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


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
  """Yields a folder for uploads and results; deletes it and all in it.

  Raises:
    UserError: The folder cannot be made.
  """
  # Both ways to stop end the caller's `with`.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    folder = tempfile.TemporaryDirectory(prefix='manloc-serve-')
  except OSError as error:
    raise errors.UserError(
        'The page needs a folder for temporary files, and none can be made'
        f' ({error.strerror}); set TMPDIR to a folder that can be written to.'
    ) from error
  with folder as path:
    yield pathlib.Path(os.path.realpath(path))


def serve(
    localizer: analysis.Localizer,
    listener: socket.socket,
    folder: pathlib.Path,
) -> None:
  """Serves the page until an interrupt.

  Args:
    localizer: The localizer to run.
    listener: Of `listen`.
    folder: Of `temporary_folder`.
  """
  cache, examples = folder / 'cache', folder / 'samples'
  cache.mkdir()
  examples.mkdir()
  made = samples.make(examples)
  # The first visitor does not wait, and broken weights are refused now.
  localizer.localize(made[0].path, images.read_image(made[0].path))
  # Gradio reads them as it is imported.
  os.environ |= {
      'GRADIO_ANALYTICS_ENABLED': 'False',
      'GRADIO_EXAMPLES_CACHE': str(cache),
      'GRADIO_TEMP_DIR': str(cache),
      'HF_HUB_DISABLE_TELEMETRY': '1',
  }
  server = _server(localizer, cache, examples, made)
  host, port = listener.getsockname()[:2]
  print(f'http://{f"[{host}]" if ":" in host else host}:{port}', flush=True)
  print('Press Ctrl+C to stop.', file=sys.stderr)
  try:
    server.run(sockets=[listener])
  except KeyboardInterrupt:
    pass


def _server(
    localizer: analysis.Localizer,
    cache: pathlib.Path,
    examples: pathlib.Path,
    made: Sequence[samples.Sample],
) -> 'uvicorn.Server':
  import fastapi
  import gradio as gr
  import uvicorn

  from manloc_jax.serve import page

  blocks = page.build(localizer, cache, made)
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
      middleware.RequestFilter(
          app, cache=cache, examples=examples, max_bytes=analysis.MAX_BYTES
      ),
      log_level='warning',
      timeout_graceful_shutdown=1,  # Open pages would hold it for ever.
  )
  return uvicorn.Server(config)
