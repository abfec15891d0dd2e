"""Figures of evaluations on any set, as PNG in memory."""

from collections.abc import Mapping, Sequence
import io
from typing import Any

from matplotlib import figure as figure_lib
from matplotlib import ticker

from manloc_jax.reports import curves
from manloc_jax.reports import evaluation_tables

_DPI = 100
_POINTS = 8  # Size of a dot.


def roc(results: Sequence[Mapping[str, Any]]) -> bytes:
  """Draws the ROC of the pixels of all images, a curve for each method.

  Args:
    results: Of one set.
  """
  figure = figure_lib.Figure(figsize=(4.8, 4.5), layout='constrained')
  axis = figure.subplots()
  for result in results:
    curve = result['roc']['pixel']
    if curve is None:
      continue
    area = result['protocols']['whole image']['scores']['pixel_auc_pooled']
    axis.plot(
        curve['fpr'],
        curve['tpr'],
        label=f'{evaluation_tables.method(result)}: {area:.3f}',
    )
  curves.finish_roc(axis, 'Pixels, pooled')
  return _png(figure)


def against_area(results: Sequence[Mapping[str, Any]]) -> bytes:
  """Draws the AUC of each image over its manipulated fraction.

  Args:
    results: Of one set; each has a panel.
  """
  columns = min(len(results), 4)
  rows = -(-len(results) // columns)
  figure = figure_lib.Figure(
      figsize=(2.6 * columns + 0.6, 2.4 * rows + 0.3), layout='constrained'
  )
  axes = figure.subplots(
      rows, columns, squeeze=False, sharex=True, sharey=True
  ).ravel()
  for axis, result in zip(axes, results, strict=False):
    known = [x for x in result['images'] if x.get('auc') is not None]
    axis.scatter(
        [x['manipulated'] for x in known],
        [x['auc'] for x in known],
        s=_POINTS,
        linewidths=0,
    )
    axis.axhline(0.5, color='0.6', linestyle=':')
    smallest = min((x['manipulated'] for x in known), default=0.01)
    axis.set(
        title=evaluation_tables.method(result),
        xscale='log',
        xlim=(0.8 * min(smallest, 0.1), 1.1),
        ylim=(0, 1.02),
    )
    axis.xaxis.set_minor_formatter(ticker.NullFormatter())
    axis.grid(alpha=0.3)
  for axis in axes[len(results) :]:
    axis.set_axis_off()
  figure.supxlabel('Manipulated fraction of the image')
  figure.supylabel('AUC')
  return _png(figure)


def _png(figure) -> bytes:
  file = io.BytesIO()
  figure.savefig(file, dpi=_DPI)
  return file.getvalue()
