"""Reads the results of finished runs, averages and compares them."""

from collections.abc import Mapping, Sequence
import pathlib
import statistics
from typing import Any

from absl import logging

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import run_config

# Fields of `eval` that no score depends on.
WITHOUT_EFFECT = ('eval.batch_size', 'eval.examples', 'eval.splits')


def read_results(workdir: str | pathlib.Path) -> dict[str, dict]:
  """Returns the results of a run by the name of the split.

  Evaluations at different times may leave results of several checkpoints, or
  of several configs `eval`. Those of the latest checkpoint are returned, and of
  these the ones of one config; the others are logged, and named by
  `list_left_out`.

  Args:
    workdir: Folder of the run.

  Raises:
    UserError: There is none, or one is damaged.
  """
  results = _read_all(workdir)
  left_out = _left_out(results)
  for split, reason in left_out.items():
    logging.warning('%s: left out results/%s.json, %s', workdir, split, reason)
  return {k: v for k, v in results.items() if k not in left_out}


def list_left_out(workdir: str | pathlib.Path) -> list[str]:
  """Names the results of a run that `read_results` leaves out, and why.

  Args:
    workdir: Folder of the run.

  Returns:
    A sentence for each split that is left out.

  Raises:
    UserError: There is none, or one is damaged.
  """
  return [
      f'`results/{split}.json` is left out: {reason}.'
      for split, reason in _left_out(_read_all(workdir)).items()
  ]


def _read_all(workdir: str | pathlib.Path) -> dict[str, dict]:
  paths = sorted((pathlib.Path(workdir) / 'results').glob('*.json'))
  if not paths:
    raise errors.UserError(
        f'{str(workdir)!r} holds no results/*.json; evaluate the run first'
        ' with --mode=evaluate.'
    )
  results = {}
  for path in paths:
    try:
      results[path.stem] = files.read_json(path)
      if not {'scores', 'config'} <= results[path.stem].keys():
        raise ValueError('there are no scores or no config')
      config = run_config.upgraded(results[path.stem]['config'])
      results[path.stem]['config'] = config
    except (ValueError, AttributeError) as error:
      raise errors.UserError(
          f'{str(path)!r} is not the JSON that an evaluation writes ({error});'
          ' delete it and evaluate the run again with --mode=evaluate.'
      ) from error
  return results


def _left_out(results: Mapping[str, dict]) -> dict[str, str]:
  """Returns why a split cannot stand beside the others, by its name."""
  groups: dict[tuple[int, str], list[str]] = {}
  for split, result in results.items():
    key = (result.get('step') or 0, repr(_eval_config(result)))
    groups.setdefault(key, []).append(split)
  # Of groups with equally many splits, the one with `test` is kept.
  kept = max(
      groups, key=lambda k: (k[0], len(groups[k]), 'test' in groups[k], k)
  )
  reasons: dict[str, str] = {}
  for (step, _), splits in groups.items():
    if step != kept[0]:
      reason = f'of step {step}, where the others are of step {kept[0]}'
    else:
      reason = 'evaluated with other settings of `eval` than the others'
    if (step, _) != kept:
      reasons |= dict.fromkeys(splits, reason)
  return reasons


def _eval_config(result: dict) -> dict[str, Any]:
  flat = run_config.flatten(result['config'])
  return {
      key: flat[key]
      for key in sorted(flat)
      if key.startswith('eval.') and key not in WITHOUT_EFFECT
  }


def summarize(workdirs: Sequence[str | pathlib.Path]) -> dict:
  """Collects the runs of several seeds of one config.

  Args:
    workdirs: Folders of the runs.

  Returns:
    By split that all runs were evaluated on: `runs`, the results of each seed
    without their curves, and `mean` and `deviation` (sample standard deviation)
    of every score. Other splits are logged and left out.

  Raises:
    UserError: A run has no results, the runs share no split, or they differ in
      more than the seed.
  """
  names = [str(workdir) for workdir in workdirs]
  runs = [read_results(workdir) for workdir in workdirs]
  splits = [s for s in runs[0] if all(s in run for run in runs)] if runs else []
  if not splits:
    raise errors.UserError(
        f'The runs {names} were not all evaluated on the same splits; evaluate'
        ' them alike, with --mode=evaluate.'
    )
  for name, run in zip(names, runs, strict=True):
    for split in run.keys() - set(splits):
      logging.warning('%s: left out %s, which not all runs have', name, split)
  return {s: _summary(names, [run[s] for run in runs]) for s in splits}


def _summary(names: list[str], results: list[dict]) -> dict:
  """Returns mean and standard deviation over the seeds of one split."""
  results = [{**result, 'roc': None} for result in results]
  free = ('seed', *WITHOUT_EFFECT)
  configs = [run_config.flatten(result['config']) for result in results]
  fixed = [
      {k: v for k, v in config.items() if k not in free} for config in configs
  ]
  if any(other != fixed[0] for other in fixed):
    raise errors.UserError(
        f'The runs {names} differ in more than their seed; summarize runs of'
        ' one configuration.'
    )
  values = {
      key: [r['scores'][key] for r in results if r['scores'][key] is not None]
      for key in results[0]['scores']
  }
  return {
      'mean': {k: statistics.fmean(v) for k, v in values.items() if v},
      'deviation': {
          k: statistics.stdev(v) for k, v in values.items() if len(v) > 1
      },
      'runs': results,
  }


def compare(workdirs: Sequence[str | pathlib.Path]) -> dict:
  """Collects runs of different configs.

  Args:
    workdirs: Folders of the runs.

  Returns:
    By the run's folder: `settings`, the config fields in which the runs
    differ, and `scores` by split.

  Raises:
    UserError: A run has no results.
  """
  runs = {
      pathlib.Path(workdir).name: read_results(workdir)
      for workdir in workdirs
  }
  configs = {
      name: run_config.flatten(next(iter(results.values()))['config'])
      for name, results in runs.items()
  }
  keys = sorted(set().union(*configs.values()))
  differing = [
      key
      for key in keys
      if len({repr(config.get(key)) for config in configs.values()}) > 1
  ]
  return {
      name: {
          'settings': {key: configs[name].get(key) for key in differing},
          'scores': {split: r['scores'] for split, r in results.items()},
      }
      for name, results in runs.items()
  }
