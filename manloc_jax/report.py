"""Finished runs to pictures and tables: files in, files out.

  python -m manloc_jax.report runs/demo
  python -m manloc_jax.report runs/demo-0 runs/demo-1 --summary demo.json
  python -m manloc_jax.report runs/a runs/b --compare trials.json
  python -m manloc_jax.report --readme README.md

The first writes `report.md` and `figures/` into each run. `--summary` puts the
scores of several seeds, with mean and spread, into one file and draws their
learning curves beside it; `--compare` collects the scores of several settings.
`--readme` writes the tables of all files committed under `manloc_jax/results/`
between the marks of a README, scores and speed each between its own.
"""

import argparse
from collections.abc import Sequence
import json
import pathlib
import statistics
import sys

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import settings
from manloc_jax import writer
from manloc_jax.plots import speed
from manloc_jax.plots import tables

RESULTS = pathlib.Path(__file__).parent / 'results'
BENCHMARKS = RESULTS / 'benchmarks'


def report(workdir: str | pathlib.Path) -> pathlib.Path:
  """Writes the report of one run.

  Returns:
    `report.md` in the run's folder, which shows the figures beside it.

  Raises:
    UserError: The run has not been evaluated.
  """
  # Imported here: a table alone does not need matplotlib.
  from manloc_jax.plots import curves, masks

  workdir = pathlib.Path(workdir)
  results = read_results(workdir)
  figures = workdir / 'figures'
  curves.roc_curves(results, figures / 'roc.png')
  curves.learning_curve(
      [writer.read(str(workdir))], figures / 'learning_curve.png'
  )
  text = [f'# {workdir.name}', '']
  for result in results.values():
    text += [
        tables.counts_line(result),
        '',
        tables.scores_table([result]),
        '',
        tables.postprocessed_table([result]),
        '',
        tables.kinds_table([result]),
        '',
    ]
  text += ['![ROC curves](figures/roc.png)', '']
  text += ['![Learning curve](figures/learning_curve.png)', '']
  examples = workdir / 'results' / 'examples.npz'
  if examples.exists():
    threshold = next(iter(results.values()))['val_threshold']
    masks.contact_sheet(
        examples, figures / 'examples.png', threshold=threshold
    )
    text += ['![Examples](figures/examples.png)', '']
  text += robustness(workdir)
  path = workdir / 'report.md'
  files.write_text(path, '\n'.join(text))
  return path


def robustness(workdir: str | pathlib.Path) -> list[str]:
  """Draws `figures/robustness.png` if the run was scored for robustness.

  Returns:
    Lines of Markdown that show scores and figure; none if it was not.
  """
  from manloc_jax.plots import robustness as plots

  workdir = pathlib.Path(workdir)
  scores = workdir / 'results' / 'robustness' / 'scores.json'
  if not scores.exists():
    return []
  plots.curves(scores, workdir / 'figures' / 'robustness.png')
  return [
      'Windows of degraded test images:',
      '',
      plots.table(scores),
      '',
      '![Robustness](figures/robustness.png)',
      '',
  ]


def read_results(workdir: pathlib.Path) -> dict[str, dict]:
  """Returns the JSON of every evaluated split by the split's name.

  Raises:
    UserError: There is none.
  """
  paths = sorted((pathlib.Path(workdir) / 'results').glob('*.json'))
  if not paths:
    raise errors.UserError(
        f'{str(workdir)!r} holds no results/*.json; evaluate the run first'
        ' with --mode=evaluate.'
    )
  return {path.stem: json.loads(path.read_text()) for path in paths}


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
      name: settings.flatten(next(iter(results.values()))['config'])
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


def scores_block() -> str:
  """Makes the README's scores from the files under `results/`."""
  text = []
  for path in sorted(RESULTS.glob('*.json')):
    content = json.loads(path.read_text())
    text += [f'### `results/{path.name}`', '']
    if 'test' not in content:
      text += [tables.trials_table(content), '']
      continue
    for part in content.values():
      first = part['runs'][0]
      text += [
          f'{tables.counts_line(first)} Configuration'
          f' `{first["config_sha256"][:12]}`, device {first["device"]}.',
          '',
          tables.scores_table(part['runs']),
          '',
          tables.kinds_table(part['runs']),
          '',
      ]
    text += [tables.rates_line(content['test']['runs']), '']
    if path.with_name(f'{path.stem}_learning_curve.png').exists():
      picture = f'manloc_jax/results/{path.stem}_learning_curve.png'
      text += [f'![Learning curves]({picture})', '']
  return '\n'.join(text)


def speed_block() -> str:
  """Makes the README's benchmarks from the files of each device."""
  text = []
  for folder in sorted(path for path in BENCHMARKS.glob('*') if path.is_dir()):
    found = [json.loads(path.read_text()) for path in folder.glob('*.json')]
    found.sort(key=lambda result: (result['benchmark'], result['summary']))
    steps = [r for r in found if r['benchmark'] == 'train_step']
    others = [r for r in found if r['benchmark'] != 'train_step']
    text += [f'### {found[0]["device"]}', '']
    text += [speed.step_table(steps, speed.TORCH), '']
    if any('plain-lstm' in result['ratios'] for result in steps):
      text += ['Times ours without one of its arrangements:', '']
      text += [speed.step_table(steps, speed.ARRANGEMENTS), '']
    lines = [line for result in (*steps, *others) for line in result['summary']]
    text += ['<details><summary>All figures</summary>', '', '```text', *lines]
    text += ['```', '', '</details>', '']
  return '\n'.join(text)


# What stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a README.
_BLOCKS = {'results': scores_block, 'speed': speed_block}


def update_readme(path: pathlib.Path) -> None:
  """Replaces what stands between the marks of a README.

  Raises:
    UserError: The marks are missing.
  """
  text = path.read_text()
  for name, make in _BLOCKS.items():
    begin, end = f'<!-- {name}:begin -->', f'<!-- {name}:end -->'
    if begin not in text or end not in text:
      raise errors.UserError(
          f'{str(path)!r} has no line {begin!r} followed by {end!r}; put both'
          f' where the {name} belongs.'
      )
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    text = f'{head}{begin}\n{make()}{end}{tail}'
  files.write_text(path, text)


def _write_json(path: str, content: dict) -> None:
  files.write_text(path, json.dumps(content, indent=1) + '\n')


def _draw_learning_curves(workdirs, summary: pathlib.Path) -> None:
  from manloc_jax.plots import curves

  lines = [writer.read(workdir) for workdir in workdirs]
  path = summary.with_name(f'{summary.stem}_learning_curve.png')
  curves.learning_curve(lines, path)


def main(argv: Sequence[str] | None = None) -> None:
  """Parses the command line."""
  parser = argparse.ArgumentParser(
      prog='python -m manloc_jax.report', description=__doc__.split('\n')[0]
  )
  parser.add_argument('workdirs', nargs='*', help='run folders')
  parser.add_argument('--summary', help='JSON of the seeds of one setting')
  parser.add_argument('--compare', help='JSON of runs of several settings')
  parser.add_argument('--readme', help='README to update from results/')
  args = parser.parse_args(argv)
  try:
    for workdir in args.workdirs:
      print(report(workdir))
    if args.summary:
      _write_json(args.summary, summarize(args.workdirs))
      _draw_learning_curves(args.workdirs, pathlib.Path(args.summary))
    if args.compare:
      _write_json(args.compare, compare(args.workdirs))
    if args.readme:
      update_readme(pathlib.Path(args.readme))
  except errors.UserError as error:
    print(error, file=sys.stderr)
    sys.exit(2)


if __name__ == '__main__':
  main()
