"""Reads and writes what a run started from and how it was extended."""

import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import files

FILE = 'history.json'


def read(workdir: str | pathlib.Path) -> dict[str, Any]:
  """Reads the history of a run.

  Returns:
    `phases`, each with its `first_step`, the updates before it, and its
    `settings`, the fields that phases may differ in; empty for a run that was
    never extended. `init_from`, what `train.init_from` gave, where it did.

  Raises:
    UserError: The file holds something else.
  """
  path = pathlib.Path(workdir) / FILE
  if not path.exists():
    return {'phases': []}
  with errors.refusing_malformed(
      str(path), 'restore it, or delete it if the run was never extended'
  ):
    history = files.read_json(path, files.MAX_JSON_BYTES)
    for phase in history['phases']:
      if not isinstance(phase['first_step'], int):
        raise TypeError('a phase without the step before it')
      dict(phase['settings'])
    return history


def first_step(workdir: str | pathlib.Path) -> int:
  """Returns the updates before the last extension; 0 without one."""
  phases = read(workdir)['phases']
  return phases[-1]['first_step'] if phases else 0


def record_start(workdir: str | pathlib.Path, source: dict[str, Any]) -> None:
  """Writes what the parameters of a new run were taken from.

  Args:
    workdir: The run's folder.
    source: As JSON holds it.
  """
  write(workdir, {**read(workdir), 'init_from': source})


def write(workdir: str | pathlib.Path, history: dict[str, Any]) -> None:
  """Writes a history as `read` returns it."""
  files.write_json(pathlib.Path(workdir) / FILE, history)
