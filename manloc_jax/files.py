"""Reads and writes files of which any may come from a stranger.

What is written appears complete or not at all, and no link that lies in the way
is followed. What is read is a regular file of a size that was expected: a pipe
would be waited for, and a device never ends.
"""

from collections.abc import Iterator
import contextlib
import errno
import io
import json
import math
import os
import pathlib
import secrets
import stat
from typing import Any

# Of a JSON file. The results of a hundred thousand images take 50 MB; a config
# takes 5 KB. Values are counted by the characters between them.
MAX_JSON_BYTES = 100_000_000
MAX_JSON_VALUES = 10_000_000
MAX_JSON_DEPTH = 40
MAX_CONFIG_BYTES = 1_000_000  # Of configs, thresholds and other short files.
_MAX_INTEGER = 2**63


@contextlib.contextmanager
def replacing(path: str | pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields an empty temporary file beside `path` that becomes it at the end.

  Its name cannot be guessed and it is new, so that nobody who may write to the
  same folder can have put a link there. A link at `path` is replaced, and not
  followed.

  Raises:
    OSError: The file cannot be written; the error names `path`.
  """
  path = pathlib.Path(path)
  temporary = path.with_name(f'{path.name}.{secrets.token_hex(8)}.tmp')
  try:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    os.close(os.open(temporary, flags, 0o666))
    yield temporary
    os.replace(temporary, path)
  except OSError as error:
    # The error names the path that the user knows.
    if error.filename is not None and str(error.filename) == str(temporary):
      error.filename, error.filename2 = str(path), None
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


def make_folder(folder: pathlib.Path, below: pathlib.Path) -> None:
  """Makes a folder and those above it, up to one that was named by the user.

  Args:
    folder: Lies below `below`.
    below: The folder that was named. It may be a link, for the user knows it.

  Raises:
    OSError: One between them is a link, which would lead the results
      elsewhere, or cannot be made.
  """
  below.mkdir(parents=True, exist_ok=True)
  for name in folder.relative_to(below).parts:
    below = below / name
    if below.is_symlink():
      raise OSError(
          errno.ELOOP,
          'It is a link, and no results are written through links',
          str(below),
      )
    below.mkdir(exist_ok=True)


def open_to_append(path: str | pathlib.Path) -> io.BufferedWriter:
  """Opens a regular file to add lines to it; a link is not followed.

  Raises:
    OSError: It is a link or no regular file, or cannot be written.
  """
  flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
  descriptor = os.open(path, flags, 0o666)
  _check_regular(descriptor, path)
  return os.fdopen(descriptor, 'ab')


def open_regular(
    path: str | pathlib.Path, most: int | None = None
) -> io.BufferedReader:
  """Opens a regular file to read.

  Args:
    path: Of the file; links are followed.
    most: Bytes that it may have.

  Raises:
    OSError: It is no regular file, is larger, or cannot be read.
  """
  descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
  size = _check_regular(descriptor, path)
  if most is not None and size > most:
    os.close(descriptor)
    raise OSError(
        errno.EFBIG, f'It has {size:,} bytes, and at most {most:,} are read',
        str(path),
    )  # fmt: skip
  return os.fdopen(descriptor, 'rb')


def read_bytes(path: str | pathlib.Path, most: int) -> bytes:
  """Reads a regular file of at most so many bytes; see `open_regular`."""
  with open_regular(path, most) as file:
    return file.read(min(most, os.fstat(file.fileno()).st_size))


def read_text(
    path: str | pathlib.Path,
    most: int = MAX_CONFIG_BYTES,
    encoding: str = 'utf-8',
) -> str:
  """Reads a text file of at most so many bytes.

  Raises:
    ValueError: It is no text.
    OSError: See `open_regular`.
  """
  return read_bytes(path, most).decode(encoding)


def read_json(path: str | pathlib.Path, most: int = MAX_JSON_BYTES) -> Any:
  """Reads a JSON file.

  Args:
    path: Of the file.
    most: Bytes that it may have.

  Raises:
    ValueError: It holds something else, see `parse_json`.
    OSError: It cannot be read, see `open_regular`.
  """
  return parse_json(read_text(path, most))


def parse_json(text: str | bytes) -> Any:
  """Parses JSON.

  Raises:
    ValueError: It is something else, is nested too deeply, has too many values
      or holds numbers that are not finite or have more than 64 bits.
  """
  if isinstance(text, bytes):
    text = text.decode()
  if sum(map(text.count, ',[{')) > MAX_JSON_VALUES:
    raise ValueError(f'it has more than {MAX_JSON_VALUES:,} values')
  try:
    content = json.loads(text, parse_constant=_refuse_constant)
  except RecursionError:
    raise _too_deep() from None
  _check_values(content)
  return content


def _check_values(content: Any) -> None:
  """Raises ValueError for depths and numbers that no file of ours has."""
  level = [content]
  for _ in range(MAX_JSON_DEPTH):
    below: list[Any] = []
    for value in level:
      if isinstance(value, dict):
        below += value.values()
      elif isinstance(value, list):
        below += value
      elif isinstance(value, float):
        if not math.isfinite(value):
          raise ValueError('it holds a number that is not finite')
      elif isinstance(value, int) and abs(value) >= _MAX_INTEGER:
        raise ValueError('it holds a number of more than 64 bits')
    if not below:
      return
    level = below
  raise _too_deep()


def _too_deep() -> ValueError:
  return ValueError('its brackets are nested too deeply')


def _refuse_constant(name: str) -> None:
  raise ValueError(f'it holds {name}, which is no number of JSON')


def _check_regular(descriptor: int, path: str | pathlib.Path) -> int:
  """Returns the size of an open file; closes it and raises unless regular."""
  status = os.fstat(descriptor)
  if not stat.S_ISREG(status.st_mode):
    os.close(descriptor)
    kind = 'a folder' if stat.S_ISDIR(status.st_mode) else 'no regular file'
    raise OSError(errno.EINVAL, f'It is {kind}', str(path))
  return status.st_size


def _without_nan(tree: Any) -> Any:
  if isinstance(tree, dict):
    return {key: _without_nan(value) for key, value in tree.items()}
  if isinstance(tree, (list, tuple)):
    return [_without_nan(value) for value in tree]
  if isinstance(tree, float) and not math.isfinite(tree):
    return None
  return tree
