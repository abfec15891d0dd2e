"""Draws a contact sheet of forgeries."""

from collections.abc import Sequence
import itertools
import pathlib
from typing import Protocol

from matplotlib import figure as figure_lib
import numpy as np

from manloc_jax.reports import figure_files

_ACROSS = 3  # Forgeries in a row.


class Example(Protocol):
  """What is drawn of a forgery."""

  @property
  def title(self) -> str:
    """What stands above it."""

  @property
  def image(self) -> np.ndarray:
    """The forgery, uint8[h, w, 3]."""

  @property
  def mask(self) -> np.ndarray:
    """The ground truth, uint8[h, w], 1 = manipulated."""

  @property
  def original(self) -> np.ndarray | None:
    """The host, uint8[h, w, 3], where it is known."""


def draw(examples: Sequence[Example], path: pathlib.Path) -> None:
  """Draws forgeries, each with and without the outline of its mask.

  Args:
    examples: The forgeries, at least one; originals are drawn before them where
      they are known.
    path: The PNG to write; the same forgeries give the same bytes.
  """
  panels = 2 + any(example.original is not None for example in examples)
  rows = -(-len(examples) // _ACROSS)
  figure = figure_lib.Figure(
      figsize=(2.4 * panels * _ACROSS, 2.2 * rows), layout='constrained'
  )
  axes = figure.subplots(rows, panels * _ACROSS, squeeze=False)
  for axis in axes.flat:
    axis.set_axis_off()
  starts = itertools.product(range(rows), range(0, panels * _ACROSS, panels))
  for example, (row, column) in zip(examples, starts, strict=False):
    shown = axes[row, column : column + panels]
    if example.original is not None:
      shown[0].imshow(example.original)
      shown[0].set_title('before', fontsize='small')
    shown[-2].imshow(example.image)
    shown[-2].set_title(example.title, fontsize='small')
    shown[-1].imshow(example.image)
    shown[-1].contour(example.mask, levels=[0.5], colors='red')
  figure_files.save_png(figure, path)
