"""Starts `manloc serve`, and asks it as visitors and attackers do."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).parents[1]
WAIT = 120  # Seconds; machines are busy.


class Server:
  """The command, in a process of its own.

  Attributes:
    address: Of the page, as printed.
    process: The command.
    log: File of its standard error.
    folder: Where it puts temporary files.
  """

  def __init__(
      self,
      folder: pathlib.Path,
      *arguments: str,
      package: pathlib.Path = ROOT,
  ):
    """Starts it in a folder, with the package that lies in another one."""
    self.folder = folder / 'tmp'
    self.folder.mkdir()
    self.log = folder / 'log.txt'
    command = [sys.executable, '-m', 'manloc_jax.cli', 'serve', '--device=cpu']
    with self.log.open('wb') as log:
      self.process = subprocess.Popen(
          [*command, '--port=0', *arguments],
          env={
              **os.environ,
              'PYTHONPATH': str(package),
              'TMPDIR': str(self.folder),
          },
          cwd=folder,
          stdout=subprocess.PIPE,
          stderr=log,
          text=True,
      )
    self.address = self.process.stdout.readline().strip()
    self.host = urllib.parse.urlsplit(self.address).netloc

  def stop(self) -> float:
    """Stops it as `kill` does; returns the seconds that it took."""
    start = time.monotonic()
    self.process.send_signal(signal.SIGTERM)
    try:
      assert self.process.wait(WAIT) == 0
    finally:
      self.process.kill()
      self.process.wait()
    return time.monotonic() - start

  def processes(self) -> list[int]:
    """Returns the numbers of the server and of its workers."""
    parent = self.process.pid
    tasks = pathlib.Path(f'/proc/{parent}/task')
    lists = [path.read_text() for path in tasks.glob('*/children')]
    return [parent, *map(int, ' '.join(lists).split())]

  def memory(self) -> int:
    """Returns the bytes of memory of all of them."""
    total = 0
    for pid in self.processes():
      with contextlib.suppress(OSError):
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        if found := re.search(r'VmRSS:\s+(\d+) kB', status):
          total += 1024 * int(found[1])
    return total

  def disk(self) -> int:
    """Returns the bytes of its files."""
    total = 0
    for path in self.folder.rglob('*'):
      with contextlib.suppress(OSError):
        total += path.stat().st_size if path.is_file() else 0
    return total

  def uploads(self) -> list[str]:
    """Returns the names of files that visitors have sent."""
    names = [path.name for path in self.folder.rglob('*')]
    return [name for name in names if re.fullmatch('[0-9a-f]{32}', name)]

  def connect(self) -> socket.socket:
    host, port = self.host.rsplit(':', 1)
    return socket.create_connection((host, int(port)), timeout=WAIT)

  def raw(self, request: bytes) -> bytes:
    """Sends bytes; returns all that comes back."""
    answer = b''
    with self.connect() as connection, contextlib.suppress(ConnectionError):
      connection.sendall(request)
      while part := connection.recv(1 << 16):
        answer += part
    return answer

  def head(self, method: str, path: str, *headers: str) -> bytes:
    """Returns a request without a body."""
    lines = [f'{method} {path} HTTP/1.1', f'Host: {self.host}', *headers]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()

  def visitor(self) -> 'Visitor':
    return Visitor(self)


class Visitor:
  """Someone who has opened the page."""

  def __init__(self, server: Server):
    self.server = server
    _, headers, _ = self.ask('GET', '/')
    self.cookie = headers['Set-Cookie'].split(';')[0]

  cookie = ''

  def ask(self, method: str, path: str, body: bytes | None = None):
    """Returns status, headers and body of an answer."""
    connection = http.client.HTTPConnection(self.server.host, timeout=WAIT)
    with contextlib.closing(connection):
      connection.request(method, path, body, {'Cookie': self.cookie})
      answer = connection.getresponse()
      return answer.status, answer.headers, answer.read()

  def upload(
      self, content: bytes, name: str = 'a.png', kind: str = 'analyses'
  ):
    """Returns 200 and the answer, or another status and a sentence.

    The sentence that a file cannot be used has the status `refused` here.
    """
    path = f'/{kind}?name={urllib.parse.quote(name)}'
    status, _, said = self.ask('POST', path, content)
    if status != 200:
      return status, said.decode()
    answer = json.loads(said)
    if 'refusal' in answer:
      return 'refused', answer['refusal']
    return status, answer

  def start_upload(self, content: bytes) -> socket.socket:
    """Sends a file and does not wait for the answer."""
    connection = self.server.connect()
    head = self.server.head(
        'POST',
        '/analyses?name=a.png',
        f'Cookie: {self.cookie}',
        f'Content-Length: {len(content)}',
    )
    connection.sendall(head + content)
    return connection


def answer(connection: socket.socket) -> tuple[int, str]:
  """Waits for an answer, whole; returns its status and text."""
  received = http.client.HTTPResponse(connection)
  received.begin()
  return received.status, received.read().decode()


def busy() -> float:
  """Returns how many times longer all takes, for what else is running."""
  return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def until(condition, seconds: float = WAIT) -> None:
  """Waits for something to become true."""
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'It took too long.'
    time.sleep(0.1)
