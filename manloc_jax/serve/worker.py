"""A process that works for the server, and that the server can end.

Nothing of a file from a stranger is opened in the server: decoders may crash,
fill the memory or never come back. A worker does it, one request at a time. A
request is a line of JSON, a task and its arguments; a reply is a line of JSON
and then the bytes of an array, if there is one. Started as a program, this file
is the worker.
"""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import traceback
from typing import Any

import numpy as np

from manloc_jax import errors

Reply = dict[str, Any]
_ARRAY = 'array'  # Key of a reply: shape of an array, f32, that follows.
_PAGE_BYTES = os.sysconf('SC_PAGE_SIZE')
_LONGEST_TRACEBACK = 4000  # Characters, of the log.


class Ended(Exception):
  """The worker has ended before its reply."""


class Bug(Exception):
  """The worker has raised what it should not; the message is its traceback."""


class Worker:
  """The server's side of a worker; its methods block."""

  def __init__(self) -> None:
    """Starts the process."""
    # A session of its own: Ctrl-C is the server's, which ends the worker.
    self._process = subprocess.Popen(
        [sys.executable, '-m', 'manloc_jax.serve.worker'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )

  @property
  def pid(self) -> int:
    """Number of the process."""
    return self._process.pid

  def is_alive(self) -> bool:
    """Tells whether the process has not ended."""
    return self._process.poll() is None

  def ask(self, task: str, **arguments: Any) -> Reply:
    """Has a task done; see `_TASKS`.

    Returns:
      The reply; `array`, if there is one, as f32.

    Raises:
      UserError: As the task.
      Ended: The process has ended.
      Bug: The task has raised anything else.
    """
    line = json.dumps({'task': task, **arguments}).encode() + b'\n'
    stdin, stdout = self._process.stdin, self._process.stdout
    assert stdin and stdout
    try:
      stdin.write(line)
      stdin.flush()
      reply = json.loads(stdout.readline() or b'{}')
      if _ARRAY in reply:
        array = np.empty(reply[_ARRAY], np.float32)
        view = array.reshape(-1).view(np.uint8).data
        whole = stdout.readinto(view)  # type: ignore[attr-defined]
        if whole != array.nbytes:
          raise Ended
        reply[_ARRAY] = array
    except (OSError, ValueError) as error:  # Closed, or cut off.
      raise Ended from error
    if not reply:
      raise Ended
    if 'refusal' in reply:
      raise errors.UserError(reply['refusal'])
    if 'bug' in reply:
      raise Bug(reply['bug'])
    return reply

  def end(self) -> None:
    """Ends the process at once; who waits for a reply gets `Ended`."""
    self._process.kill()
    self._process.wait()


def memory(pid: int) -> int:
  """Returns the bytes of memory of a process; 0 where nothing tells."""
  try:
    pages = pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]
  except (OSError, IndexError):
    return 0
  return int(pages) * _PAGE_BYTES


class _Tasks:
  """What a worker can do."""

  def __init__(self) -> None:
    self._localizer: Any = None

  def load(self, workdir: str | None, device: str | None) -> Reply:
    """Loads the localizer; returns its threshold and provenance."""
    from manloc_jax.localization import factory

    self._localizer = factory.make(workdir=workdir, device=device)
    # From here on, libraries complain about files of strangers alone.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return {
        'threshold': self._localizer.threshold,
        'provenance': self._localizer.provenance,
    }

  def samples(self, folder: str) -> Reply:
    """Makes the examples; returns captions and paths."""
    from manloc_jax.serve import samples

    made = samples.make(pathlib.Path(folder))
    return {'samples': [[one.caption, str(one.path)] for one in made]}

  def begin(self) -> Reply:
    """Imports what `check` needs."""
    from manloc_jax.serve import analysis

    return {'limit': analysis.MAX_PIXELS}

  def check(self, path: str, name: str) -> Reply:
    """Returns the number of pixels of a file, from its header."""
    from manloc_jax.serve import analysis

    return {'pixels': analysis.check(pathlib.Path(path), name)}

  def analyse(self, path: str, name: str) -> Reply:
    """Localizes in a file; returns the fields of `Analysis`."""
    from manloc_jax.serve import analysis

    made = analysis.analyse(pathlib.Path(path), name, self._localizer)
    return {
        'facts': made.facts,
        'photograph': base64.b64encode(made.photograph).decode(),
        'heat': base64.b64encode(made.heat).decode(),
        _ARRAY: made.score,
    }

  def examine(self, path: str, name: str) -> Reply:
    """Examines a file; returns the texts of its report."""
    from manloc_jax.serve import examinations

    return examinations.examine(pathlib.Path(path), name, self._localizer)


def _reply(tasks: _Tasks, request: dict[str, Any]) -> Reply:
  try:
    return getattr(tasks, request.pop('task'))(**request)
  except errors.UserError as error:
    return {'refusal': str(error)}
  except Exception as error:
    if errors.is_out_of_memory(error):
      return {'refusal': 'There is not enough memory; crop the photograph.'}
    return {'bug': traceback.format_exc()[-_LONGEST_TRACEBACK:]}


def _end_with(parent: int) -> None:
  """Ends this process soon after the server, however that ended."""
  while os.getppid() == parent:
    time.sleep(1)
  os._exit(1)


def main() -> None:
  """Answers the server until it closes the pipe."""
  signal.signal(signal.SIGTERM, signal.SIG_DFL)
  # Libraries may print; the replies have a channel of their own.
  replies = os.fdopen(os.dup(1), 'wb')
  os.dup2(2, 1)
  threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
  tasks = _Tasks()
  for line in sys.stdin.buffer:
    reply = _reply(tasks, json.loads(line))
    array = reply.get(_ARRAY)
    if array is not None:
      reply[_ARRAY] = array.shape
    replies.write(json.dumps(reply).encode() + b'\n')
    if array is not None:
      replies.write(np.ascontiguousarray(array).data)
    replies.flush()


if __name__ == '__main__':
  main()
