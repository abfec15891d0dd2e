"""The answers of the server: page, analyses, views and downloads."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
import contextlib
import logging
import os
import pathlib
from typing import Any
import urllib.parse

from starlette import applications
from starlette import exceptions
from starlette import requests
from starlette import responses
from starlette import routing

from manloc_jax import errors
from manloc_jax.serve import analysis
from manloc_jax.serve import answers
from manloc_jax.serve import jobs as jobs_lib
from manloc_jax.serve import painter
from manloc_jax.serve import pool as pool_lib
from manloc_jax.serve import refusal
from manloc_jax.serve import report_answers
from manloc_jax.serve import result_cache
from manloc_jax.serve import texts
from manloc_jax.serve import uploads as uploads_lib
from manloc_jax.serve import worker as worker_lib

_log = logging.getLogger(__name__)
_STATIC = pathlib.Path(__file__).parent / 'static'
_STATIC_TYPES = {
    'page.css': 'text/css',
    'page.js': 'text/javascript',
    'tabs.js': 'text/javascript',
    'icon.svg': 'image/svg+xml',
}
_DOWNLOADS = {
    'json': 'application/json',
    'mask.png': 'image/png',
    'heat.png': 'image/png',
}
MEMORY = 1_450_000_000  # Bytes, of the server and its workers.
_CHECK_SECONDS = 3.0  # For the header of a file.
_CHECK_MEMORY = 250_000_000  # Bytes of the process that reads headers.
# Answers with what a worker makes of a file: its path, name and pixels.
_Make = Callable[
    [requests.Request, pathlib.Path, str, int], Awaitable[responses.Response]
]


class App:
  """The page of a localizer.

  Attributes:
    asgi: The application.
    failure: Why the localizer cannot be used, if that has turned out.
  """

  def __init__(
      self,
      network: pool_lib.Pool,
      loaded: worker_lib.Reply,
      folder: pathlib.Path,
      *,
      time_limit: float,
      stop: Callable[[], None],
  ):
    """Sets up the routes.

    Args:
      network: Of the worker with the localizer.
      loaded: What it said once it had loaded it.
      folder: Of temporary files.
      time_limit: Seconds of an analysis.
      stop: Is called if the localizer cannot be used.
    """
    self._page = texts.page(loaded['provenance'], loaded['threshold'])
    self._network = network
    self._headers = pool_lib.Pool(lambda worker: worker.ask('begin'))
    self._checks = jobs_lib.Jobs(
        self._headers,
        time_limit=_CHECK_SECONDS,
        memory=self._headers.memory,
        memory_limit=_CHECK_MEMORY,
    )
    self._jobs = jobs_lib.Jobs(
        network,
        time_limit=time_limit,
        memory=self._memory,
        memory_limit=MEMORY,
    )
    self._folder = folder
    self._uploads = uploads_lib.Uploads(folder)
    self._analyses = result_cache.ResultCache[analysis.Analysis](
        analysis.CACHE_BYTES
    )
    self._samples: list[tuple[str, pathlib.Path]] = []
    self._has_samples = asyncio.Event()
    self._painter = painter.Painter()
    self._stop = stop
    self.failure: errors.UserError | None = None
    self.asgi = applications.Starlette(
        routes=self._routes(),
        exception_handlers={
            exceptions.HTTPException: answers.say_status,
            refusal.Refusal: answers.say_sentence,
            requests.ClientDisconnect: answers.say_nothing,
            Exception: answers.say_failure,  # It is then raised for the log.
        },
        lifespan=self._run,
    )

  def _routes(self) -> list[routing.Route]:
    """Returns the addresses, each with what answers."""
    reports = report_answers.ReportAnswers(self._jobs)
    uploads = {
        '/analyses': self._answer_upload(self._analyse),
        '/examinations': self._answer_upload(reports.make),
        '/examples/{index:int}': self._answer_sample(self._analyse),
        '/examples/{index:int}/report': self._answer_sample(reports.make),
    }
    shown = {
        '/': self._show_page,
        '/static/{name}': self._show_static,
        '/examples': self._list_samples,
        '/examples/{index:int}': self._show_sample,
        '/analyses/{key}': self._view,
        '/analyses/{key}/{kind}': self._download,
        '/examinations/{key}/{kind}': reports.show,
    }
    return [
        *(routing.Route(path, answer) for path, answer in shown.items()),
        *(
            routing.Route(path, answer, methods=['POST'])
            for path, answer in uploads.items()
        ),
    ]

  def _memory(self) -> int:
    pools = self._network.memory() + self._headers.memory()
    return worker_lib.memory(os.getpid()) + pools

  @contextlib.asynccontextmanager
  async def _run(self, app: applications.Starlette) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(coroutine)
        for coroutine in (self._begin(), self._checks.work())
    ]
    yield
    for task in tasks:
      task.cancel()

  async def _begin(self) -> None:
    """Makes the examples and tries the localizer, before it serves anybody."""
    try:
      made = await self._network.ask('samples', folder=str(self._folder))
      self._samples = [
          (caption, pathlib.Path(path)) for caption, path in made['samples']
      ]
      self._has_samples.set()
      path = self._samples[0][1]
      await self._network.ask('analyse', path=str(path), name=path.name)
    except errors.UserError as error:
      self.failure = error
      self._stop()
      return
    except worker_lib.Ended:
      pass  # It is being closed, or started anew by the first job.
    except worker_lib.Bug as error:
      _log.error('The examples could not be made.\n%s', error)
    self._has_samples.set()
    await self._jobs.work()

  def close(self) -> None:
    """Refuses what is waiting and ends the workers."""
    self._checks.close()
    self._jobs.close()

  async def _show_page(self, request: requests.Request) -> responses.Response:
    return responses.HTMLResponse(self._page)

  async def _show_static(self, request: requests.Request) -> responses.Response:
    name = request.path_params['name']
    if name not in _STATIC_TYPES:
      raise exceptions.HTTPException(404)
    return responses.Response(
        (_STATIC / name).read_bytes(), media_type=_STATIC_TYPES[name]
    )

  async def _list_samples(
      self, request: requests.Request
  ) -> responses.Response:
    await self._has_samples.wait()  # Moments after the start.
    return responses.JSONResponse([caption for caption, _ in self._samples])

  def _sample(self, request: requests.Request) -> pathlib.Path:
    index = request.path_params['index']
    if index >= len(self._samples):
      raise exceptions.HTTPException(404)
    return self._samples[index][1]

  async def _show_sample(self, request: requests.Request) -> responses.Response:
    path = self._sample(request)
    return responses.Response(path.read_bytes(), media_type='image/png')

  def _answer_sample(self, make: _Make):
    """Returns what answers for an example."""

    async def answer(request: requests.Request) -> responses.Response:
      path = self._sample(request)
      async with answers.sentences():
        work = make(request, path, path.name, 0)
        return await answers.until_left(request, answers.refusing(work))

    return answer

  def _answer_upload(self, make: _Make):
    """Returns what answers for a file of a visitor."""

    async def answer(request: requests.Request) -> responses.Response:
      name = texts.shown_name(request.query_params.get('name', ''))
      length = int(request.headers['content-length'])
      stored = self._uploads.stored(request.stream(), length)
      async with answers.sentences(), stored as path:
        cost = length  # Of reading a header, at most.
        arguments = {'path': str(path), 'name': name}
        visitor = request.scope['visitor']

        async def work() -> responses.Response:
          checked = await self._checks.run(visitor, cost, 'check', **arguments)
          return await make(request, path, name, checked['pixels'])

        return await answers.until_left(request, answers.refusing(work()))

    return answer

  async def _analyse(
      self,
      request: requests.Request,
      path: pathlib.Path,
      name: str,
      pixels: int,
  ) -> responses.Response:
    visitor = request.scope['visitor']
    reply = await self._jobs.run(
        visitor, pixels, 'analyse', path=str(path), name=name
    )
    made = analysis.Analysis(
        score=reply['array'],
        facts=reply['facts'],
        photograph=base64.b64decode(reply['photograph']),
        heat=base64.b64decode(reply['heat']),
    )
    key = self._analyses.add(made, visitor.name)
    view = await self._painter.run(visitor, _describe, made, made.threshold)
    return responses.JSONResponse({
        **view,
        'key': key,
        'photograph': answers.data('jpeg', made.photograph),
        'heat': answers.data('jpeg', made.heat),
    })

  async def _view(self, request: requests.Request) -> responses.Response:
    async with answers.sentences():
      made = self._analyses.get(request.path_params['key'])
      threshold = _read_threshold(request, made)
      visitor = request.scope['visitor']
      view = await self._painter.run(visitor, _describe, made, threshold)
    return responses.JSONResponse(view)

  async def _download(self, request: requests.Request) -> responses.Response:
    kind = request.path_params['kind']
    if kind not in _DOWNLOADS:
      raise exceptions.HTTPException(404)
    async with answers.sentences():
      made = self._analyses.get(request.path_params['key'])
      threshold = _read_threshold(request, made)
      visitor = request.scope['visitor']
      content = await self._painter.run(visitor, made.download, kind, threshold)
    name = urllib.parse.quote(f'{made.facts["image"]}.{kind}', safe='')
    return responses.StreamingResponse(
        answers.cut(content),
        media_type=_DOWNLOADS[kind],
        headers={
            'content-disposition': f"attachment; filename*=UTF-8''{name}",
            'content-length': str(len(content)),
        },
    )


def _read_threshold(
    request: requests.Request, made: analysis.Analysis
) -> float:
  text = request.query_params.get('threshold', str(made.threshold))
  try:
    return float(text)
  except ValueError:
    raise errors.UserError(
        'The threshold is no number; choose one from 0 to 1.'
    ) from None


def _describe(made: analysis.Analysis, threshold: float) -> dict[str, Any]:
  view = made.at(threshold)
  mask, outline = view.pictures()
  return {
      'summary': texts.summary(view.record),
      'regions': texts.regions(view.record),
      'threshold': threshold,
      'mask': answers.data('png', mask),
      'outline': answers.data('png', outline),
  }
