"""Writes figures of matplotlib as files."""

import pathlib

from manloc_jax import files

_DPI = 130


def save(figure, path: str | pathlib.Path) -> list[pathlib.Path]:
  """Writes a figure as PNG, and as PDF of the same name.

  Args:
    figure: The figure; nothing of it is cut.
    path: The PNG; its folder is made where it is missing.

  Returns:
    Both files.
  """
  png = pathlib.Path(path)
  pdf = png.with_suffix('.pdf')
  png.parent.mkdir(parents=True, exist_ok=True)
  save_png(figure, png)
  with files.replacing(pdf) as temporary:
    # Without a date the same figure is the same file.
    figure.savefig(
        temporary,
        format='pdf',
        bbox_inches='tight',
        metadata={'CreationDate': None},
    )
  return [png, pdf]


def save_png(figure, path: pathlib.Path) -> pathlib.Path:
  """Writes a figure as PNG alone; returns its path."""
  with files.replacing(path) as temporary:
    # Titles may stand out of a figure whose axes are squares.
    figure.savefig(temporary, format='png', dpi=_DPI, bbox_inches='tight')
  return path
