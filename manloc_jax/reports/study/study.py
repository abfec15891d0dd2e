"""Gathers runs of a study's systems on its datasets in one small file."""

from collections.abc import Callable, Collection, Iterable, Sequence
import json
import pathlib
import re
import statistics

import numpy as np

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import run_config
from manloc_jax.reports import figure_files
from manloc_jax.reports.study import definition
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import study_file

# False positive rates at which a study keeps a ROC: dense where it is steep.
GRID = np.linspace(0, 1, 51) ** 2


def collect(
    runs: Sequence[runs_lib.Run],
    defines: study_file.StudyFile,
    own: Collection[str] = runs_lib.OWN,
) -> dict:
  """Gathers runs of several systems, datasets and seeds.

  Args:
    runs: The runs.
    defines: The study that they are of.
    own: Config fields in which seeds may differ.

  Returns:
    `definition`, see `definition.from_json`; `fpr`, the rates at which ROC
    curves are kept; and `datasets`; of each the
    `config` of its reference system and, by name, `systems`: `seeds`, the
    config fields `settings` that differ from the reference, provenance, and
    the scores of every split that all of its seeds were scored on, see
    `split_over_seeds`. Classical methods are in `methods`, see `_method`, and
    the fusion in `fusions`, by the name of its training set, see `_fusions`.

  Raises:
    UserError: There is no run; runs of a system differ in more than the seed,
      or systems in more than what defines them; a seed or a method comes
      twice; or methods were scored on other images.
  """
  if not runs:
    raise errors.UserError('There are no runs to study; name their folders.')
  datasets = {}
  for name, group in grouped(runs, lambda run: run.dataset, paper.DATASETS):
    fusions = [run for run in group if run.method == run_config.FUSION]
    networks = [run for run in group if run.method == run_config.NETWORK]
    trained = (run_config.FUSION, run_config.NETWORK)
    classical = [run for run in group if run.method not in trained]
    if classical or fusions:
      runs_lib.check_methods(classical, fusions, networks)
    methods = {
        method: _method(run)
        for method, (run,) in grouped(
            classical, lambda run: run.method, paper.METHODS
        )
    }
    others = {'methods': methods, 'fusions': _fusions(fusions)}
    if not networks:
      config = group[0].shared
      datasets[name] = {'config': config, 'systems': {}, **others}
      continue
    systems = dict(
        grouped(networks, lambda run: run.system, defines.defined.labels)
    )
    for seeds in systems.values():
      seeds.sort(key=lambda run: run.seed)
      runs_lib.check_seeds(seeds, own)
    # The first one of the study's that was run.
    reference = next(iter(systems.values()))[0]
    for seeds in systems.values():
      runs_lib.check_systems(reference, seeds[0], defines)
    datasets[name] = {
        'config': reference.shared,
        'systems': {
            system: _system(seeds, reference)
            for system, seeds in systems.items()
        },
        **others,
    }
  return {
      'definition': defines.defined.to_json(),
      'fpr': _rounded(GRID.tolist()),
      'datasets': datasets,
  }


def grouped(
    runs: Iterable[runs_lib.Run],
    key: Callable[[runs_lib.Run], str],
    order: Iterable[str],
) -> list[tuple[str, list[runs_lib.Run]]]:
  """Groups runs by a name, those of `order` first."""
  groups: dict[str, list[runs_lib.Run]] = {}
  for run in runs:
    groups.setdefault(key(run), []).append(run)
  rank = {name: i for i, name in enumerate(order)}
  names = sorted(groups, key=lambda name: (rank.get(name, len(rank)), name))
  return [(name, groups[name]) for name in names]


def _system(runs: list[runs_lib.Run], reference: runs_lib.Run) -> dict:
  """Returns what a study keeps of the runs of one system on one dataset."""
  first = runs[0]
  shared = reference.shared
  return {
      'seeds': [run.seed for run in runs],
      'settings': {
          k: v for k, v in first.shared.items() if v != shared.get(k)
      },
      'config_sha256': [run.first['config_sha256'] for run in runs],
      'steps': [run.first['step'] for run in runs],
      'devices': sorted({
          f'{run.first["devices"]} {run.first["device"]}' for run in runs
      }),
      'training_patches': first.first['data'].get('training_patches'),
      'splits': {
          split: split_over_seeds([run.results[split] for run in runs])
          for split in first.results
          if all(split in run.results for run in runs)
      },
  }


def _method(run: runs_lib.Run) -> dict:
  """Returns what a study keeps of a classical method.

  Returns:
    Provenance, and of each split the result of `split_over_seeds` with
    `val_threshold`, `auc_bound` and the scores by kind of manipulation.
  """
  kept = ('auc_bound', 'by_manipulation')
  return {
      'detector': run.first['detector'],
      'config_sha256': run.first['config_sha256'],
      'versions': run.first['versions'],
      'splits': {
          split: {
              **split_over_seeds([result]),
              **{key: _rounded(result[key]) for key in kept},
              'val_threshold': result['val_threshold'],  # On any scale.
          }
          for split, result in run.results.items()
      },
  }


def _fusions(runs: list[runs_lib.Run]) -> dict:
  """What a study keeps of the fusion: provenance and splits of all seeds."""
  kept = {}
  for data, seeds in grouped(runs, lambda run: run.training['data'], ()):
    seeds.sort(key=lambda run: run.training['seed'])
    first = seeds[0]
    kept[data] = {
        'training': [run.training for run in seeds],
        'weights_sha256': [
            run.first['detector']['weights_sha256'] for run in seeds
        ],
        'versions': first.first['versions'],
        'splits': {
            split: {
                **split_over_seeds([run.results[split] for run in seeds]),
                'by_manipulation': [
                    _rounded(run.results[split]['by_manipulation'])
                    for run in seeds
                ],
            }
            for split in first.results
            if all(split in run.results for run in seeds)
        },
    }
  return kept


def split_over_seeds(results: list[dict]) -> dict:
  """Returns what a study keeps of one split.

  Args:
    results: Its JSON, one per seed.

  Returns:
    `scores`, a list over seeds of each, with their `mean` and `deviation`
    (sample standard deviation); the same of each post-processing under
    `postprocessed`;
    `counts`; `trivial`; `roc`: by unit the true positive rates at `GRID`, a
    list per seed, where the system has that task; and for whole images
    `whole_image`: `seconds_per_megapixel` of each seed, and the number of
    images that were `not_applicable`.
  """
  variants = results[0].get('postprocessed', {})
  curves = {
      unit: [result['roc'].get(unit) for result in results]
      for unit in paper.TASKS
  }
  whole = {}
  if 'protocol' in results[0]:
    whole['whole_image'] = {
        'seconds_per_megapixel': _rounded(
            [result['seconds_per_megapixel'] for result in results]
        ),
        'not_applicable': results[0]['not_applicable']['images'],
    }
  return {
      **_over_seeds([result['scores'] for result in results]),
      'postprocessed': {
          variant: _over_seeds([r['postprocessed'][variant] for r in results])
          for variant in variants
      },
      'counts': results[0]['counts'],
      'trivial': _rounded(results[0]['trivial']),
      'roc': {
          unit: [_resampled(curve) for curve in by_seed]
          for unit, by_seed in curves.items()
          if None not in by_seed
      },
      **whole,
  }


def _over_seeds(scores: list[dict[str, float | None]]) -> dict[str, dict]:
  """Returns scores by name, over seeds, with mean and standard deviation."""
  # A score that is undefined for one seed has no mean over seeds.
  values: dict[str, list[float]] = {
      key: _rounded([one[key] for one in scores])
      for key in scores[0]
      if all(one.get(key) is not None for one in scores)
  }
  return {
      'scores': values,
      'mean': _rounded({k: statistics.fmean(v) for k, v in values.items()}),
      'deviation': _rounded(
          {k: statistics.stdev(v) for k, v in values.items() if len(v) > 1}
      ),
  }


def _resampled(curve: dict[str, list[float]]) -> list[float]:
  """Returns the true positive rates at `GRID`."""
  return _rounded(np.interp(GRID, curve['fpr'], curve['tpr']).tolist(), 4)


def _rounded(tree, digits: int = 6):
  if isinstance(tree, dict):
    return {key: _rounded(value, digits) for key, value in tree.items()}
  if isinstance(tree, list):
    return [_rounded(value, digits) for value in tree]
  return round(tree, digits) if isinstance(tree, float) else tree


def write(path: str | pathlib.Path, study: dict) -> None:
  """Writes a study as JSON, a line per list."""
  text = json.dumps(study, indent=1)
  # Only between tokens has JSON a line break, so no string is touched.
  text = re.sub(
      r'\[\n[^][{}]*\]', lambda match: re.sub(r'\n *', '', match[0]), text
  )
  files.write_text(path, text + '\n')


def write_with_figure(
    path: str | pathlib.Path, content: dict, figure
) -> list[pathlib.Path]:
  """Writes gathered runs as JSON, and their figure beside it.

  Args:
    path: Of the JSON.
    content: What was gathered.
    figure: Of matplotlib; a PNG of the same name is made of it.

  Returns:
    Both files.
  """
  path = pathlib.Path(path)
  write(path, content)
  return [path, figure_files.save_png(figure, path.with_suffix('.png'))]


def read(path: str | pathlib.Path) -> dict:
  """Reads a study.

  Raises:
    UserError: The file is missing, or is no study.
  """
  try:
    content = files.read_json(path)
    definition.from_json(content['definition'])
    for dataset in content['datasets'].values():
      if not all(one['splits'] for one in dataset['systems'].values()):
        raise ValueError('a system has no splits')
    if not content['datasets'] or len(content['fpr']) != len(GRID):
      raise ValueError('there is no dataset or no curve')
    return content
  except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
    raise errors.UserError(
        f'{str(path)!r} is not a study ({error}); write one with'
        ' manloc report RUNS --study FILE.'
    ) from error
