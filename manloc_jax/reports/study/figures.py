"""Figures 4 and 5 of the paper, and a study's tables as pictures."""

from collections.abc import Mapping
import functools
import pathlib
import textwrap
from typing import Any

from matplotlib import figure as figure_lib
from matplotlib.backends import backend_pdf
import numpy as np

from manloc_jax import files
from manloc_jax.reports import curves
from manloc_jax.reports import figure_files
from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import score_columns

# Inches, of a letter and of a line of text at that size.
_POINTS, _LETTER, _LINE = 8, 0.068, 0.2


def joint_roc(study: dict):
  """Draws the reference system, a curve per dataset (paper, Figure 4).

  Args:
    study: A study.

  Returns:
    A figure with a panel per task, or None without such runs.
  """
  find = functools.partial(score_columns.find_split, study)
  reference = score_columns.reference(study)
  splits = {
      dataset: results
      for dataset in study['datasets']
      if (results := find(dataset, reference, 'test'))
  }
  if not splits:
    return None
  figure = figure_lib.Figure(figsize=(9, 4.7), layout='constrained')
  axes = figure.subplots(1, 2)
  for axis, (task, name) in zip(axes, paper.TASKS.items(), strict=True):
    for i, (dataset, results) in enumerate(splits.items()):
      if task not in results['roc']:
        continue  # Its patches are of one class.
      label = f'{score_columns.title(dataset)}: AUC {_auc(results, task)}'
      key = score_columns.AUC[task].key
      published = paper.PUBLISHED[key].get(reference, {}).get(dataset)
      if published:
        label += f' (paper: {published:.4f})'
      _curve(axis, study['fpr'], results['roc'][task], label, f'C{i}')
    curves.finish_roc(axis, name)
  return figure


def systems_roc(study: dict):
  """Draws all systems, a row of panels for each dataset.

  Returns:
    A figure, or None where there is no system.
  """
  datasets = [name for name, one in study['datasets'].items() if one['systems']]
  if not datasets:
    return None
  figure = figure_lib.Figure(
      figsize=(11, 5.6 * len(datasets)), layout='constrained'
  )
  axes = figure.subplots(len(datasets), 2, squeeze=False)
  labels = score_columns.labels(study)
  colors = {system: f'C{i}' for i, system in enumerate(labels, -1)}
  colors[score_columns.reference(study)] = 'black'
  for row, dataset in zip(axes, datasets, strict=True):
    for axis, (task, name) in zip(row, paper.TASKS.items(), strict=True):
      for system, title in labels.items():
        results = score_columns.find_split(study, dataset, system, 'test')
        if results and task in results['roc']:
          label = f'{title}: AUC {_auc(results, task)}'
          curve = results['roc'][task]
          _curve(axis, study['fpr'], curve, label, colors[system])
      curves.finish_roc(axis, f'{score_columns.title(dataset)}: {name}')
  return figure


def _auc(results: dict, task: str) -> str:
  return score_columns.AUC[task].over_seeds(results)


def _curve(axis, fpr, tpr_of_seeds, label: str, color: str) -> None:
  """Draws the mean over seeds at each rate, and the range of the seeds."""
  # From the corner, however many hits come before the first false positive.
  fpr = [0, *fpr]
  tpr = np.pad(np.array(tpr_of_seeds), ((0, 0), (1, 0)))
  axis.plot(fpr, tpr.mean(axis=0), label=label, color=color)
  low, high = tpr.min(axis=0), tpr.max(axis=0)
  axis.fill_between(fpr, low, high, color=color, alpha=0.15, linewidth=0)


def table_figure(table: typeset.Table):
  """Draws a table on a figure as large as it needs to be; returns it."""
  lines = [table.header, *table.rows]
  widths = [
      _LETTER * (2 + max(map(len, column)))
      for column in zip(*lines, strict=True)
  ]
  width = max(sum(widths), 6.0)
  notes = textwrap.wrap(' '.join(table.notes), int(width / _LETTER))
  height = _LINE * (len(lines) + len(notes) + 3)
  figure = figure_lib.Figure(figsize=(width, height))
  # One unit is one inch, from the top left corner.
  axis = figure.add_axes((0, 0, 1, 1))
  axis.set(xlim=(0, width), ylim=(height, 0))
  axis.set_axis_off()

  def write(x, line, text, **how):
    middle = _LINE * (line + 0.5)
    axis.text(x, middle, text, fontsize=_POINTS, va='center', **how)

  def rule(line, thickness):
    end = [_LETTER, width - _LETTER]
    axis.plot(end, [_LINE * line] * 2, color='black', linewidth=thickness)

  write(_LETTER, 0.3, table.title, fontweight='bold')
  starts = np.cumsum([_LETTER, *widths[:-1]])
  for i, cells in enumerate(lines):
    for x, cell in zip(starts, cells, strict=True):
      write(x, i + 1.5, cell)
  rule(1.5, 1.2)
  rule(2.5, 0.6)
  for row in table.rules:
    if row:
      rule(row + 2.5, 0.3)
  rule(len(lines) + 1.5, 1.2)
  for i, note in enumerate(notes):
    write(_LETTER, len(lines) + 2 + i, note)
  return figure


def save(figures: Mapping[str, Any], path: pathlib.Path) -> list[pathlib.Path]:
  """Writes figures as one PDF with a page each, and as PNG.

  Args:
    figures: What to add to the name of each PNG, and the figure.
    path: The PDF.

  Returns:
    The files.
  """
  written = [path]
  with files.replacing(path) as temporary:
    with backend_pdf.PdfPages(temporary) as pages:
      for name, figure in figures.items():
        png = path.with_name(f'{path.stem}{name}.png')
        pages.savefig(figure, bbox_inches='tight')
        written.append(figure_files.save_png(figure, png))
  return written
