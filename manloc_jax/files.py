"""Files that appear whole or not at all."""

from collections.abc import Iterator
import contextlib
import os
import pathlib


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields a temporary path beside `path` that becomes `path` at the end.

  Raises:
    OSError: It cannot be written; the error names `path`.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'{path.name}.{os.getpid()}.tmp')
  try:
    yield temporary
    os.replace(temporary, path)
  except OSError as error:
    # The path that the user knows.
    if error.filename is not None and str(error.filename) == str(temporary):
      error.filename = str(path)
    raise
  finally:
    temporary.unlink(missing_ok=True)


def write_text(path: str | pathlib.Path, text: str) -> None:
  """Writes a text file."""
  with replacing(path) as temporary:
    temporary.write_text(text)
