"""Writes folders atomically, and checks that folders can be written."""

from collections.abc import Iterator
import contextlib
import errno
import os
import pathlib
import re
import secrets
import shutil
import socket
import tempfile

from manloc_jax import errors
from manloc_jax.data import spec


@contextlib.contextmanager
def atomic(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields an empty sibling folder that becomes `folder` at the end.

  The sibling carries host and process in its name. If the body fails it is
  removed; if the process is killed, the next run on this host removes it.

  Args:
    folder: The final folder. If another process finishes it first, that result
      is kept.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  _remove_dead(folder.parent)
  partial = folder.with_name(
      f'.{folder.name}.{secrets.token_hex(8)}.{socket.gethostname()}'
      f'.{os.getpid()}.partial'
  )
  partial.mkdir()
  try:
    yield partial
    for path in partial.iterdir():
      _flush(path)
    _flush(partial)
    try:
      os.replace(partial, folder)
    except OSError as error:
      if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
        raise
    _flush(folder.parent)
  finally:
    shutil.rmtree(partial, ignore_errors=True)


def _flush(path: pathlib.Path) -> None:
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _remove_dead(parent: pathlib.Path) -> None:
  host = re.escape(socket.gethostname())
  pattern = re.compile(rf'\..*\.{host}\.(\d+)\.partial')
  for path in parent.iterdir():
    match = pattern.fullmatch(path.name)
    if match and not _is_alive(int(match.group(1))):
      shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
  try:
    os.kill(process, 0)
  except ProcessLookupError:
    return False
  except PermissionError:
    return True  # Somebody else's process.
  return True


def make_writable(path: str, flag: str) -> pathlib.Path:
  """Makes a folder for results and its parents, and tries to write to it.

  It is called before any work that would be lost.

  Args:
    path: The folder.
    flag: The flag that names it, such as `--out`.

  Raises:
    DataError: The folder cannot be made, or nothing can be written to it.
  """
  folder = pathlib.Path(path)
  try:
    if not path:
      raise OSError(errno.EINVAL, 'A folder must have a name')
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
      return folder
  except OSError as error:
    is_file = isinstance(error, FileExistsError)
    reason = 'It is no folder' if is_file else error.strerror
    raise spec.DataError(
        f'No results can be written to the folder {path!r} ({reason}); choose'
        f' another {flag}.'
    ) from error


@contextlib.contextmanager
def refusing_full_disk(out: pathlib.Path) -> Iterator[None]:
  """Raises DataError if the disk is full while the block writes.

  Args:
    out: The folder to write to.
  """
  try:
    yield
  except OSError as error:
    if not errors.is_disk_full(error):
      raise
    raise spec.DataError(
        f'The disk of {out} is full, and nothing half-written was left; free '
        'some space, or choose another folder in --out (manloc) or '
        '--config.data.prepared.'
    ) from error
