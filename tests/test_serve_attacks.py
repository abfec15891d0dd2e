"""Requests to `manloc serve` that nobody should make, over real connections."""

import json
import os
import signal
import struct
import threading
import time
import zlib

import hostile
import pages
import pytest
import trees

from manloc_jax.serve import uploads

pytest.importorskip(
    'starlette', reason='The extra serve is not installed.'
)
pytest.importorskip('uvicorn', reason='The extra serve is not installed.')
from manloc_jax.serve import app  # noqa: E402
from manloc_jax.serve import connections  # noqa: E402

pytestmark = pytest.mark.slow

SMALL = hostile.encode(hostile.PICTURE, 'PNG')
LIMIT = 1_500_000_000  # Bytes of memory.


@pytest.fixture(scope='module')
def server(tmp_path_factory):
  server = pages.Server(tmp_path_factory.mktemp('server'))
  yield server
  server.stop()
  assert not [*server.folder.iterdir()]


@pytest.fixture
def visitor(server):
  visitor = server.visitor()
  status, said = visitor.upload(SMALL)
  assert status == 200, said  # The server is well before ...
  yield visitor
  status, said = server.visitor().upload(SMALL)
  assert status == 200, said  # ... and after the attack.
  pages.until(lambda: not server.uploads(), 10)
  assert 'Traceback' not in server.log.read_text()
  assert server.log.stat().st_size < 10_000


def large(side: int = 3600) -> bytes:
  """A photograph that takes half a minute, as a file that is quickly made."""
  noise = trees.photograph(0, (side, side))
  rows = b''.join(b'\0' + row.tobytes() for row in noise)
  return hostile.png(side, side, data=zlib.compress(rows, 1))


def test_bodies_of_other_requests_are_not_read(server, visitor):
  before = server.memory()
  for head in (
      server.head('GET', '/', 'Content-Length: 600000000'),
      server.head('GET', '/', 'Transfer-Encoding: chunked'),
      server.head('HEAD', '/analyses', 'Transfer-Encoding: chunked'),
      server.head('OPTIONS', '/analyses', 'Content-Length: 600000000'),
      server.head('POST', '/analyses', 'Transfer-Encoding: chunked'),
  ):
    with server.connect() as connection:
      sent = 0
      try:
        connection.sendall(head)
        while sent < 600_000_000:
          connection.sendall(b'100000\r\n' + bytes(1 << 20) + b'\r\n')
          sent += 1 << 20
      except OSError:
        pass  # The server has hung up.
      assert sent < 100 << 20
  assert server.memory() - before < 50 << 20


@pytest.mark.parametrize(
    ('method', 'path', 'status'),
    [
        ('GET', '/nowhere', 404),
        ('GET', '/static/../app.py', 404),
        ('GET', '/static/%2e%2e/app.py', 404),
        ('GET', '/static/%2fetc%2fpasswd', 404),
        ('GET', '/examples/99999999999999999999', 404),
        ('GET', '/examples/-1', 404),
        ('POST', '/examples/7', 404),
        ('GET', '/gradio_api/file=/etc/hostname', 404),
        ('DELETE', '/', 405),
        ('POST', '/', 405),
        ('OPTIONS', '/analyses', 405),
        ('GET', '/analyses', 405),
        ('TRACE', '/', 405),
        ('GET', '/analyses/unknown', 422),
        ('GET', '/analyses/unknown/json', 422),
        ('GET', '/analyses/unknown/exe', 404),
    ],
)
def test_what_is_not_there(visitor, method, path, status):
  body = b'' if method == 'POST' else None
  found, headers, said = visitor.ask(method, path, body)
  assert found == status, said
  assert headers['X-Content-Type-Options'] == 'nosniff'
  assert b'Traceback' not in said and said.count(b'\n') <= 1


def test_odd_values_are_sentences(visitor):
  _, made = visitor.upload(SMALL)
  path = f'/analyses/{made["key"]}'
  assert visitor.ask('GET', f'{path}?threshold=0.5')[0] == 200
  for odd in ('nan', 'NaN', 'inf', '-1', '2', '', 'x', '1e999', '%00', '[]'):
    for kind in ('', '/json', '/mask.png'):
      status, _, said = visitor.ask('GET', f'{path}{kind}?threshold={odd}')
      assert status == 422 and b'from 0 to 1' in said, (odd, said)


def test_requests_that_are_no_http(server, visitor):
  for request in (
      b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(200),
      b'GET\r\n\r\n',
      b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      b'GET / HTTP/9.9\r\n\r\n',
      b'POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
      b'GET / HTTP/1.1\r\n' + b'a: ' + b'b' * 200_000 + b'\r\n\r\n',
      server.head('GET', '/', 'Upgrade: websocket', 'Connection: Upgrade'),
      server.head('GET', '/\xff'),
      server.head('GET', 'http://example.com/'),
  ):
    for _ in range(20):
      answer = server.raw(request)
      assert not answer or answer[9:12] in (b'400', b'404', b'421'), answer
      assert not answer or b'nosniff' in answer


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', 'empty'),
        (b'GIF89a no more', 'a.png is'),
        (b'<svg onload="alert(1)"/>', 'not an image'),
        (SMALL[:-2000], 'broken'),
        (hostile.png(100_000, 100_000), 'a.png has'),
        (hostile.png(4000, 4000, data=zlib.compress(b'')), 'far too short'),
        (hostile.png(64, 64, data=zlib.compress(bytes(10))), 'broken'),
        (hostile.encode(hostile.PICTURE.resize((9, 9)), 'PNG'), 'too small'),
    ],
    ids=('empty', 'text', 'svg', 'cut', 'huge', 'no_data', 'few_data', 'tiny'),
)
def test_files_that_cannot_be_used_are_sentences(visitor, content, words):
  status, said = visitor.upload(content)
  assert status in (400, 'refused') and words in said
  assert 'manloc-serve' not in said and '\n' not in said.strip()


def test_a_file_in_many_pieces_does_not_hold_the_reading_of_headers(
    server, visitor
):
  # Four million chunks before the first pixel.
  pieces = hostile.chunk(b'prVt', b'') * 4_000_000
  attacker = server.visitor()
  waiting = [
      attacker.start_upload(hostile.png(64, 64, pieces)) for _ in range(3)
  ]
  start = time.monotonic()
  status, said = visitor.upload(SMALL)
  assert status == 200, said
  assert time.monotonic() - start < 60
  for connection in waiting:
    connection.close()


def test_names_hide_nothing(visitor):
  status, made = visitor.upload(SMALL, '../x\u202egpj.<b>exe')
  assert status == 200
  assert made['summary']['name'] == 'x\ufffdgpj.<b>exe'
  _, headers, record = visitor.ask('GET', f'/analyses/{made["key"]}/json')
  assert json.loads(record)['image'] == 'x\ufffdgpj.<b>exe'
  assert headers['Content-Disposition'].startswith('attachment')
  assert headers['Content-Type'] == 'application/json'
  assert headers['Content-Disposition'].isascii()


def test_foreign_pages_and_hosts(server, visitor):
  cookie = f'Cookie: {visitor.cookie}'
  length = 'Content-Length: 3'
  for header in (
      'Origin: http://example.com',
      'Origin: null',
      'Sec-Fetch-Site: cross-site',
  ):
    head = server.head('POST', '/analyses?name=a', cookie, length, header)
    answer = server.raw(head + b'abc')
    assert answer[9:12] == b'403', answer
    assert b'access-control' not in answer.lower()
  assert b'421' in server.raw(b'GET / HTTP/1.1\r\nHost: example.com\r\n\r\n')
  assert not server.uploads()


def test_slow_and_idle_connections_keep_nobody_out(server, visitor):
  head = server.head(
      'POST',
      '/analyses?name=a',
      f'Cookie: {visitor.cookie}',
      'Content-Length: 40000000',
  )
  held = [server.connect() for _ in range(3 * connections.MOST_OPEN)]
  try:
    for i, connection in enumerate(held):
      try:
        connection.sendall((head + b'ab', b'GET / HT', b'')[i % 3])
      except OSError:
        continue  # It has been closed.
    status, said = server.visitor().upload(SMALL)
    assert status == 200, said
    assert len(os.listdir(f'/proc/{server.process.pid}/fd')) < 400
  finally:
    for connection in held:
      connection.close()
  pages.until(lambda: not server.uploads(), 10)


def test_connections_without_a_request_end(server, visitor):
  with server.connect() as connection:
    connection.sendall(b'GET / HTTP/1.1\r\n')
    start = time.monotonic()
    assert connection.recv(1) == b''
    assert time.monotonic() - start < 30


def test_downloads_that_nobody_takes_end(server, visitor):
  _, made = visitor.upload(hostile.encode(
      hostile.PICTURE.resize((1900, 1000)), 'PNG'
  ))
  head = server.head('GET', f'/analyses/{made["key"]}/heat.png',
                     f'Cookie: {visitor.cookie}')
  held = [server.connect() for _ in range(4)]
  for connection in held:
    connection.sendall(head)
  time.sleep(20)
  assert server.memory() < LIMIT
  for connection in held:
    connection.close()


def test_a_job_ends_when_its_visitor_leaves(server, visitor):
  before = set(server.processes())
  connection = visitor.start_upload(large())
  time.sleep(5)  # It has begun.
  connection.close()
  start = time.monotonic()
  pages.until(lambda: not server.uploads(), 10)
  # Another worker takes its place.
  pages.until(lambda: set(server.processes()) - before)
  assert time.monotonic() - start < 60


def test_a_worker_that_dies_is_a_sentence(server, visitor):
  workers = server.processes()[1:]
  with visitor.start_upload(large()) as connection:
    time.sleep(5)  # It has begun.
    for pid in workers:
      os.kill(pid, signal.SIGKILL)
    status, said = pages.answer(connection)
  assert status == 500 and 'could not score' in said


def hostile_files() -> list[bytes]:
  """Files that cost time or memory, or try to."""
  thin = struct.pack('>IIBBBBB', 200_000, 1, 8, 0, 0, 0, 0)
  return [
      b'\x89PNG\r\n\x1a\n' + hostile.chunk(b'IHDR', thin)
      + hostile.chunk(b'IDAT', zlib.compress(bytes(200_001)))
      + hostile.chunk(b'IEND', b''),
      hostile.png(40_000_000, 1, data=zlib.compress(bytes(120_000_001))),
      hostile.png(3700, 3700, data=zlib.compress(b'\0' * 3700 * 11_101)),
      hostile.encode(
          hostile.PICTURE.resize((64, 64)), 'JPEG'
      ).replace(b'\0\x40\0\x40', b'\x0e\0\x0e\0'),
      hostile.encode(hostile.PICTURE.resize((3700, 3700)), 'JPEG'),
      hostile.encode(hostile.PICTURE.resize((1400, 1400)), 'PNG'),
      bytes(30 << 20),
      SMALL[:3000],
      SMALL,
  ]


def test_two_hundred_hostile_requests(server, visitor):
  """A second visitor is served all the while, in bounded memory and disk."""
  files = hostile_files()
  is_over = threading.Event()
  peak = {'memory': 0, 'disk': 0}

  def watch():
    while not is_over.wait(0.05):
      peak['memory'] = max(peak['memory'], server.memory())
      peak['disk'] = max(peak['disk'], server.disk())

  watching = threading.Thread(target=watch)
  watching.start()
  attackers = [server.visitor() for _ in range(4)]
  held = []
  waited = []
  try:
    for i in range(200):
      try:
        held.append(attackers[i % 4].start_upload(files[i % len(files)]))
      except OSError:
        continue  # The server has closed it.
      if i % 20 == 10:
        start = time.monotonic()
        while (answer := visitor.upload(SMALL))[0] == 503:
          time.sleep(1)
        assert answer[0] == 200, answer
        waited.append(time.monotonic() - start)
  finally:
    is_over.set()
    watching.join()
    for connection in held:
      connection.close()
  print(
      f'Server and workers: {peak["memory"] / 1e6:.0f} MB at most, disk'
      f' {peak["disk"] / 1e6:.0f} MB at most; a second visitor waited'
      f' {", ".join(f"{x:.1f}" for x in waited)} s, on a machine that is'
      f' {pages.busy():.1f} times as slow as a free one.'
  )
  assert peak['memory'] < LIMIT and peak['disk'] < uploads.QUOTA
  assert max(waited) < 20 * pages.busy()
  assert app.MEMORY < LIMIT


def test_sigterm_ends_all_within_a_second(tmp_path):
  server = pages.Server(tmp_path)
  visitor = server.visitor()
  connection = visitor.start_upload(large())
  slow = visitor.server.connect()
  slow.sendall(b'GET /')
  time.sleep(5)
  processes = server.processes()
  assert len(processes) == 3
  assert server.stop() < 2 * pages.busy()
  connection.close()
  slow.close()
  pages.until(lambda: not any(map(is_alive, processes)), 2)
  assert not [*server.folder.glob('manloc-serve-*')]
  assert 'Traceback' not in server.log.read_text()


def test_workers_end_with_a_server_that_is_killed(tmp_path):
  server = pages.Server(tmp_path)
  server.visitor().upload(SMALL)
  processes = server.processes()
  server.process.kill()
  server.process.wait()
  pages.until(lambda: not any(map(is_alive, processes)), 10)


def is_alive(pid: int) -> bool:
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  return True


def test_an_exposed_page_asks_for_the_token(tmp_path):
  server = pages.Server(tmp_path, '--host=0.0.0.0')
  try:
    address, _, token = server.address.partition('/?token=')
    assert len(token) > 20
    port = address.rsplit(':', 1)[1]
    head = f'HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n'
    assert b'403' in server.raw(f'GET / {head}\r\n'.encode())[:20]
    shown = server.raw(f'GET /?token={token} {head}\r\n'.encode())
    assert b'200' in shown[:20] and token.encode() not in shown
    proxied = f'GET / {head}X-Forwarded-For: 127.0.0.1\r\n\r\n'
    assert b'403' in server.raw(proxied.encode())[:20]
  finally:
    server.stop()
