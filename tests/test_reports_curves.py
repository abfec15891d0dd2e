"""Learning curves of runs of this and of older versions."""

import pathlib

import pytest

from manloc_jax.reports import curves
from manloc_jax.reports import figure_files


@pytest.fixture
def drawn(monkeypatch):
  """The lines of the last figure: y values by legend."""
  lines = {}

  def read(figure, path):
    del path
    for axis in figure.axes:
      for line in axis.lines:
        lines[line.get_label()] = list(line.get_ydata())

  monkeypatch.setattr(figure_files, 'save', read)
  return lines


@pytest.mark.parametrize(
    'validation',
    [
        {'val_patch': 0.5, 'val_mask': 0.25},
        # As version 0.1 wrote it.
        {'val_patch_loss': 0.5, 'val_mask_loss': 0.25},
        # The objective is drawn where both are there.
        {'val_patch': 0.5, 'val_mask': 0.25, 'val_patch_loss': 9.0},
    ],
)
def test_losses_of_training_and_validation_are_drawn(
    validation, drawn, tmp_path: pathlib.Path
):
  lines = [
      {'step': 1, 'train_patch': 0.7, 'train_mask': 0.6},
      {'step': 2, 'train_patch': None, 'train_mask': 0.4},
      {'step': 2, 'val_patch_auc': 0.8, **validation},
  ]
  curves.learning_curve([lines], tmp_path / 'curve.png')
  assert drawn == {
      'patch loss, training': [0.7],
      'mask loss, training': [0.6, 0.4],
      'patch loss, validation': [0.5],
      'mask loss, validation': [0.25],
      'patch AUC, validation': [0.8],
  }
