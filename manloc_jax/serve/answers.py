"""Forms of answers: refusals, pictures, downloads, and nobody to answer."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable
import contextlib
from typing import Any

from starlette import requests
from starlette import responses

from manloc_jax import errors
from manloc_jax.serve import refusal

_CHUNK = 1 << 18  # Bytes of a download that are sent at once.
_LEFT = 499  # The status of an answer that nobody reads.


async def refusing(work: Awaitable[responses.Response]) -> responses.Response:
  """Awaits an answer, or says that a file cannot be used.

  The request itself was in order: browsers note other answers as errors.
  """
  try:
    return await work
  except errors.UserError as error:
    return responses.JSONResponse({'refusal': str(error)})


def data(kind: str, content: bytes) -> str:
  """Returns an image file as an address that holds it."""
  return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'


async def cut(content: bytes) -> AsyncIterator[bytes]:
  """Yields a file piece by piece, so that no buffer holds it twice."""
  whole = memoryview(content)
  for start in range(0, len(content), _CHUNK):
    yield bytes(whole[start : start + _CHUNK])


@contextlib.asynccontextmanager
async def sentences() -> AsyncIterator[None]:
  """Turns errors that have a sentence into refusals.

  Raises:
    Refusal: Of any kind.
  """
  try:
    yield
  except errors.UserError as error:
    raise refusal.Refusal(422, str(error)) from error
  except MemoryError:
    raise refusal.Refusal(
        503, 'The page lacks the memory for this now; try again later.'
    ) from None
  except OSError as error:
    raise refusal.Refusal(
        503,
        'The machine of this page could not read or write a file'
        f' ({error.strerror or "for no known reason"}); try again later.',
    ) from error


async def until_left(
    request: requests.Request, work: Any
) -> responses.Response:
  """Awaits an answer, and cancels it when its visitor has left."""
  task = asyncio.ensure_future(work)
  leaving = asyncio.ensure_future(_wait_for_leaving(request))
  try:
    await asyncio.wait({task, leaving}, return_when='FIRST_COMPLETED')
    if task.done():
      return task.result()
    return responses.Response(status_code=_LEFT)
  finally:
    leaving.cancel()
    task.cancel()
    await asyncio.wait({task, leaving})


async def _wait_for_leaving(request: requests.Request) -> None:
  while (await request.receive())['type'] != 'http.disconnect':
    pass


async def say_status(
    request: requests.Request, error: Any
) -> responses.Response:
  """Answers an unknown path or method."""
  sentence = {
      404: 'There is nothing here.',
      405: 'This is not done here.',
  }.get(error.status_code, error.detail)
  return responses.PlainTextResponse(
      f'{sentence}\n', error.status_code, headers=error.headers
  )


async def say_sentence(
    request: requests.Request, error: Any
) -> responses.Response:
  """Answers a request that is refused."""
  return responses.PlainTextResponse(
      f'{error.sentence}\n', error.status, headers=error.headers()
  )


async def say_failure(
    request: requests.Request, error: Any
) -> responses.Response:
  """Answers where there is a bug, without its details."""
  return responses.PlainTextResponse('The page could not do this.\n', 500)


async def say_nothing(
    request: requests.Request, error: Any
) -> responses.Response:
  """Answers a visitor who has left during the request."""
  return responses.Response(status_code=_LEFT)
