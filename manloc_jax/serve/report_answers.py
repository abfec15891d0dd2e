"""The answers of the server about reports of files."""

import pathlib

from starlette import exceptions
from starlette import requests
from starlette import responses

from manloc_jax.serve import answers
from manloc_jax.serve import examinations
from manloc_jax.serve import jobs as jobs_lib
from manloc_jax.serve import result_cache


class ReportAnswers:
  """Has files examined, and shows their reports."""

  def __init__(self, jobs: jobs_lib.Jobs):
    """Begins without a report.

    Args:
      jobs: Of the worker with the localizer.
    """
    self._jobs = jobs
    self._kept = result_cache.ResultCache[examinations.Examination](
        examinations.CACHE_BYTES
    )

  async def make(
      self,
      request: requests.Request,
      path: pathlib.Path,
      name: str,
      pixels: int,
  ) -> responses.Response:
    """Answers with the key of the report of a file.

    Args:
      request: Of the visitor.
      path: The file.
      name: Its name for the user.
      pixels: How many it has; 0 for an example.

    Raises:
      Refusal, UserError: There is no report, for a reason that is said.
    """
    visitor = request.scope['visitor']
    reply = await self._jobs.run(
        visitor, pixels, 'examine', path=str(path), name=name
    )
    files = {kind: reply[kind].encode() for kind in examinations.TYPES}
    made = examinations.Examination(name, files)
    key = self._kept.add(made, visitor.name)
    return responses.JSONResponse({'key': key, 'name': name})

  async def show(self, request: requests.Request) -> responses.Response:
    """Answers with a file of a report."""
    kind = request.path_params['kind']
    if kind not in examinations.TYPES:
      raise exceptions.HTTPException(404)
    async with answers.sentences():
      made = self._kept.get(request.path_params['key'])
    content = made.files[kind]
    return responses.StreamingResponse(
        answers.cut(content),
        media_type=examinations.TYPES[kind],
        headers={
            **examinations.HEADERS,
            'content-length': str(len(content)),
        },
    )
