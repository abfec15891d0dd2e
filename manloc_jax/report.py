"""Finished runs to pictures and tables: files in, files out.

  python -m manloc_jax.report runs/demo
  python -m manloc_jax.report runs/demo-0 runs/demo-1 --json demo.json

The first writes `report.md` and `figures/` into the run; the second also
writes the scores of all seeds, with their mean and spread, into one JSON file.
"""

import argparse
from collections.abc import Sequence
import json
import os
import pathlib
import statistics

from manloc_jax import errors
from manloc_jax import writer
from manloc_jax.plots import tables


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
      writer.read(str(workdir)), figures / 'learning_curve.png'
  )
  text = [f'# {workdir.name}', '']
  for result in results.values():
    text += [
        tables.counts_line(result),
        '',
        tables.scores_table([result]),
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
  path = workdir / 'report.md'
  path.write_text('\n'.join(text))
  return path


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
  summary = {}
  for split in runs[0]:
    results = [{**run[split], 'roc': None} for run in runs]
    settings = [{**r['config'], 'seed': None} for r in results]
    if any(other != settings[0] for other in settings):
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


def main(argv: Sequence[str] | None = None) -> None:
  """Parses the command line."""
  parser = argparse.ArgumentParser(
      prog='python -m manloc_jax.report', description=__doc__.split('\n')[0]
  )
  parser.add_argument('workdirs', nargs='+', help='run folders')
  parser.add_argument('--json', help='also write a summary over all runs here')
  args = parser.parse_args(argv)
  for workdir in args.workdirs:
    print(report(workdir))
  if args.json:
    summary = summarize(args.workdirs)
    path = pathlib.Path(args.json)
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(summary, indent=1))
    os.replace(temporary, path)
    for part in summary.values():
      print(f'\n{tables.counts_line(part["runs"][0])}\n')
      print(tables.scores_table(part['runs']))
      print(f'\n{tables.kinds_table(part["runs"])}')


if __name__ == '__main__':
  main()
