"""Writes files atomically: they appear complete or not at all."""

from collections.abc import Iterator
import contextlib
import json
import math
import os
import pathlib
from typing import Any


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a temporary path beside `path` that becomes `path` at the end.

  Raises:
    OSError: The file cannot be written; the error names `path`.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'{path.name}.{os.getpid()}.tmp')
  try:
    yield temporary
    os.replace(temporary, path)
  except OSError as error:
    # The error names the path that the user knows.
    if error.filename is not None and str(error.filename) == str(temporary):
      error.filename = str(path)
    raise
  finally:
    temporary.unlink(missing_ok=True)


def write_text(path: str | pathlib.Path, text: str) -> None:
  """Writes a text file."""
  with replacing(path) as temporary:
    temporary.write_text(text)


def write_json(path: str | pathlib.Path, content: Any) -> None:
  """Writes JSON, with null for numbers that are not finite."""
  text = json.dumps(_without_nan(content), indent=1, allow_nan=False)
  write_text(path, text + '\n')


def read_json(path: str | pathlib.Path) -> Any:
  """Reads a JSON file.

  Raises:
    ValueError: It holds something else.
    OSError: It cannot be read.
  """
  return parse_json(pathlib.Path(path).read_text(encoding='utf-8'))


def parse_json(text: str | bytes) -> Any:
  """Parses JSON.

  Raises:
    ValueError: It is something else, or nested too deeply.
  """
  try:
    return json.loads(text)
  except RecursionError:
    raise ValueError('its brackets are nested too deeply') from None


def _without_nan(tree: Any) -> Any:
  if isinstance(tree, dict):
    return {key: _without_nan(value) for key, value in tree.items()}
  if isinstance(tree, (list, tuple)):
    return [_without_nan(value) for value in tree]
  if isinstance(tree, float) and not math.isfinite(tree):
    return None
  return tree
