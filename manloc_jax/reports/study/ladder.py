"""Compares rungs of `configs/ladder.py`: what makes a network find forgeries.

Every rung is the first one, the paper's input in a small network, but for the
fields that it changes.
"""

from collections.abc import Sequence
import pathlib
import statistics
from typing import Any

from matplotlib import figure as figure_lib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.reports import typeset
from manloc_jax.reports.study import claims
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study
from manloc_jax.training import metric_writer

FIRST = 'rgb'
SPLIT = 'test_images'
_VALIDATION = 'val_pixel_auc_pooled'
_SCORES = (
    score_columns.AUC_MEAN,
    score_columns.AUC_POOLED,
    score_columns.Score(
        'AP pooled',
        'pixel',
        'pixel_average_precision_pooled',
        'pixel_average_precision',
    ),
)
_NOTE = (
    'Means ± sample standard deviations over seeds. Images are scored by the'
    ' protocol `whole image`, each forged image of the test split once, at'
    ' native resolution. Validation is the pooled pixel AUC of the validation'
    ' patches at the last step; choices are made by it. The difference is that'
    ' of the mean AUC to the first rung, with its 95 % confidence interval over'
    ' seeds (paired t); nothing corrects for the number of rungs. A random or'
    ' constant map has an AUC of 0.5.'
)


def gather(
    workdirs: Sequence[str], path: str | pathlib.Path
) -> list[pathlib.Path]:
  """Gathers runs of the ladder in one file, and draws them beside it.

  Args:
    workdirs: Folders of runs.
    path: The JSON to write.

  Returns:
    The files that were written.

  Raises:
    UserError: A run has not been evaluated, or `collect` refuses the runs.
  """
  content = collect(workdirs)
  return study.write_with_figure(path, content, draw(content))


def collect(workdirs: Sequence[str]) -> dict:
  """Gathers runs of several rungs, datasets and seeds.

  Args:
    workdirs: Folders of runs.

  Returns:
    `datasets`: by name the `config` of the first rung and `rungs`, by name:
    `seeds`, the fields `changes` that differ from the first, `validation`, a
    list over seeds, `training_patches`, `steps`, and `scores` of whole images,
    see `study.split_over_seeds`.

  Raises:
    UserError: There is no run, or none of the first rung; a run has no scores
      of whole images or no training; or seeds differ in more than the seed.
  """
  runs = [runs_lib.read_any(workdir) for workdir in workdirs]
  if not runs:
    raise errors.UserError('There are no runs to gather; name their folders.')
  datasets = {}
  for name, group in study.grouped(runs, lambda run: run.dataset, ()):
    rungs = dict(study.grouped(group, lambda run: run.system, (FIRST,)))
    if FIRST not in rungs:
      raise errors.UserError(
          f'There is no run of the rung {FIRST!r} on {name}, which all others'
          ' are compared with; name its folders too.'
      )
    first = rungs[FIRST][0]
    datasets[name] = {
        'config': first.shared,
        'rungs': {
            rung: _rung(sorted(seeds, key=lambda run: run.seed), first)
            for rung, seeds in rungs.items()
        },
    }
  return {'datasets': datasets}


def _rung(runs: list[runs_lib.Run], first: runs_lib.Run) -> dict:
  """Returns what is kept of one rung; see `collect`."""
  runs_lib.check_seeds(runs)
  for run in runs:
    _check(run, first)
  one = runs[0]
  scores = study.split_over_seeds([run.results[SPLIT] for run in runs])
  del scores['roc']
  return {
      'seeds': [run.seed for run in runs],
      'changes': {
          key: value
          for key, value in one.shared.items()
          if value != first.shared.get(key)
      },
      'validation': [_validation(run.path) for run in runs],
      'training_patches': one.first['data']['training_patches'],
      'steps': [run.first['step'] for run in runs],
      'config_sha256': [run.first['config_sha256'] for run in runs],
      'scores': scores,
  }


def _check(run: runs_lib.Run, first: runs_lib.Run) -> None:
  """Raises UserError where a run cannot stand beside the first rung."""
  if SPLIT not in run.results:
    raise errors.UserError(
        f'The run {str(run.path)!r} has no results/{SPLIT}.json; evaluate it'
        f" with --mode=evaluate --config.eval.splits=\"('{SPLIT}',)\"."
    )
  digests = [one.first['data']['split_digest'] for one in (run, first)]
  if digests[0] != digests[1]:
    raise errors.UserError(
        f'The runs {str(run.path)!r} and {str(first.path)!r} were trained and'
        ' tested on different images; name runs of one split.'
    )


def _validation(workdir: pathlib.Path) -> float:
  """Returns the last score of the validation split.

  Raises:
    UserError: The run has none.
  """
  scores = [
      value
      for line in metric_writer.read(str(workdir))
      if (value := line.get(_VALIDATION)) is not None
  ]
  if not scores:
    raise errors.UserError(
        f'The run {str(workdir)!r} has no score of its validation split; train'
        ' it with configs/ladder.py.'
    )
  return round(scores[-1], 6)


def read(path: str | pathlib.Path) -> dict:
  """Reads what `gather` has written."""
  return files.read_json(path)


def tables(content: dict) -> list[typeset.Table]:
  """Makes a table for each dataset, with a row for each rung.

  Args:
    content: Of `collect`.
  """
  return [_table(name, entry) for name, entry in content['datasets'].items()]


def _table(dataset: str, entry: dict) -> typeset.Table:
  first = entry['rungs'][FIRST]
  rows = []
  for name, rung in _ordered(entry['rungs']):
    difference = score_columns.DASH
    if name != FIRST:
      verdict = claims.judge_splits(
          [rung['scores'], first['scores']],
          [rung['seeds'], first['seeds']],
          score_columns.AUC_MEAN,
      )
      difference = claims.form_difference(verdict, score_columns.AUC_MEAN)
    rows.append((
        f'`{name}`',
        _changes(rung['changes']) or score_columns.DASH,
        str(len(rung['seeds'])),
        f'{_mean_validation(rung):.3f}',
        *(score.over_seeds(rung['scores']) for score in _SCORES),
        difference,
    ))
  config = entry['config']
  about = (
      f'{config["num_steps"]} steps of {config["batch_size"]} patches, learning'
      f' rate {config["optim.learning_rate"]:g}, split by'
      f' `{config["data.split_rule"]}`; {first["training_patches"]} patches of'
      ' training.'
  )
  return typeset.Table(
      f'ladder_{dataset}',
      f'What a network is given: {score_columns.title(dataset)}',
      (
          'Rung',
          'Changes',
          'Seeds',
          'Validation',
          *(f'Images: {score.title}' for score in _SCORES),
          f'Difference to `{FIRST}` [95 %]',
      ),
      tuple(rows),
      notes=(_conclusion(entry['rungs']), about, _NOTE),
  )


def _conclusion(rungs: dict[str, dict]) -> str:
  """Names the rungs that validation chooses, without and with context."""
  score = score_columns.AUC_MEAN
  text = (
      'The first rung, which reads colours, reaches a mean AUC of'
      f' {score.over_seeds(rungs[FIRST]["scores"])} on the test images.'
  )
  for reads, has_context in (
      ('64x64 windows alone and the quantization table', False),
      ('the odds of the whole image as well', True),
  ):
    group = [
        name
        for name, rung in rungs.items()
        if name != FIRST and has_context == _has_context(rung)
    ]
    if group:
      best = max(group, key=lambda name: _mean_validation(rungs[name]))
      reached = score.over_seeds(rungs[best]['scores'])
      text += (
          f' Of the rungs that read {reads}, validation chooses `{best}`, which'
          f' reaches {reached}.'
      )
  return text


def _has_context(rung: dict) -> bool:
  return 'odds' in rung['changes'].get('model.lstm_input', '').split('+')


def _mean_validation(rung: dict) -> float:
  return statistics.fmean(rung['validation'])


def _ordered(rungs: dict[str, dict]) -> list[tuple[str, dict]]:
  """Sorts rungs by their mean AUC on images, the first rung first."""
  key = score_columns.AUC_MEAN.key
  return sorted(
      rungs.items(),
      key=lambda item: (item[0] != FIRST, -item[1]['scores']['mean'][key]),
  )


def _changes(changes: dict[str, Any]) -> str:
  """Formats the fields that a rung changes, each by the end of its name."""
  return ', '.join(
      f'{key.rsplit(".", 1)[-1]}={_value(value)}'
      for key, value in changes.items()
  )


def _value(value: Any) -> str:
  return '/'.join(map(str, value)) if isinstance(value, list) else str(value)


def draw(content: dict) -> figure_lib.Figure:
  """Draws the AUC of every rung, each seed as a point.

  Args:
    content: Of `collect`.
  """
  datasets = content['datasets']
  key = score_columns.AUC_MEAN.key
  most = max(len(entry['rungs']) for entry in datasets.values())
  figure = figure_lib.Figure(
      figsize=(5 + 3 * len(datasets), 1.2 + 0.3 * most), layout='constrained'
  )
  axes = figure.subplots(1, len(datasets), squeeze=False)[0]
  for axis, (name, entry) in zip(axes, datasets.items(), strict=True):
    rungs = _ordered(entry['rungs'])[::-1]
    for row, (_, rung) in enumerate(rungs):
      seeds = rung['scores']['scores'][key]
      axis.plot(seeds, [row] * len(seeds), 'o', color='C0', alpha=0.5)
      mean = rung['scores']['mean'][key]
      axis.plot(mean, row, '|', color='black', markersize=14)
    axis.axvline(0.5, color='0.6', linestyle=':')
    axis.set(
        title=score_columns.title(name),
        xlabel='pixel AUC, mean over images',
        yticks=range(len(rungs)),
        yticklabels=[rung for rung, _ in rungs],
    )
    axis.grid(axis='x', alpha=0.3)
  return figure
