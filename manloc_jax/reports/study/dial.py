"""Gathers runs at several levels of `dial`, and tabulates AUC by level.

The number of a level is the AUC of one fixed detector made by hand, the method
`noise`, which learns nothing. As pieces have less grain than hosts, a low value
of its map counts as a sign of forgery: the number is one minus its AUC.
"""

from collections.abc import Sequence
import dataclasses
import pathlib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import run_config
from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study
from manloc_jax.reports.study import study_file

LEVEL = 'data.forge.level'
TASKS = ('pixel', 'patch')  # The first one has the detector beside it.
DETECTOR = 'noise'
# The splits of networks that have a table.
SPLITS = {
    'test_grid': 'every native window of the test images',
    'test': 'sampled patches of the test images',
}
_NOTE = (
    'Level 0 has the traces of the demo; at level 1 piece and host have the'
    ' same grain and compression history. Networks: AUC pooled over the pixels'
    ' or patches of the split, mean ± sample standard deviation over seeds.'
    ' Detector: `noise`, one minus its mean AUC over whole test images, for'
    ' pieces have less grain. Random or constant scores have 0.5.'
)


def collect(
    runs: Sequence[runs_lib.Run], defines: study_file.StudyFile
) -> dict:
  """Gathers runs of networks and of the detector at several levels.

  Args:
    runs: The runs.
    defines: The study that they are of.

  Returns:
    `definition`, with the `labels` of systems, and `levels`: by the level, what
    `study.collect` keeps of a dataset, without the ROC curves.

  Raises:
    UserError: There is no run, one is of another dataset or method, or runs
      differ in more than level, seed and what defines a system.
  """
  _check_alike(runs)
  levels = {}
  for level in sorted({run.config[LEVEL] for run in runs}):
    group = [run for run in runs if run.config[LEVEL] == level]
    (entry,) = study.collect(group, defines)['datasets'].values()
    for one in (*entry['systems'].values(), *entry['methods'].values()):
      for results in one['splits'].values():
        del results['roc']
    levels[f'{level:g}'] = entry
  labels = dict(defines.defined.labels)
  return {'definition': {'labels': labels}, 'levels': levels}


def _check_alike(runs: Sequence[runs_lib.Run]) -> None:
  """Raises UserError where runs cannot stand on one curve."""
  if not runs:
    raise errors.UserError('There are no runs to gather; name their folders.')
  firsts: dict[str, runs_lib.Run] = {}
  for run in runs:
    if run.dataset != 'dial' or LEVEL not in run.config:
      raise errors.UserError(
          f'The run {str(run.path)!r} is of the dataset {run.dataset!r}; name'
          ' runs of configs/dial.py.'
      )
    if run.method not in (run_config.NETWORK, DETECTOR):
      raise errors.UserError(
          f'The run {str(run.path)!r} is of the method {run.method}; name runs'
          f' of networks and of {DETECTOR}.'
      )
    first = firsts.setdefault(run.config.get('system', run.method), run)
    pairs = {'images': (runs[0].first['prepared'], run.first['prepared'])}
    pairs |= {
        key: (first.shared.get(key), run.shared.get(key))
        for key in first.shared | run.shared
        if key != LEVEL
    }
    differing = [key for key, (one, other) in pairs.items() if one != other]
    if differing:
      raise errors.UserError(
          f'The run {str(run.path)!r} does not fit the others: it differs in'
          f' {", ".join(differing[:3])}; name runs that differ in level, seed'
          ' and system alone.'
      )


def read(path: str | pathlib.Path) -> dict:
  """Reads what `collect` returned and `study.write` wrote."""
  return files.read_json(path)


def detector_auc(entry: dict) -> float | None:
  """Returns the number of a level; None where the detector was not run."""
  detector = entry['methods'].get(DETECTOR)
  if detector is None:
    return None
  return 1 - detector['splits']['test_images']['mean']['pixel_auc_image_mean']


def series(
    content: dict, task: str, split: str
) -> dict[str, dict[str, dict]]:
  """Lists the systems that have an AUC of a task.

  Args:
    content: Of `collect`.
    task: Of `paper.TASKS`.
    split: Of `SPLITS`.

  Returns:
    By system, and by level where it was run, the results of the split.
  """
  key = score_columns.AUC[task].key
  found = {
      system: {
          level: entry['systems'][system]['splits'][split]
          for level, entry in content['levels'].items()
          if split in entry['systems'].get(system, {}).get('splits', {})
      }
      for system in score_columns.labels(content)
  }
  return {
      system: by_level
      for system, by_level in found.items()
      if by_level and all(key in x['mean'] for x in by_level.values())
  }


def tables(content: dict) -> list[typeset.Table]:
  """Makes a table for each of `SPLITS`, with a row for each level.

  Args:
    content: Of `collect`.

  Returns:
    Those that show networks; without any, one with the detector alone.
  """
  made = [_table(content, split) for split in SPLITS]
  return [table for table in made if len(table.header) > 2] or [
      dataclasses.replace(made[0], title='AUC by the level of the traces')
  ]


def _table(content: dict, split: str) -> typeset.Table:
  labels = score_columns.labels(content)
  numbers = {
      level: detector_auc(entry) for level, entry in content['levels'].items()
  }
  # By title of a column and by level.
  cells: dict[str, dict[str, str]] = {
      'Detector made by hand': {
          level: f'{auc:.3f}'
          for level, auc in numbers.items()
          if auc is not None
      },
      'Mean training mask: pixels': {},
  }
  for task in TASKS:
    unit, column = paper.TASKS[task].lower(), score_columns.AUC[task]
    for system, by_level in series(content, task, split).items():
      cells[f'{labels[system]}: {unit}'] = {
          level: column.over_seeds(results)
          for level, results in by_level.items()
      }
      if task == 'pixel':
        cells['Mean training mask: pixels'] |= {
            level: f'{results["trivial"]["mean_mask"]["pixel_auc"]:.3f}'
            for level, results in by_level.items()
        }
  shown = {title: column for title, column in cells.items() if column}
  rows = [
      (level, *(column.get(level, typeset.DASH) for column in shown.values()))
      for level in content['levels']
  ]
  return typeset.Table(
      f'dial_{split}',
      f'AUC by the level of the traces: {SPLITS[split]} (`{split}`)',
      ('Level', *shown),
      tuple(rows),
      notes=(_NOTE,),
  )
