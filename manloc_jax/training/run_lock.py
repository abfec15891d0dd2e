"""Keeps other processes out of a run's folder while one works there.

Two processes in one folder would delete each other's checkpoints. The lock is
the operating system's, so that it ends with the process, however that ends. Not
every shared file system passes such locks on to other machines; the file
therefore names host and process, and its time is renewed while they work.
"""

from collections.abc import Iterator
import contextlib
import fcntl
import json
import os
import pathlib
import socket
import stat
import sys
import threading
import time
from typing import IO

from manloc_jax import errors
from manloc_jax import files

FILE = 'run.lock'
RENEWED = 20.0  # Seconds between renewals of the file's time.
STALE = 120.0  # Seconds without one, after which another host's lock is none.
_LOOK = 2.0  # Seconds between looks at another host's lock.


@contextlib.contextmanager
def hold(workdir: str | pathlib.Path) -> Iterator[None]:
  """Locks a folder, and unlocks it at the end.

  Args:
    workdir: An existing folder.

  Raises:
    UserError: Another process works there, or the file is of another kind.
  """
  path = pathlib.Path(workdir) / FILE
  flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
  descriptor = os.open(path, flags, 0o666)
  if not stat.S_ISREG(os.fstat(descriptor).st_mode):
    os.close(descriptor)
    raise errors.UserError(
        f'{str(path)!r} is no file, so that the folder cannot be locked; delete'
        ' it, or choose another --workdir.'
    )
  with os.fdopen(descriptor, 'r+') as file:
    _lock(path, file)
    _write(file, {'host': socket.gethostname(), 'pid': os.getpid()})
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(file, ended), daemon=True)
    renewal.start()
    try:
      yield
    finally:
      ended.set()
      renewal.join()
      _write(file, None)  # A file that was deleted could be locked twice.


def holder(workdir: str | pathlib.Path) -> str | None:
  """Returns the host whose process works in a folder; None where none does."""
  path = pathlib.Path(workdir) / FILE
  try:
    with files.open_regular(path) as file:  # A pipe would be waited for.
      content = _read(file)
      try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
      except BlockingIOError:
        return content.get('host', 'this machine')
      is_other = content.get('host', socket.gethostname()) != (
          socket.gethostname()
      )
      return content['host'] if is_other and _age(path, file) < STALE else None
  except OSError:
    return None


def _lock(path: pathlib.Path, file: IO[str]) -> None:
  """Locks the file.

  Raises:
    UserError: Another process of this host has it, or one of another host
      renews it.
  """
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    raise _busy(path, _read(file)) from None
  except OSError:
    pass  # This file system has no locks; the time of the file has to do.
  _wait_for_other_host(path, file)


def _wait_for_other_host(path: pathlib.Path, file: IO[str]) -> None:
  """Returns once no process of another host works in the folder.

  One that was killed there a moment ago, as a cluster does before it starts the
  run elsewhere, leaves a file that nobody renews.

  Raises:
    UserError: It has renewed the file meanwhile.
  """
  last = _read(file)
  left = STALE - _age(path, file)
  if not last or last.get('host') == socket.gethostname() or left <= 0:
    return
  print(
      f'Process {last.get("pid")} of the host {last.get("host")} worked in'
      f' {str(path.parent)!r} a moment ago: waiting for up to {STALE:.0f}'
      ' seconds to see whether it still does.',
      file=sys.stderr,
      flush=True,
  )
  renewed = os.stat(path).st_mtime
  # A clock that was set back makes no wait longer.
  end = time.monotonic() + min(left, STALE)
  while time.monotonic() < end:
    time.sleep(_LOOK)
    if os.stat(path).st_mtime != renewed:
      if not _read(file):
        return  # It has ended by itself.
      raise _busy(path, last)


def _busy(path: pathlib.Path, holder: dict) -> errors.UserError:
  """Returns the error for a folder that another process works in."""
  pid, host = holder.get('pid', 'unknown'), holder.get('host', 'unknown')
  return errors.UserError(
      f'Process {pid} of the host {host} works in {str(path.parent)!r}; wait'
      ' for it, or choose another --workdir.'
  )


def _age(path: pathlib.Path, file: IO) -> float:
  """Returns the seconds since the file was renewed, by its own file system."""
  renewed = os.fstat(file.fileno()).st_mtime
  probe = path.with_name(f'{FILE}.{os.getpid()}')
  try:
    with probe.open('x'):
      return os.stat(probe).st_mtime - renewed
  except OSError:
    return time.time() - renewed
  finally:
    probe.unlink(missing_ok=True)


def _read(file: IO) -> dict:
  """Returns host and process; nothing from a file that is none of ours."""
  file.seek(0)
  try:
    content = json.loads(file.read(1000) or '{}')
  except ValueError:
    return {}
  return content if isinstance(content, dict) else {}


def _write(file: IO[str], content: dict | None) -> None:
  file.seek(0)
  file.truncate()
  if content:
    file.write(json.dumps(content))
  file.flush()


def _renew(file: IO[str], ended: threading.Event) -> None:
  while not ended.wait(RENEWED):
    with contextlib.suppress(OSError):
      os.utime(file.fileno())
