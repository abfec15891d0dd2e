"""Draws contact sheets: image, truth, heat map and mask side by side."""

from collections.abc import Mapping, Sequence
import pathlib

from matplotlib import figure as figure_lib
import numpy as np

from manloc_jax import array_files
from manloc_jax.reports import figure_files

COLUMNS = ('Image', 'Truth', 'Heat map')  # And the mask.


def contact_sheet(
    examples: pathlib.Path, path: pathlib.Path, *, threshold: float
) -> None:
  """Draws one row per image (paper, Figure 5).

  Args:
    examples: An `.npz` of `qualitative.save`: images, truths, and scores, the
      probabilities of manipulation.
    path: The PNG to write, with a PDF beside it.
    threshold: Scores from here on are drawn as manipulated.
  """
  figure = sheet({'': read(examples)}, {'': threshold})
  figure_files.save(figure, path)


def read(examples: pathlib.Path, limit: int | None = None) -> list[dict]:
  """Reads examples: of each `image`, `truth` and `score`.

  Args:
    examples: An `.npz` of `qualitative.save`.
    limit: How many, evenly chosen; None for all.
  """
  arrays = array_files.read_npz(examples)
  indices = sorted({int(name.split('/')[0]) for name in arrays})
  if limit is not None and limit < len(indices):
    chosen = np.linspace(0, len(indices) - 1, limit).round().astype(int)
    indices = [indices[i] for i in chosen]
  return [
      {key: arrays[f'{i}/{key}'] for key in ('image', 'truth', 'score')}
      for i in indices
  ]


def sheet(
    groups: Mapping[str, Sequence[dict]], thresholds: Mapping[str, float]
):
  """Draws groups of examples below each other.

  Args:
    groups: Examples of `read` by the name that stands beside their rows.
    thresholds: By the same names; scores from here on are drawn as
      manipulated.

  Returns:
    The figure.
  """
  rows = [(name, x) for name, examples in groups.items() for x in examples]
  columns = len(COLUMNS) + 1
  figure = figure_lib.Figure(
      figsize=(2.6 * columns, 2.0 * len(rows)), layout='constrained'
  )
  axes = figure.subplots(len(rows), columns, squeeze=False)
  titled = set()
  for row, (name, example) in zip(axes, rows, strict=True):
    score, threshold = example['score'], thresholds[name]
    row[0].imshow(example['image'])
    row[1].imshow(example['truth'], cmap='gray', vmin=0, vmax=1)
    heat = row[2].imshow(score, cmap='inferno', vmin=0, vmax=1)
    row[3].imshow(score >= threshold, cmap='gray', vmin=0, vmax=1)
    row[0].set_ylabel(name)
    if name not in titled:
      titled.add(name)
      row[3].set_title(f'Mask (score ≥ {threshold:.2f})')
    for axis in row:
      # Not `set_axis_off`, which hides the name too.
      axis.set(xticks=[], yticks=[])
  for axis, title in zip(axes[0], COLUMNS, strict=False):
    axis.set_title(title)
  # Without `panchor` it would push the images to the right.
  figure.colorbar(heat, ax=axes, shrink=0.6, label='Score', panchor=False)
  return figure
