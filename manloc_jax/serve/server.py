"""Runs the web server until the command is stopped."""

import asyncio
from collections.abc import Iterator
import contextlib
import dataclasses
import errno
import ipaddress
import os
import pathlib
import secrets
import signal
import socket
import sys
import tempfile

from manloc_jax import errors
from manloc_jax.serve import guard
from manloc_jax.serve import pool
from manloc_jax.serve import worker as worker_lib


@dataclasses.dataclass(frozen=True)
class Options:
  """What the user has chosen.

  Attributes:
    workdir, device: Of the localizer; see `factory.make`.
    host: Name or address to listen at.
    time_limit: Seconds of an analysis.
    is_public: Whether anyone who reaches the page may use it.
    proxy: Name of the host that forwards requests here, or None.
  """

  workdir: str | None = None
  device: str | None = None
  host: str = '127.0.0.1'
  time_limit: float = 120.0
  is_public: bool = False
  proxy: str | None = None


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
  """Yields a folder for uploads; deletes it and all in it.

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
    options: Options, listener: socket.socket, folder: pathlib.Path
) -> None:
  """Serves the page until an interrupt.

  Args:
    options: Of the user.
    listener: Of `listen`.
    folder: Of `temporary_folder`.

  Raises:
    UserError: The localizer cannot be used.
  """
  loaded: worker_lib.Reply = {}

  def load(worker: worker_lib.Worker) -> None:
    loaded.update(
        worker.ask('load', workdir=options.workdir, device=options.device)
    )

  network = pool.Pool(load)
  try:
    try:
      network.start()  # Broken weights are refused now.
    except (worker_lib.Ended, worker_lib.Bug) as error:
      raise errors.UserError(
          'The process that holds the weights has ended by itself; manloc'
          f' localize may say why. {error}'.strip()
      ) from error
    _serve(options, listener, folder, network, loaded)
  except KeyboardInterrupt:
    pass
  finally:
    network.close()


def _serve(
    options: Options,
    listener: socket.socket,
    folder: pathlib.Path,
    network: pool.Pool,
    loaded: worker_lib.Reply,
) -> None:
  import uvicorn

  from manloc_jax.serve import app as app_lib
  from manloc_jax.serve import connections

  class Server(uvicorn.Server):
    """Ends at once, whatever is going on."""

    async def shutdown(self, sockets=None) -> None:
      app.close()
      await asyncio.sleep(0.1)  # Refusals are on their way.
      for connection in [*self.server_state.connections]:
        connection.transport.abort()
      await asyncio.sleep(0)
      await super().shutdown(sockets)

  def stop() -> None:
    server.should_exit = True

  address, port = listener.getsockname()[:2]
  is_exposed = not ipaddress.ip_address(address).is_loopback or options.proxy
  token = None
  if is_exposed and not options.is_public:
    token = secrets.token_urlsafe(16)
  app = app_lib.App(
      network, loaded, folder, time_limit=options.time_limit, stop=stop
  )
  guarded = guard.Guard(
      app.asgi,
      address=address,
      port=port,
      host=options.host,
      token=token,
      proxy=options.proxy,
  )
  server = Server(
      uvicorn.Config(
          guarded,
          http=connections.Connection,
          ws='none',
          loop='asyncio',
          lifespan='on',
          log_config=None,
          access_log=False,
          proxy_headers=False,
          server_header=False,
          timeout_graceful_shutdown=1,
      )
  )
  connections.bound_log()
  print(_address(options, address, port, token), flush=True)
  if is_exposed and token is None:
    print('Anyone who can reach this page can use it.', file=sys.stderr)
  print('Press Ctrl+C to stop.', file=sys.stderr)
  try:
    server.run(sockets=[listener])
  finally:
    app.close()
  if app.failure:
    raise app.failure


def _address(
    options: Options, address: str, port: int, token: str | None
) -> str:
  """Returns what opens the page."""
  if options.proxy:
    base = f'https://{options.proxy}'
  else:
    base = f'http://{f"[{address}]" if ":" in address else address}:{port}'
  return f'{base}/?{guard.TOKEN}={token}' if token else base
