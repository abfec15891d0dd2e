"""Finished runs to pictures and tables: files in, files out.

  manloc report runs/demo
  manloc report runs/demo-0 runs/demo-1 --summary demo.json
  manloc report runs/a runs/b --compare trials.json
  manloc report runs/ablation/*/* --study study.json --out study
  manloc report --study study.json --out study
  manloc report --readme README.md

The first writes `report.md` and `figures/` into each run. `--summary` puts the
scores of several seeds, with mean and spread, into one file and draws their
learning curves beside it; `--compare` collects the scores of several settings.
`--study` gathers the paper's systems on any datasets, with several seeds, and
classical methods, and `--out` is the folder for Tables 1 to 6 and Figures 4 and
5, made from that file (Figure 5 needs the runs).
`--readme` writes the tables of all files committed under `manloc_jax/results/`
between the marks of a README, each kind between its own.
"""

import argparse
from collections.abc import Sequence
import json
import pathlib
import sys

from manloc_jax import argument_types
from manloc_jax import files
from manloc_jax import run_config
from manloc_jax.reports import generated_docs
from manloc_jax.reports import run_results
from manloc_jax.reports import score_tables
from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study
from manloc_jax.reports.study import tables
from manloc_jax.training import metric_writer


def report(workdir: str | pathlib.Path) -> pathlib.Path:
  """Writes the report of one run.

  Returns:
    `report.md` in the run's folder, which shows the figures beside it.

  Raises:
    UserError: The run has not been evaluated.
  """
  # Imported here: a table alone does not need matplotlib.
  from manloc_jax.reports import contact_sheet
  from manloc_jax.reports import curves

  workdir = pathlib.Path(workdir)
  results = run_results.read_results(workdir)
  figures = workdir / 'figures'
  curves.roc_curves(results, figures / 'roc.png')
  steps = metric_writer.read(str(workdir))
  if steps:  # Classical methods learn nothing.
    curves.learning_curve([steps], figures / 'learning_curve.png')
  text = [f'# {workdir.name}', '']
  for result in results.values():
    text += [
        score_tables.counts_line(result),
        '',
        score_tables.scores_table([result]),
        '',
        score_tables.postprocessed_table([result]),
        '',
        score_tables.kinds_table([result]),
        '',
    ]
  text += ['![ROC curves](figures/roc.png)', '']
  if steps:
    text += ['![Learning curve](figures/learning_curve.png)', '']
  examples = workdir / 'results' / 'examples.npz'
  if examples.exists():
    threshold = next(iter(results.values()))['val_threshold']
    contact_sheet.contact_sheet(
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
  from manloc_jax.reports import robustness_figures as plots

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


def render_study(
    found: dict, folder: pathlib.Path, members: Sequence[runs.Run] = ()
) -> list[pathlib.Path]:
  """Writes a study's tables as text and pictures, and its figures.

  Args:
    found: A study.
    folder: Where to write; it is made where it is missing.
    members: The study's runs: those of the joint system that have
      `results/examples.npz` give Figure 5.

  Returns:
    The files.
  """
  from manloc_jax.reports.study import figures as study_figures

  folder.mkdir(parents=True, exist_ok=True)
  made = tables.tables(found)
  markdown, latex = folder / 'tables.md', folder / 'tables.tex'
  text = [tables.protocol(found), '', *map(typeset.markdown, made)]
  files.write_text(markdown, '\n'.join(text))
  files.write_text(latex, '\n'.join(map(typeset.latex, made)))
  figures = {
      'tables': {f'_{t.name}': study_figures.table_figure(t) for t in made},
      'roc': {'': study_figures.joint_roc(found)},
      'roc_systems': {'': study_figures.systems_roc(found)},
      'examples': {'': _examples(members)},
  }
  written = [markdown, latex]
  for name, drawn in figures.items():
    if all(drawn.values()):
      written += study_figures.save(drawn, folder / f'{name}.pdf')
  return written


def _examples(members: Sequence[runs.Run]):
  """Draws examples of the first seed of each dataset; None without any."""
  from manloc_jax.reports import contact_sheet

  groups, thresholds = {}, {}
  for run in sorted(members, key=lambda run: run.seed):
    path = run.path / 'results' / 'examples.npz'
    name = score_columns.title(run.dataset)
    if run.system == paper.JOINT and name not in groups and path.exists():
      groups[name] = contact_sheet.read(path, limit=3)
      thresholds[name] = run.first['val_threshold']
  return contact_sheet.sheet(groups, thresholds) if groups else None


def _study(workdirs: Sequence[str], path: str, folder: str | None) -> None:
  """Gathers runs, where there are any, into a study; renders it."""
  members = [runs.read(workdir) for workdir in workdirs]
  if members:
    study.write(path, study.collect(members))
    print(path)
    members = [run for run in members if run.method == run_config.NETWORK]
  if folder:
    for made in render_study(study.read(path), pathlib.Path(folder), members):
      print(made)


def _write_json(path: str, content: dict) -> None:
  files.write_text(path, json.dumps(content, indent=1) + '\n')


def _draw_learning_curves(workdirs, summary: pathlib.Path) -> None:
  from manloc_jax.reports import curves

  lines = [metric_writer.read(workdir) for workdir in workdirs]
  path = summary.with_name(f'{summary.stem}_learning_curve.png')
  curves.learning_curve(lines, path)


def main(argv: Sequence[str] | None = None) -> None:
  """Parses the command line."""
  parser = argument_types.Parser(
      prog='manloc report', description=__doc__.split('\n')[0]
  )
  parser.add_argument('workdirs', nargs='*', help='run folders')
  parser.add_argument('--summary', help='JSON of the seeds of one setting')
  parser.add_argument('--compare', help='JSON of runs of several settings')
  parser.add_argument('--study', help="JSON of runs of the paper's systems")
  parser.add_argument('--out', help='folder for tables and figures of --study')
  parser.add_argument('--readme', help='README to update from results/')
  args = parser.parse_args(argv)
  if args.out and not args.study:
    parser.error('--out renders a study: name its file with --study')
  if args.study and not (args.workdirs or args.out):
    parser.error('--study needs runs to gather, or --out to render it')
  if not (args.workdirs or args.study or args.readme):
    parser.error('name the folders of runs')
  if code := argument_types.exit_code(lambda: _run(args)):
    sys.exit(code)


def _run(args: argparse.Namespace) -> None:
  if args.study:
    _study(args.workdirs, args.study, args.out)
  else:
    for workdir in args.workdirs:
      print(report(workdir))
  if args.summary:
    _write_json(args.summary, run_results.summarize(args.workdirs))
    _draw_learning_curves(args.workdirs, pathlib.Path(args.summary))
  if args.compare:
    _write_json(args.compare, run_results.compare(args.workdirs))
  if args.readme:
    generated_docs.update(pathlib.Path(args.readme))


if __name__ == '__main__':
  main()
