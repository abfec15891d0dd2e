"""Draws whether scores of blocks are probabilities."""

from collections.abc import Mapping, Sequence
import pathlib

from matplotlib import figure as figure_lib

from manloc_jax.reports import figure_files


def draw(
    reliability: Mapping[str, Sequence[float]], path: str | pathlib.Path
) -> list[pathlib.Path]:
  """Draws the manipulated fraction over the score, and the numbers of blocks.

  Args:
    reliability: Of `fusion.held_out.score`: lists of equal length.
    path: The PNG to write, with a PDF beside it.

  Returns:
    Both files.
  """
  figure = figure_lib.Figure(figsize=(5, 6), layout='constrained')
  top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
  bins = [
      one
      for one in zip(
          reliability['score'],
          reliability['manipulated'],
          reliability['blocks'],
          strict=True,
      )
      if one[-1]
  ]
  scores, fractions, blocks = zip(*bins, strict=True)
  top.plot([0, 1], [0, 1], color='0.6', linestyle=':', label='calibrated')
  top.plot(scores, fractions, marker='o', label='test split')
  top.set(ylabel='Manipulated fraction of pixels', xlim=(0, 1), ylim=(0, 1))
  top.grid(alpha=0.3)
  top.legend(loc='upper left', fontsize='small')
  bottom.bar(scores, blocks, width=0.06)
  bottom.set(xlabel='Score of a block', ylabel='Blocks', yscale='log')
  return figure_files.save(figure, path)
