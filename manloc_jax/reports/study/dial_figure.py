"""Writes runs at several levels of `dial` as a file and draws their AUC."""

from collections.abc import Sequence
import pathlib

from matplotlib import figure as figure_lib

from manloc_jax.reports.study import dial
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs as runs_lib
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study
from manloc_jax.reports.study import study_file


def gather(
    workdirs: Sequence[str],
    path: str | pathlib.Path,
    defines: study_file.StudyFile,
) -> list[pathlib.Path]:
  """Gathers runs in one file, and draws them beside it.

  Args:
    workdirs: Folders of runs.
    path: The JSON to write.
    defines: The study that the runs are of.

  Returns:
    The files that were written.

  Raises:
    UserError: A run has not been evaluated, or the runs do not fit together.
  """
  runs = [runs_lib.read(workdir, defines) for workdir in workdirs]
  content = dial.collect(runs, defines)
  return study.write_with_figure(path, content, draw(content))


def draw(content: dict, split: str = 'test_grid') -> figure_lib.Figure:
  """Draws AUC over the level, a panel for each task.

  Args:
    content: Of `dial.collect`.
    split: Of `dial.SPLITS`; the detector is scored on whole images.

  Returns:
    The figure: means over seeds, and the range of the seeds.
  """
  figure = figure_lib.Figure(figsize=(9, 4.2), layout='constrained')
  labels = score_columns.labels(content)
  colors = {system: f'C{i}' for i, system in enumerate(labels)}
  axes = figure.subplots(1, 2, sharex=True, sharey=True)
  for axis, task in zip(axes, dial.TASKS, strict=True):
    key = score_columns.AUC[task].key
    for system, by_level in dial.series(content, task, split).items():
      levels = [float(level) for level in by_level]
      seeds = [results['scores'][key] for results in by_level.values()]
      means = [results['mean'][key] for results in by_level.values()]
      style = {'color': colors[system], 'label': labels[system]}
      axis.plot(levels, means, marker='o', **style)
      low, high = [min(s) for s in seeds], [max(s) for s in seeds]
      axis.fill_between(levels, low, high, color=colors[system], alpha=0.15)
    axis.axhline(0.5, color='0.6', linestyle=':', label='random')
    axis.set(title=paper.TASKS[task], xlabel='Level: 0 plain, 1 faint traces')
    axis.grid(alpha=0.3)
  numbers = {
      float(level): auc
      for level, entry in content['levels'].items()
      if (auc := dial.detector_auc(entry)) is not None
  }
  axes[0].plot(
      numbers.keys(),
      numbers.values(),
      color='black',
      linestyle='--',
      label='detector made by hand, whole images',
  )
  axes[0].set_ylabel('AUC')
  for axis in axes:
    axis.legend(fontsize='small')
  return figure
