"""Figures: nothing is cut, and few points are seen."""

import numpy as np
from PIL import Image
import pytest
import studies

from manloc_jax.reports import curves
from manloc_jax.reports import figure_files

MARGIN = 4  # Pixels of paper on each side.


def check_margins(path):
  picture = np.asarray(Image.open(path).convert('L'))
  for side in (picture, picture[::-1], picture.T, picture.T[::-1]):
    assert (side[:MARGIN] == 255).all(), path
  assert (picture < 128).any()


def draw_roc(path):
  result = studies.make_result('j-conv-lstm-conv', 0, 'nist16', 0.8)
  curves.roc_curves({'test': result}, path)


def draw_learning_curve(path):
  lines = [{'step': 7, 'train_mask': 0.5, 'val_patch_auc': 0.7}]
  curves.learning_curve([lines], path)


@pytest.mark.parametrize('draw', [draw_roc, draw_learning_curve])
def test_nothing_is_cut_and_a_pdf_stands_beside(draw, tmp_path):
  path = tmp_path / 'new' / 'figure.png'
  draw(path)
  check_margins(path)
  pdf = path.with_suffix('.pdf').read_bytes()
  assert pdf.startswith(b'%PDF')
  draw(path)
  assert path.with_suffix('.pdf').read_bytes() == pdf, 'no date is in it'


@pytest.mark.parametrize(('steps', 'marker'), [(1, '.'), (99, 'None')])
def test_few_points_have_dots(steps, marker, monkeypatch):
  figures = []
  monkeypatch.setattr(
      figure_files, 'save', lambda figure, path: figures.append(figure)
  )
  lines = [{'step': i, 'train_mask': 0.5} for i in range(steps)]
  curves.learning_curve([lines], 'unused.png')
  (line,) = figures[0].axes[0].lines
  assert line.get_marker() == marker
