"""What a request to the page of `manloc serve` has to pass."""

import asyncio

import pytest

from manloc_jax.serve import examinations
from manloc_jax.serve import guard

PORT = 7860
HOST = f'127.0.0.1:{PORT}'


async def application(scope, receive, send):
  await send({'type': 'http.response.start', 'status': 200, 'headers': []})
  visitor = scope['visitor']
  said = f'{visitor.address} {visitor.name}'.encode()
  await send({'type': 'http.response.body', 'body': said})


def served(app=application, address='127.0.0.1', host='127.0.0.1', **options):
  return guard.Guard(app, address=address, port=PORT, host=host, **options)


def ask(served, method='GET', path='/', query='', host=HOST, **headers):
  """Returns status, headers and body of an answer."""
  sent = []

  async def receive():
    raise AssertionError('A body was read.')

  async def send(message):
    sent.append(message)

  hosts = [host] if isinstance(host, str) else host
  named = [*(('host', name) for name in hosts), *headers.items()]
  scope = {
      'type': 'http',
      'method': method,
      'path': path,
      'query_string': query.encode(),
      'client': ('192.0.2.1', 5000),
      'headers': [
          (key.replace('_', '-').encode(), value.encode())
          for key, value in named
      ],
  }
  asyncio.run(served(scope, receive, send))
  headers = {key.decode(): value.decode() for key, value in sent[0]['headers']}
  for key, value in guard.HEADERS.items():
    assert headers[key] == value, 'refusals, too'
  return sent[0]['status'], headers, sent[1]['body'].decode()


def cookie(served, **request) -> str:
  status, headers, _ = ask(served, **request)
  assert status == 200
  assert 'HttpOnly' in headers['set-cookie']
  assert 'SameSite=Strict' in headers['set-cookie']
  return headers['set-cookie'].split(';')[0]


def post(served, **headers):
  return ask(served, 'POST', '/analyses', **{'content_length': '0', **headers})


@pytest.mark.parametrize(
    'host', [HOST, f'localhost:{PORT}', f'LOCALHOST:{PORT}', f'[::1]:{PORT}']
)
def test_names_of_this_machine_are_served(host):
  assert ask(served(), host=host)[0] == 200


@pytest.mark.parametrize(
    'host',
    [
        '',
        (),
        (HOST, 'example.com'),
        (HOST, HOST),
        'example.com',
        f'example.com:{PORT}',
        '127.0.0.1',
        '127.0.0.1:80',
        f'127.0.0.1.example.com:{PORT}',
        f'192.0.2.7:{PORT}',
        f'localhost:{PORT}x',
        f'a@localhost:{PORT}',
    ],
)
def test_other_hosts_are_not_served(host):
  assert ask(served(), host=host)[0] == 421


def test_an_exposed_page_has_its_name_and_any_address():
  exposed = served(address='0.0.0.0', host='Photos.lan', token='t')
  for host in ('photos.lan', '192.0.2.7', '[2001:db8::1]', 'localhost'):
    assert ask(exposed, query='token=t', host=f'{host}:{PORT}')[0] == 200
  assert ask(exposed, query='token=t', host=f'evil.lan:{PORT}')[0] == 421


def test_a_token_opens_an_exposed_page_and_becomes_a_cookie():
  exposed = served(address='0.0.0.0', token='secret')
  for query in ('', 'token=', 'token=Secret', 'token=secret2'):
    status, headers, said = ask(exposed, query=query)
    assert status == 403 and 'printed' in said
    assert 'set-cookie' not in headers
  assert ask(exposed, path='/examples', query='token=secret')[0] == 403
  assert post(exposed)[0] == 403
  shown = cookie(exposed, query='token=secret')
  assert 'secret' not in shown
  assert ask(exposed, path='/examples', cookie=shown)[0] == 200
  assert post(exposed, cookie=shown)[0] == 200
  assert post(exposed, authorization='Bearer secret')[0] == 200
  assert post(exposed, authorization='Bearer other')[0] == 403
  assert post(exposed, cookie=shown[:-1] + '?')[0] == 403


def test_who_costs_time_has_opened_the_page():
  page = served()
  assert post(page)[0] == 403
  mine, yours = cookie(page), cookie(page)
  assert mine != yours
  for shown in (mine, yours):
    assert post(page, cookie=shown)[0] == 200
  assert 'set-cookie' not in ask(page, cookie=mine)[1]
  assert post(served(), cookie=mine)[0] == 403, 'a cookie of another server'
  for odd in ('manloc_7860', 'manloc_7860=a.b', 'manloc_7860="\\', '\xff=;;'):
    assert post(page, cookie=odd)[0] == 403


@pytest.mark.parametrize(
    ('headers', 'status'),
    [
        ({}, 200),
        ({'origin': f'http://{HOST}'}, 200),
        ({'sec_fetch_site': 'same-origin'}, 200),
        ({'origin': 'http://example.com'}, 403),
        ({'origin': f'https://{HOST}'}, 403),
        ({'origin': f'http://localhost:{PORT}'}, 403),
        ({'origin': 'http://127.0.0.1:8000'}, 403),
        ({'origin': 'null'}, 403),
        ({'sec_fetch_site': 'cross-site'}, 403),
        ({'sec_fetch_site': 'same-site'}, 403),
        ({'origin': f'http://{HOST}', 'sec_fetch_site': 'cross-site'}, 403),
    ],
)
def test_other_pages_cost_no_time(headers, status):
  page = served()
  found, answer, _ = post(page, cookie=cookie(page), **headers)
  assert found == status
  assert not [key for key in answer if key.startswith('access-control')]


@pytest.mark.parametrize(
    ('method', 'headers', 'status'),
    [
        ('GET', {'content_length': '600000000'}, 400),
        ('HEAD', {'content_length': '1'}, 400),
        ('GET', {'transfer_encoding': 'chunked'}, 400),
        ('DELETE', {'transfer_encoding': 'chunked'}, 400),
        ('GET', {'content_length': '0'}, 200),
        ('POST', {'transfer_encoding': 'chunked'}, 411),
        ('POST', {}, 411),
        ('POST', {'content_length': '-1'}, 400),
        ('POST', {'content_length': '1e3'}, 400),
        ('POST', {'content_length': '²'}, 400),
        ('POST', {'content_length': '9' * 5000}, 413),
        ('GET', {'upgrade': 'websocket', 'connection': 'upgrade'}, 400),
    ],
)
def test_bodies_are_refused_unread(method, headers, status):
  page = served()
  found, _, said = ask(page, method, cookie=cookie(page), **headers)
  assert found == status and 'Traceback' not in said


def test_headers_of_proxies_are_believed_of_a_named_proxy_alone():
  forwarded = {
      'x_forwarded_for': '203.0.113.9, 198.51.100.7',
      'x_forwarded_host': 'example.com',
      'forwarded': 'for=203.0.113.9',
  }
  assert ask(served(), **forwarded)[2].startswith('192.0.2.1 ')
  behind = served(proxy='photos.example.org')
  assert ask(behind, **forwarded)[2].startswith('198.51.100.7 ')
  assert ask(behind, host='photos.example.org')[0] == 200
  assert ask(behind, host='example.com')[0] == 421
  origin = 'https://photos.example.org'
  shown = cookie(behind)
  assert post(behind, cookie=shown, origin=origin)[0] == 200
  assert post(behind, cookie=shown, origin='https://example.com')[0] == 403


def test_a_bug_is_a_sentence_for_the_visitor(caplog):
  async def broken(scope, receive, send):
    raise ZeroDivisionError('secret')

  with caplog.at_level('ERROR', guard.__name__):
    status, _, said = ask(served(broken))
  assert status == 500 and 'secret' not in said
  assert 'ZeroDivisionError' in caplog.text


def test_an_answer_may_give_a_header_of_its_own():
  """As reports do, which the page shows in a frame."""
  own = {**guard.HEADERS, **examinations.HEADERS}
  sent = []

  async def report(scope, receive, send):
    headers = [(k.encode(), v.encode()) for k, v in own.items()]
    await send({
        'type': 'http.response.start', 'status': 200, 'headers': headers,
    })  # fmt: skip
    await send({'type': 'http.response.body', 'body': b''})

  async def send(message):
    sent.append(message)

  scope = {
      'type': 'http', 'method': 'GET', 'path': '/examinations/a/report.html',
      'query_string': b'', 'client': ('192.0.2.1', 5000),
      'headers': [(b'host', HOST.encode())],
  }  # fmt: skip
  asyncio.run(served(report)(scope, None, send))
  given = [(k.decode(), v.decode()) for k, v in sent[0]['headers']]
  assert sorted(given) == sorted(own.items()), 'each once'
  policy = own['content-security-policy']
  assert "default-src 'none'" in policy and policy.endswith('; sandbox')
  assert "frame-ancestors 'self'" in policy and 'script-src' not in policy
