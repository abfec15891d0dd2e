"""The requests that the page of `manloc serve` accepts."""

import asyncio
import json
import pathlib

import pytest

from manloc_jax.serve import middleware

CACHE = pathlib.Path('/tmp/page/cache')
EXAMPLES = pathlib.Path('/tmp/page/samples')


@pytest.fixture
def served():
  """The filter before an application that records its requests."""

  async def app(scope, receive, send):
    body = (await receive())['body']
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': body})

  return middleware.RequestFilter(
      app, cache=CACHE, examples=EXAMPLES, max_bytes=1 << 20
  )


def ask(served, path, body=None, **headers):
  """Returns status, headers and body of an answer."""
  sent = []

  async def receive():
    return {'type': 'http.request', 'body': body or b'', 'more_body': False}

  async def send(message):
    sent.append(message)

  if body is not None:
    headers = {'content-length': str(len(body)), **headers}
  scope = {
      'type': 'http',
      'method': 'GET' if body is None else 'POST',
      'path': path,
      'headers': [(k.encode(), v.encode()) for k, v in headers.items()],
  }
  asyncio.run(served(scope, receive, send))
  return sent[0]['status'], dict(sent[0]['headers']), sent[1]['body']


@pytest.mark.parametrize(
    'path',
    [
        '/gradio_api/file=/etc/hostname',
        f'/gradio_api/file={CACHE}/../../../etc/hostname',
        f'/gradio_api/file={CACHE}',
        f'/gradio_api/file={CACHE}x/a.png',
        '/gradio_api/file=http://example.com/',
        '/gradio_api/proxy=http://example.com/',
        '/gradio_api/call/open',
        '/gradio_api/run/predict',
        '/static/../../etc/hostname',
        '/monitoring',
        '/docs',
        'x',
    ],
)
def test_what_the_page_does_not_need_is_not_there(served, path):
  assert ask(served, path)[0] == 404


def test_what_the_page_needs_comes_with_strict_headers(served):
  for path in (
      '/',
      '/assets/index.js',
      f'/gradio_api/file={CACHE}/abc/image.png',
      f'/gradio_api/file={EXAMPLES}/image.png',
  ):
    status, headers, _ = ask(served, path)
    assert status == 200
    assert b"default-src 'self'" in headers[b'content-security-policy']


@pytest.mark.parametrize(
    'path, status',
    [
        (f'{CACHE}/abc/image.png', 200),
        ('/etc/hostname', 403),
        (f'{CACHE}/../image.png', 403),
        (f'{EXAMPLES}/image.png', 403),
        ('http://example.com/image.png', 403),
        (7, 403),
    ],
)
def test_a_call_names_files_of_the_cache_alone(served, path, status):
  call = {'data': [{'path': path, 'meta': {}}, 0.5], 'fn_index': 0}
  body = json.dumps(call).encode()
  found, _, got = ask(served, '/gradio_api/queue/join', body)
  assert found == status and (got == body) == (status == 200)


def test_a_call_is_small_json_and_an_upload_has_a_limit(served):
  join, upload = '/gradio_api/queue/join', '/gradio_api/upload'
  assert ask(served, join, b'[')[0] == ask(served, join, b'[]')[0] == 403
  assert ask(served, join, b' ' * (2 << 20))[0] == 413
  assert ask(served, upload, b'x' * (1 << 20))[0] == 200
  assert ask(served, upload, b'x' * (2 << 20))[0] == 413
  chunked = {'transfer-encoding': 'chunked'}
  assert ask(served, upload, b'x', **chunked)[0] == 413
