"""Writes a study as files: tables as text and images, and figures."""

from collections.abc import Sequence
import pathlib

from manloc_jax import files
from manloc_jax import run_config
from manloc_jax.metrics import thresholds
from manloc_jax.reports import figure_files
from manloc_jax.reports import latex
from manloc_jax.reports import typeset
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study as study_lib
from manloc_jax.reports.study import study_file
from manloc_jax.reports.study import tables


def gather(
    workdirs: Sequence[str],
    path: str | pathlib.Path,
    folder: str | None,
    defines: study_file.StudyFile | None,
) -> list[pathlib.Path]:
  """Gathers runs, where there are any, into a study, and renders it.

  ROC curves of all systems are drawn beside the JSON, and examples of the demo,
  whose photographs may be passed on.

  Args:
    workdirs: Folders of runs; without any, the study of `path` is rendered.
    path: JSON of the study.
    folder: Where tables and figures go; None for none.
    defines: The study that the runs are of; None without runs.

  Returns:
    The files that were written.

  Raises:
    UserError: A run has not been evaluated, or there is no such study.
  """
  written = []
  runs = []
  if workdirs and defines:
    runs = [runs_lib.read(workdir, defines) for workdir in workdirs]
    study = study_lib.collect(runs, defines)
    study_lib.write(path, study)
    runs = [run for run in runs if run.method == run_config.NETWORK]
    written += [pathlib.Path(path), *_draw_beside(path, study, runs)]
  if folder:
    written += render(study_lib.read(path), pathlib.Path(folder), runs)
  return written


def _draw_beside(
    path: str | pathlib.Path, study: dict, runs: Sequence[runs_lib.Run]
) -> list[pathlib.Path]:
  """Draws the figures that stand beside the JSON; returns their files."""
  from manloc_jax.reports.study import figures as figures_lib

  path = pathlib.Path(path)
  figures = {
      'roc': figures_lib.systems_roc(study),
      'examples': _examples(study, [x for x in runs if x.dataset == 'demo']),
  }
  return [
      figure_files.save_png(figure, path.with_name(f'{path.stem}_{name}.png'))
      for name, figure in figures.items()
      if figure
  ]


def render(
    study: dict, folder: pathlib.Path, runs: Sequence[runs_lib.Run] = ()
) -> list[pathlib.Path]:
  """Writes a study's tables as text and pictures, and its figures.

  Args:
    study: A study.
    folder: Where to write; it is made where it is missing.
    runs: The study's runs: those of the reference system that have
      `results/examples.npz` give Figure 5.

  Returns:
    The files.
  """
  # Imported here: a table alone does not need matplotlib.
  from manloc_jax.reports.study import figures as figures_lib

  folder.mkdir(parents=True, exist_ok=True)
  all_tables = tables.tables(study)
  markdown, tex = folder / 'tables.md', folder / 'tables.tex'
  text = [tables.protocol(study), '', *map(typeset.markdown, all_tables)]
  files.write_text(markdown, '\n'.join(text))
  # To be pasted: without rows that no run fills.
  run_only = tables.tables(study, run_only=True)
  files.write_text(tex, latex.document(run_only))
  pages = {f'_{t.name}': figures_lib.table_figure(t) for t in all_tables}
  documents = {
      'tables': pages,
      'roc': {'': figures_lib.joint_roc(study)},
      'roc_systems': {'': figures_lib.systems_roc(study)},
      'examples': {'': _examples(study, runs)},
  }
  written = [markdown, tex]
  for name, figures in documents.items():
    if all(figures.values()):
      written += figures_lib.save(figures, folder / f'{name}.pdf')
  return written


def _examples(study: dict, runs: Sequence[runs_lib.Run]):
  """Draws examples of the first seed of each dataset; None without any."""
  from manloc_jax.reports import contact_sheet

  groups, values = {}, {}
  for run in sorted(runs, key=lambda run: run.seed):
    path = run.path / 'results' / 'examples.npz'
    name = score_columns.title(run.dataset)
    is_reference = run.system == score_columns.reference(study)
    if not is_reference or name in groups or not path.exists():
      continue
    if threshold := thresholds.read(run.path, run.first['step']):
      groups[name] = contact_sheet.read(path, limit=3)
      values[name] = threshold.value
  return contact_sheet.sheet(groups, values) if groups else None
