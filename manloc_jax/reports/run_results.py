"""Results of finished runs: read, averaged over seeds, and compared."""

from collections.abc import Sequence
import json
import pathlib
import statistics

from manloc_jax import errors
from manloc_jax import run_config


def read_results(workdir: pathlib.Path) -> dict[str, dict]:
  """Returns the JSON of every evaluated split by the split's name.

  Raises:
    UserError: There is none, or one is damaged.
  """
  paths = sorted((pathlib.Path(workdir) / 'results').glob('*.json'))
  if not paths:
    raise errors.UserError(
        f'{str(workdir)!r} holds no results/*.json; evaluate the run first'
        ' with --mode=evaluate.'
    )
  results = {}
  for path in paths:
    try:
      results[path.stem] = json.loads(path.read_text())
      if not {'scores', 'config'} <= results[path.stem].keys():
        raise ValueError('there are no scores or no config')
    except (ValueError, AttributeError) as error:
      raise errors.UserError(
          f'{str(path)!r} is not the JSON that an evaluation writes ({error});'
          ' delete it and evaluate the run again with --mode=evaluate.'
      ) from error
  return results


def summarize(workdirs: Sequence[str | pathlib.Path]) -> dict:
  """Collects the runs of several seeds of one configuration.

  Returns:
    By split: `runs`, the results of each seed without their curves, and
    `mean` and `deviation` (sample standard deviation) of every score.

  Raises:
    UserError: A run has no results, or the runs differ in more than the seed.
  """
  runs = [read_results(pathlib.Path(workdir)) for workdir in workdirs]
  if not runs or any(run.keys() != runs[0].keys() for run in runs):
    raise errors.UserError(
        f'The runs {[str(w) for w in workdirs]} were not all evaluated on the'
        ' same splits; evaluate them alike, with --mode=evaluate.'
    )
  summary = {}
  for split in runs[0]:
    results = [{**run[split], 'roc': None} for run in runs]
    seedless = [{**r['config'], 'seed': None} for r in results]
    if any(other != seedless[0] for other in seedless):
      raise errors.UserError(
          f'The runs {[str(w) for w in workdirs]} differ in more than their'
          ' seed; summarize runs of one configuration.'
      )
    values = {
        key: [r['scores'][key] for r in results if r['scores'][key] is not None]
        for key in results[0]['scores']
    }
    summary[split] = {
        'mean': {k: statistics.fmean(v) for k, v in values.items() if v},
        'deviation': {
            k: statistics.stdev(v) for k, v in values.items() if len(v) > 1
        },
        'runs': results,
    }
  return summary


def compare(workdirs: Sequence[str | pathlib.Path]) -> dict:
  """Collects runs of different settings.

  Returns:
    By the run's folder: `settings`, those in which the runs are not all
    alike, and `scores` by split.

  Raises:
    UserError: A run has no results.
  """
  runs = {
      pathlib.Path(workdir).name: read_results(pathlib.Path(workdir))
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
