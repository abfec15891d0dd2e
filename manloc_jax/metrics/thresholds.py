"""Reads and writes the threshold of a checkpoint, chosen on validation.

`threshold.json` in the run's folder holds one entry per checkpoint, for the
scores of patches. Whole images and the maps of other methods are scored on
another scale; their thresholds are in their own results.
"""

import dataclasses
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import files

FILE = 'threshold.json'
PROTOCOL = 'patches'
_MAX_REASON = 100  # Characters of an error of Python's.

# Of the fields of a threshold.
_KINDS: dict[str, type | tuple[type, ...]] = {
    'step': int,
    'value': (int, float),
    'bins': int,
    'split': str,
    'criterion': str,
    'protocol': str,
}


@dataclasses.dataclass(frozen=True)
class Threshold:
  """A threshold of pixel scores and how it was chosen.

  Attributes:
    step: Step of the checkpoint.
    value: Pixels with a score from here on count as manipulated.
    bins: Bins of the histogram of scores; `value` is one of their edges.
    split: The split that it was chosen on.
    criterion: The score that it maximizes.
    protocol: The protocol of this score.
  """

  step: int
  value: float
  bins: int
  split: str = 'val'
  criterion: str = 'F1 over all pixels'
  protocol: str = PROTOCOL


def write(workdir: str | pathlib.Path, threshold: Threshold) -> None:
  """Writes the threshold of a checkpoint; those of others stay.

  One that a histogram of more bins chose for the same checkpoint stays, too: an
  evaluation with fewer bins knows it less exactly.
  """
  path = pathlib.Path(workdir) / FILE
  entries = _read_json(path) if path.exists() else {}
  known = _of_patches(entries, threshold.step)
  if known and _make(path, known).bins > threshold.bins:
    return
  entries[str(threshold.step)] = dataclasses.asdict(threshold)
  files.write_json(path, entries)


def read(workdir: str | pathlib.Path, step: int) -> Threshold | None:
  """Returns the threshold of a checkpoint; None where there is none.

  Version 0.1 wrote no `threshold.json`: its thresholds stand in the results.

  Args:
    workdir: The run's folder.
    step: Step of the checkpoint.

  Raises:
    UserError: A file is damaged.
  """
  path = pathlib.Path(workdir) / FILE
  if path.exists():
    entry = _of_patches(_read_json(path), step)
    if entry:
      return _make(path, entry)
  return _from_results(pathlib.Path(workdir), step)


def _from_results(workdir: pathlib.Path, step: int) -> Threshold | None:
  """Looks for a threshold in the results of patches at this checkpoint."""
  for path in sorted((workdir / 'results').glob('*.json')):
    result = _read_json(path)
    value = result.get('val_threshold')
    # Results of patches name no protocol.
    if result.get('step') != step or value is None or 'protocol' in result:
      continue
    config = _object(path, result.get('config', {}), 'config')
    bins = _object(path, config.get('eval', {}), 'config.eval').get('bins', 0)
    return _make(path, {'step': step, 'value': value, 'bins': bins})
  return None


def _of_patches(entries: dict[str, Any], step: int) -> dict[str, Any] | None:
  """Returns the entry of a checkpoint, if it is one of patches."""
  entry = entries.get(str(step))
  is_known = isinstance(entry, dict) and entry.get('protocol') == PROTOCOL
  return entry if is_known else None


def _make(path: pathlib.Path, fields: dict[str, Any]) -> Threshold:
  """Makes a threshold from the fields of a file.

  Raises:
    UserError: They are not those of a threshold.
  """
  try:
    threshold = Threshold(**fields)
  except TypeError as error:
    raise _damaged(path, error) from error
  for name, kind in _KINDS.items():
    value = getattr(threshold, name)
    # To Python, true is a number.
    if isinstance(value, bool) or not isinstance(value, kind):
      raise _damaged(path, f'{name} is {errors.shown(value)}')
  if not 0 <= threshold.value <= 1:  # Refuses NaN, too.
    raise _damaged(path, f'value is {threshold.value}, not from 0 to 1')
  return threshold


def _read_json(path: pathlib.Path) -> dict[str, Any]:
  try:
    content = files.read_json(path)
  except OSError as error:
    raise _damaged(path, error.strerror) from error
  except ValueError as error:
    raise _damaged(path, error) from error
  return _object(path, content, 'its content')


def _object(path: pathlib.Path, content: Any, name: str) -> dict[str, Any]:
  if not isinstance(content, dict):
    raise _damaged(path, f'{name} is no object')
  return content


def _damaged(path: pathlib.Path, reason: object) -> errors.UserError:
  reason = str(reason)[:_MAX_REASON]
  return errors.UserError(
      f'{str(path)!r} is not the JSON that an evaluation writes ({reason});'
      ' delete it and evaluate the run again, or give a threshold.'
  )
