"""Writes the scalars of a run as JSON lines, and to experiment trackers."""

import json
import math
import pathlib
from typing import Any

import ml_collections

from manloc_jax import files
from manloc_jax.training import trackers


class Writer:
  """Appends scalars to `metrics.jsonl`, one line per call.

  A resumed run repeats the steps after its last checkpoint, so lines past
  `first_step` are dropped on opening, and a line that a killed run left half
  written with them.
  """

  def __init__(
      self,
      workdir: str,
      *,
      first_step: int,
      enabled: bool = True,
      config: ml_collections.ConfigDict | None = None,
  ):
    """Opens the file for a run that continues after `first_step` updates.

    Args:
      workdir: The run's folder.
      first_step: Updates done so far.
      enabled: Whether this process writes; one of a cluster's does.
      config: The run's config, which may name a tracker.
    """
    self._file = None
    self._trackers: list[trackers.Tracker] = []
    if not enabled:
      return
    path = pathlib.Path(workdir) / 'metrics.jsonl'
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [x for x in read(workdir) if (x['step'] or 0) <= first_step]
    files.write_text(path, ''.join(json.dumps(line) + '\n' for line in kept))
    self._file = files.open_to_append(path)
    self._trackers = trackers.open_all(workdir, config)

  def write(self, step: int, scalars: dict[str, float]) -> None:
    """Writes `{'step': step, **scalars}`; waits for arrays on devices."""
    if self._file is None:
      return
    scalars = {key: float(value) for key, value in scalars.items()}
    # JSON knows no NaN.
    known = {k: v if math.isfinite(v) else None for k, v in scalars.items()}
    line = json.dumps({'step': step, **known}) + '\n'
    self._file.write(line.encode())
    self._file.flush()
    for tracker in self._trackers:
      tracker.log(step, scalars)

  def __enter__(self) -> 'Writer':
    return self

  def __exit__(self, *unused) -> None:
    if self._file is not None:
      self._file.close()
    for tracker in self._trackers:
      tracker.close()


def read(workdir: str) -> list[dict[str, float | None]]:
  """Returns the lines of `metrics.jsonl` up to the first damaged one.

  Args:
    workdir: The run's folder.

  Returns:
    Scalars by name, with `step`; None stands for NaN.
  """
  path = pathlib.Path(workdir) / 'metrics.jsonl'
  lines = []
  if path.exists():
    content = files.read_bytes(path, files.MAX_JSON_BYTES)
    for line in content.splitlines():
      try:
        scalars = files.parse_json(line)
        if not _is_line(scalars):
          break
      except ValueError:
        break
      lines.append(scalars)
  return lines


def _is_line(scalars: Any) -> bool:
  """Tells whether parsed JSON is a line of `Writer.write`."""
  return (
      isinstance(scalars, dict)
      and isinstance(scalars.get('step', 0), int)
      and all(isinstance(x, int | float | None) for x in scalars.values())
  )
