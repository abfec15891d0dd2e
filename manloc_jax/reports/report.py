"""The report of a run and of a study: files in, tables and figures out."""

from collections.abc import Sequence
import pathlib

from manloc_jax import files
from manloc_jax import run_config
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
  if left_out := run_results.list_left_out(workdir):
    text += [' '.join(left_out), '']
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


def gather_study(
    workdirs: Sequence[str], path: str | pathlib.Path, folder: str | None
) -> list[pathlib.Path]:
  """Gathers runs, where there are any, into a study, and renders it.

  Args:
    workdirs: Folders of runs; without any, the study of `path` is rendered.
    path: JSON of the study.
    folder: Where tables and figures go; None for none.

  Returns:
    The files that were written.

  Raises:
    UserError: A run has not been evaluated, or there is no such study.
  """
  written = []
  members = [runs.read(workdir) for workdir in workdirs]
  if members:
    study.write(path, study.collect(members))
    written.append(pathlib.Path(path))
    members = [run for run in members if run.method == run_config.NETWORK]
  if folder:
    written += render_study(study.read(path), pathlib.Path(folder), members)
  return written


def summarize(workdirs: Sequence[str], path: str | pathlib.Path) -> None:
  """Writes the scores of one setting's seeds; draws their learning curves."""
  from manloc_jax.reports import curves

  path = pathlib.Path(path)
  files.write_json(path, run_results.summarize(workdirs))
  lines = [metric_writer.read(workdir) for workdir in workdirs]
  figure = path.with_name(f'{path.stem}_learning_curve.png')
  curves.learning_curve(lines, figure)


def compare(workdirs: Sequence[str], path: str | pathlib.Path) -> None:
  """Writes the scores of runs of several settings."""
  files.write_json(path, run_results.compare(workdirs))
