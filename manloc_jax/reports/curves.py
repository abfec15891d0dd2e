"""ROC and learning curves."""

from collections.abc import Mapping, Sequence
import pathlib

from matplotlib import figure as figure_lib

from manloc_jax.reports import figure_files
from manloc_jax.training import metric_writer

# A single point has no line.
_FEW = 50
# Version 0.1 wrote only these losses of the validation, without class weights.
_OLDER = {'val_patch': 'val_patch_loss', 'val_mask': 'val_mask_loss'}


def roc_curves(results: Mapping[str, dict], path: pathlib.Path) -> None:
  """Draws the ROC of patches and of pixels (paper, Figure 4).

  Args:
    results: Legend to the JSON of one evaluated split.
    path: The PNG to write, with a PDF beside it.
  """
  figure = figure_lib.Figure(figsize=(9, 4.5), layout='constrained')
  axes = figure.subplots(1, 2)
  for axis, unit, name in zip(
      axes, ('patch', 'pixel'), ('Patches', 'Pixels, pooled'), strict=True
  ):
    for legend, result in results.items():
      curve = result['roc'].get(unit)
      if curve is None:
        continue
      key = 'patch_auc' if unit == 'patch' else 'pixel_auc_pooled'
      area = result['scores'][key]
      axis.plot(curve['fpr'], curve['tpr'], label=f'{legend}: AUC {area:.3f}')
    finish_roc(axis, name)
  figure_files.save(figure, path)


def finish_roc(axis, title: str) -> None:
  """Adds the diagonal, names and legend to axes with ROC curves."""
  axis.plot([0, 1], [0, 1], color='0.6', linestyle=':', label='random: 0.5')
  axis.set(
      title=title,
      xlabel='False positive rate',
      ylabel='True positive rate',
      aspect='equal',
  )
  axis.grid(alpha=0.3)
  axis.legend(loc='lower right', fontsize='small')


def learning_curve(
    runs: Sequence[Sequence[Mapping[str, float | None]]], path: pathlib.Path
) -> None:
  """Draws losses and validation AUC over the steps.

  Args:
    runs: The lines of `metrics.jsonl` of each run; runs share their colours.
    path: The PNG to write, with a PDF beside it.
  """
  figure = figure_lib.Figure(figsize=(9, 3.5), layout='constrained')
  left, right = figure.subplots(1, 2)
  series = {
      left: {
          'train_patch': 'patch loss, training',
          'train_mask': 'mask loss, training',
          'val_patch': 'patch loss, validation',
          'val_mask': 'mask loss, validation',
      },
      right: {
          'val_patch_auc': 'patch AUC, validation',
          'val_pixel_auc_pooled': 'pixel AUC, validation',
      },
  }
  for axis, names in series.items():
    for i, (key, legend) in enumerate(names.items()):
      label: str | None = legend
      for lines in runs:
        if points := _points(lines, key):
          _plot(axis, points, color=f'C{i}', label=label)
          label = None  # Once for all runs.
    axis.set_xlabel('Step')
    axis.grid(alpha=0.3)
    if axis.lines:  # A single task may leave a panel empty.
      axis.legend(fontsize='small')
  figure_files.save(figure, path)


def compared(
    runs: Mapping[str, str | pathlib.Path], path: str | pathlib.Path
) -> None:
  """Draws losses and validation AUC of several runs, each in a colour.

  Args:
    runs: Folders by legend.
    path: The PNG to write, with a PDF beside it.
  """
  panels = {
      'train_total': 'Loss of training',
      'val_total': 'Loss of validation',
      'val_patch_auc': 'Validation: patch AUC',
      'val_pixel_auc_pooled': 'Validation: pixel AUC',
  }
  lines = {name: metric_writer.read(str(run)) for name, run in runs.items()}
  figure = figure_lib.Figure(figsize=(9, 6.5), layout='constrained')
  axes = figure.subplots(2, 2).flat
  for axis, (key, title) in zip(axes, panels.items(), strict=True):
    for i, (name, own) in enumerate(lines.items()):
      if points := _points(own, key):
        _plot(axis, points, color=f'C{i}', label=name)
    axis.set(title=title, xlabel='Step')
    axis.grid(alpha=0.3)
    if axis.lines:
      axis.legend(fontsize='small')
  figure_files.save(figure, path)


def _plot(
    axis, points: Sequence[tuple[float | None, float]], **style
) -> None:
  """Draws a curve, with a dot for each point where there are few."""
  x, y = zip(*points, strict=True)
  if len(points) < _FEW:
    style |= {'marker': '.', 'markersize': 5}
  axis.plot(x, y, **style)


def _points(
    lines: Sequence[Mapping[str, float | None]], key: str
) -> list[tuple[float | None, float]]:
  """Returns step and value of the lines that have one."""
  values = [(x['step'], x.get(key, x.get(_OLDER.get(key, key)))) for x in lines]
  return [(step, value) for step, value in values if value is not None]
