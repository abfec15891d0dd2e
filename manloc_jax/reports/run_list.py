"""Lists runs: their state, the settings that differ and their scores."""

from collections.abc import Mapping, Sequence
import os
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.reports import run_results
from manloc_jax.reports import typeset
from manloc_jax.training import metric_writer
from manloc_jax.training import run_lock

# Scores that are shown where a run has them, and their names.
_SCORES = {
    'patch_auc': 'patch AUC',
    'pixel_auc_pooled': 'pixel AUC',
    'pixel_auc_image_mean': 'pixel AUC, mean over images',
}
# Those of a list, which has space for no more.
_SHORT = {'patch_auc': 'patches', 'pixel_auc_pooled': 'pixels'}
# Fields that hold folders, which differ between machines.
_FOLDERS = ('data.root', 'data.prepared')
_Description = dict[str, Any]


def find(folders: Sequence[str | pathlib.Path]) -> list[pathlib.Path]:
  """Returns the folders of runs in and below some folders, sorted.

  Raises:
    UserError: There is none, or a folder is missing.
  """
  found = []
  for folder in folders:
    if not os.path.isdir(folder):
      raise errors.UserError(
          f'There is no folder {str(folder)!r}; name a run or a folder of runs.'
      )
    for root, below, names in os.walk(folder):
      if run_config.CONFIG in names:
        found.append(pathlib.Path(root))
        below.clear()  # Nothing of a run is a run.
  if not found:
    raise errors.UserError(
        f'There is no run in {", ".join(map(repr, map(str, folders)))}; name a'
        ' folder with the --workdir of runs below it.'
    )
  return sorted(set(found))


def describe(workdir: pathlib.Path) -> _Description:
  """Describes a run as JSON holds it.

  Args:
    workdir: Its folder.

  Returns:
    `run`, its folder; `state` in words; `step` of `num_steps`; `config`, the
    fields by dotted name; `validation`, the best of each score; `scores` by
    split. What a damaged run lacks is empty, and its state says why.
  """
  found: _Description = {
      'run': str(workdir),
      'state': '',
      'step': None,
      'num_steps': None,
      'config': {},
      'validation': {},
      'scores': {},
  }
  try:
    config = run_config.flatten(
        run_config.plain(run_config.read(str(workdir)))
    )
    found |= {'config': config, 'num_steps': config.get('num_steps')}
    if (workdir / 'results').is_dir():
      results = run_results.read_results(workdir)
      found['scores'] = {k: x['scores'] for k, x in results.items()}
  except errors.UserError as error:
    found['state'] = f'damaged: {error}'
    return found
  lines = metric_writer.read(str(workdir))
  found['step'] = max((line['step'] or 0 for line in lines), default=None)
  for key in _SCORES:
    values = [x for line in lines if (x := line.get(f'val_{key}')) is not None]
    if values:
      found['validation'][key] = max(values)
  found['state'] = _state(workdir, found)
  return found


def _state(workdir: pathlib.Path, found: _Description) -> str:
  step = f'step {found["step"]} of {found["num_steps"]}'
  if holder := run_lock.holder(workdir):
    return f'at work on {holder}' + (f', {step}' if found['step'] else '')
  if (workdir / 'report.md').exists():
    return 'finished'
  if found['config'].get('method', run_config.NETWORK) != run_config.NETWORK:
    return 'scored' if found['scores'] else 'not scored'
  if not found['step']:
    return 'not trained'
  done = found['num_steps'] and found['step'] >= found['num_steps']
  return 'trained, not scored' if done else f'stopped at {step}'


def differing(runs: Sequence[_Description]) -> list[str]:
  """Returns the fields of the config in which runs differ, sorted."""
  keys = sorted({key for run in runs for key in run['config']})
  return [
      key
      for key in keys
      if key not in _FOLDERS
      and len({repr(run['config'].get(key)) for run in runs if run['config']})
      > 1
  ]


def table(runs: Sequence[_Description]) -> typeset.Table:
  """Makes a table with a row for each run.

  Args:
    runs: Of `describe`.
  """
  names = _names(runs)
  # By title of the column, the cell of each run.
  columns: dict[str, list[str]] = {
      'Run': names,
      'State': [run['state'] for run in runs],
  }
  for key in differing(runs):
    columns[key] = [_setting(run, key) for run in runs]
  for title, values in _scores(runs, _SHORT).items():
    columns[title] = [_number(value) for value in values]
  return typeset.Table(
      'runs',
      f'{len(runs)} runs, settings that differ, and AUC',
      tuple(columns),
      tuple(zip(*columns.values(), strict=True)),
  )


def compared(runs: Sequence[_Description]) -> typeset.Table:
  """Makes a table with a column for each run: settings, then scores.

  Args:
    runs: Of `describe`; scores of all but the first have the difference to it.
  """
  rows = [('State', *(run['state'] for run in runs))]
  for key in differing(runs):
    rows.append((key, *(_setting(run, key) for run in runs)))
  rule = len(rows)
  for title, values in _scores(runs, _SCORES).items():
    first = values[0]
    cells = [_number(first)]
    for value in values[1:]:
      text = _number(value)
      if value is not None and first is not None:
        text += f' ({value - first:+.3f})'
      cells.append(text)
    rows.append((title, *cells))
  return typeset.Table(
      'compared',
      'Settings that differ, and scores',
      ('', *_names(runs)),
      tuple(rows),
      (rule,),
  )


def _names(runs: Sequence[_Description]) -> list[str]:
  """Returns the folders below the one that all runs share."""
  if len(runs) == 1:
    return [runs[0]['run']]
  above = os.path.commonpath([os.path.dirname(run['run']) for run in runs])
  return [os.path.relpath(run['run'], above or '.') for run in runs]


def _setting(run: _Description, key: str) -> str:
  if key not in run['config']:
    return typeset.DASH
  value = run['config'][key]
  return '/'.join(map(str, value)) if isinstance(value, list) else str(value)


def _scores(
    runs: Sequence[_Description], names: Mapping[str, str]
) -> dict[str, list[float | None]]:
  """Returns by title the score of each run, where any run has one."""
  splits = dict.fromkeys(split for run in runs for split in run['scores'])
  rows = {
      f'{split}: {name}': [
          run['scores'].get(split, {}).get(key)
          if split != 'validation'
          else run['validation'].get(key)
          for run in runs
      ]
      for split in ('validation', *splits)
      for key, name in names.items()
  }
  return {
      title: values
      for title, values in rows.items()
      if any(value is not None for value in values)
  }


def _number(value: float | None) -> str:
  return typeset.DASH if value is None else f'{value:.3f}'
