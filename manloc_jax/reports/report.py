"""Writes the report of a run: tables and figures made from its files."""

from collections.abc import Sequence
import itertools
import pathlib

from manloc_jax import files
from manloc_jax.metrics import thresholds
from manloc_jax.reports import latex
from manloc_jax.reports import run_results
from manloc_jax.reports import score_tables
from manloc_jax.reports import typeset
from manloc_jax.training import metric_writer
from manloc_jax.training import run_history


def report(workdir: str | pathlib.Path) -> pathlib.Path:
  """Writes the report of one run.

  Args:
    workdir: The run's folder.

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
  if past := _history(workdir):
    text += [' '.join(past), '']
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
    step = next(iter(results.values()))['step']
    if threshold := thresholds.read(workdir, step):
      contact_sheet.contact_sheet(
          examples, figures / 'examples.png', threshold=threshold.value
      )
      text += ['![Examples](figures/examples.png)', '']
  text += robustness(workdir)
  path = workdir / 'report.md'
  files.write_text(path, '\n'.join(text))
  return path


def _history(workdir: pathlib.Path) -> list[str]:
  """Returns sentences on what a run started from and its extensions."""
  history = run_history.read(workdir)
  sentences = []
  if source := history.get('init_from'):
    sentences.append(
        f'Started from the parameters of {source["source"]} at step'
        f' {source["step"]}.'
    )
  for before, phase in itertools.pairwise(history['phases']):
    old, new = before['settings'], phase['settings']
    changes = [
        f'{key} from {old.get(key)} to {new.get(key)}'
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    sentences.append(
        f'Extended after step {phase["first_step"]}: {", ".join(changes)}.'
    )
  return sentences


def robustness(workdir: str | pathlib.Path) -> list[str]:
  """Draws `figures/robustness.png` if the run was scored for robustness.

  Args:
    workdir: The run's folder.

  Returns:
    Lines of Markdown that show scores and figure; none if it was not.
  """
  from manloc_jax.reports import robustness_figures

  workdir = pathlib.Path(workdir)
  scores = workdir / 'results' / 'robustness' / 'scores.json'
  if not scores.exists():
    return []
  robustness_figures.curves(scores, workdir / 'figures' / 'robustness.png')
  return [
      'Windows of degraded test images:',
      '',
      robustness_figures.table(scores),
      '',
      '![Robustness](figures/robustness.png)',
      '',
  ]


def summarize(workdirs: Sequence[str], path: str | pathlib.Path) -> None:
  """Writes the scores of several seeds and draws their learning curves.

  Args:
    workdirs: Folders of runs of one config with different seeds.
    path: The JSON to write; the figure is written beside it.

  Raises:
    UserError: The runs differ in more than the seed, or lack results.
  """
  from manloc_jax.reports import curves

  path = pathlib.Path(path)
  files.write_json(path, run_results.summarize(workdirs))
  lines = [metric_writer.read(workdir) for workdir in workdirs]
  figure = path.with_name(f'{path.stem}_learning_curve.png')
  curves.learning_curve(lines, figure)


def compare(
    workdirs: Sequence[str], path: str | pathlib.Path
) -> list[pathlib.Path]:
  """Writes the scores of runs of different configs, and how these differ.

  Args:
    workdirs: Folders of runs.
    path: The JSON to write; a table of means over seeds goes beside it, as
      Markdown and as LaTeX.

  Returns:
    The files.

  Raises:
    UserError: A run has no results.
  """
  path = pathlib.Path(path)
  compared = run_results.compare(workdirs)
  table = score_tables.trials_table(compared)
  files.write_json(path, compared)
  files.write_text(path.with_suffix('.md'), typeset.markdown(table))
  files.write_text(path.with_suffix('.tex'), latex.document([table]))
  return [path, path.with_suffix('.md'), path.with_suffix('.tex')]
