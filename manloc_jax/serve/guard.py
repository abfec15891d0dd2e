"""What every request has to pass before it reaches the application.

It has to name a host of this server, so that no name of a stranger can be made
to lead here (DNS rebinding). Whoever changes something or costs time comes
from the page itself: with its cookie, and from no other origin. GET and HEAD
have no body, and other bodies say their length. Every answer, refusals
included, carries headers that keep the browser strict, unless the application
gives such a header itself, and closes the connection.
"""

from collections.abc import Awaitable, Callable
import hashlib
import hmac
import http.cookies
import ipaddress
import logging
import secrets
import socket
from typing import Any
import urllib.parse

from manloc_jax.serve import jobs
from manloc_jax.serve import refusal

HEADERS = {
    'cache-control': 'no-store',
    'connection': 'close',
    'content-security-policy': (
        "default-src 'none'; script-src 'self'; style-src 'self';"
        " img-src 'self' data: blob:; connect-src 'self';"
        " frame-src 'self'; frame-ancestors 'none'; form-action 'none';"
        " base-uri 'none'"
    ),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
}
TOKEN = 'token'  # Of the address that is printed.
_LOOPBACK = {'localhost', '127.0.0.1', '[::1]'}
_MAX_BODY = 1 << 30  # Of any request; the application is stricter.

_log = logging.getLogger(__name__)
_Message = dict[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Guard:
  """ASGI middleware; the application finds the visitor in `scope`."""

  def __init__(
      self,
      app: Callable[..., Awaitable[None]],
      *,
      address: str,
      port: int,
      host: str,
      token: str | None = None,
      proxy: str | None = None,
  ):
    """Wraps an application.

    Args:
      app: The application.
      address: Address that the server listens at.
      port: Number of its port.
      host: Name or address that its user gave.
      token: Whoever does not show it is refused; None asks nobody.
      proxy: Name of the host that forwards requests to this server; None
        believes no header that says so.
    """
    self._app = app
    self._hosts = {*_LOOPBACK, _bracketed(host.lower())}
    self._is_loopback = ipaddress.ip_address(address).is_loopback
    if not self._is_loopback:
      self._hosts.add(socket.gethostname().lower())
    self._port = port
    self._token = token
    self._proxy = proxy.lower() if proxy else None
    self._cookie = f'manloc_{port}'
    self._secret = secrets.token_bytes(32)

  async def __call__(
      self, scope: _Message, receive: _Receive, send: _Send
  ) -> None:
    """Refuses a request, or passes it to the application."""
    if scope['type'] == 'lifespan':
      await self._app(scope, receive, send)
      return
    if scope['type'] != 'http':
      return
    cookies: list[str] = []
    is_begun = False

    async def send_safely(message: _Message) -> None:
      nonlocal is_begun
      if message['type'] == 'http.response.start':
        is_begun = True
        given = [*message.get('headers', ())]
        names = {name.decode().lower() for name, _ in given}
        added = [
            *((k, v) for k, v in HEADERS.items() if k not in names),
            *(('set-cookie', c) for c in cookies),
        ]
        message['headers'] = [
            *given,
            *((k.encode(), v.encode()) for k, v in added),
        ]
      await send(message)

    try:
      name, is_new = self._admit(scope)
      scope['visitor'] = jobs.Visitor(self._address(scope), name)
      if is_new and scope['path'] == '/':
        cookies.append(
            f'{self._cookie}={name}.{self._sign(name)}; Path=/; HttpOnly;'
            ' SameSite=Strict'
        )
      await self._app(scope, receive, send_safely)
    except refusal.Refusal as refused:
      if not is_begun:
        await _refuse(send_safely, refused)
    except Exception:
      _log.exception('A request failed.')
      if not is_begun:
        await _refuse(
            send_safely, refusal.Refusal(500, 'The page could not do this.')
        )

  def _admit(self, scope: _Message) -> tuple[str, bool]:
    """Checks a request; returns the name of its visitor, and if it is new."""
    headers: dict[bytes, list[str]] = {}
    for key, value in scope['headers']:
      headers.setdefault(key, []).append(value.decode('latin-1').strip())
    hosts = headers.get(b'host', [])
    if len(hosts) != 1 or not self._is_host(hosts[0]):
      raise refusal.Refusal(421, 'This is not the host of this page.')
    if 'websocket' in ''.join(headers.get(b'upgrade', [])).lower():
      raise refusal.Refusal(400, 'There are no web sockets here.')
    is_post = scope['method'] == 'POST'
    self._check_body(headers, is_post)
    if is_post:
      self._check_origin(headers, hosts[0])
    name = self._visitor(headers)
    if name:
      return name, False
    if is_post and self._token is None:
      raise refusal.Refusal(403, 'Open the page first; it sets a cookie.')
    if not self._shows_token(scope, headers):
      raise refusal.Refusal(
          403, 'Open the address that manloc serve has printed, all of it.'
      )
    return secrets.token_hex(8), True

  def _is_host(self, host: str) -> bool:
    name, port = _split(host)
    if self._proxy and name == self._proxy:
      return True
    if port not in (self._port, None if self._port == 80 else self._port):
      return False
    if name in self._hosts:
      return True
    # An address of this machine is no name of a stranger.
    return not self._is_loopback and _is_address(name)

  def _check_body(self, headers: dict[bytes, list[str]], is_post: bool) -> None:
    lengths = headers.get(b'content-length', ['0'])
    is_chunked = b'transfer-encoding' in headers
    if not is_post and (is_chunked or lengths != ['0']):
      raise refusal.Refusal(400, 'This request has no body.')
    if is_chunked or (is_post and b'content-length' not in headers):
      raise refusal.Refusal(411, 'A body has to say its length.')
    if len(lengths) != 1 or not lengths[0].isdecimal():
      raise refusal.Refusal(400, 'The length of the body is no number.')
    if len(lengths[0]) > 12 or int(lengths[0]) > _MAX_BODY:
      raise refusal.Refusal(413, 'The body is too large.')

  def _check_origin(self, headers: dict[bytes, list[str]], host: str) -> None:
    origins = headers.get(b'origin', [])
    sites = headers.get(b'sec-fetch-site', [])
    allowed = {f'http://{host.lower()}'}
    if self._proxy:
      allowed |= {f'https://{self._proxy}', f'http://{self._proxy}'}
    if any(origin.lower() not in allowed for origin in origins) or any(
        site.lower() not in ('same-origin', 'none') for site in sites
    ):
      raise refusal.Refusal(403, 'This request comes from another page.')

  def _visitor(self, headers: dict[bytes, list[str]]) -> str | None:
    """Returns the name that this server has given a visitor."""
    jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
    try:
      jar.load('; '.join(headers.get(b'cookie', [])))
    except http.cookies.CookieError:
      return None
    if self._cookie not in jar:
      return None
    name, _, signature = jar[self._cookie].value.partition('.')
    return name if _equal(signature, self._sign(name)) else None

  def _sign(self, name: str) -> str:
    made = hmac.new(self._secret, name.encode(), hashlib.sha256)
    return made.hexdigest()

  def _shows_token(
      self, scope: _Message, headers: dict[bytes, list[str]]
  ) -> bool:
    if self._token is None:
      return True
    shown = [
        value.removeprefix('Bearer ')
        for value in headers.get(b'authorization', [])
    ]
    if scope['path'] == '/':
      query = urllib.parse.parse_qs(scope['query_string'].decode('latin-1'))
      shown += query.get(TOKEN, [])
    return any(_equal(value, self._token) for value in shown)

  def _address(self, scope: _Message) -> str:
    forwarded = [
        value.decode('latin-1')
        for key, value in scope['headers']
        if key == b'x-forwarded-for'
    ]
    if self._proxy and forwarded:  # The last one is of the proxy itself.
      return forwarded[-1].rsplit(',', 1)[-1].strip()[:64]
    return (scope.get('client') or ('unknown',))[0]


def _equal(one: str, other: str) -> bool:
  return hmac.compare_digest(one.encode(), other.encode())


def _split(host: str) -> tuple[str, int | None]:
  """Returns name and port of a `Host`."""
  name, colon, port = host.lower().rpartition(':')
  if not colon or host.endswith(']'):
    return host.lower(), None
  return name, int(port) if port.isdecimal() and len(port) < 6 else -1


def _bracketed(host: str) -> str:
  return f'[{host}]' if ':' in host else host


def _is_address(name: str) -> bool:
  try:
    ipaddress.ip_address(name.removeprefix('[').removesuffix(']'))
  except ValueError:
    return False
  return True


async def _refuse(send: _Send, refused: refusal.Refusal) -> None:
  body = refused.sentence.encode() + b'\n'
  headers = {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': str(len(body)),
      **refused.headers(),
  }
  await send({
      'type': 'http.response.start',
      'status': refused.status,
      'headers': [(k.encode(), v.encode()) for k, v in headers.items()],
  })
  await send({'type': 'http.response.body', 'body': body})
