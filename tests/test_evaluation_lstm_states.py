"""Readouts of what the LSTM carries find what there is."""

import numpy as np
import pytest
import small
import trees

from manloc_jax import checkpoint
from manloc_jax import errors
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import lstm_states


@pytest.mark.slow
def test_a_run_has_a_curve_for_each_layer_and_a_figure(tmp_path):
  prepared = prepared_set.PreparedSet.open(
      trees.prepared(trees.casia1(tmp_path / 'a'), tmp_path / 'b')
  )
  fitted, scored = (
      lstm_states.read_windows(prepared, split, 12)
      for split in ('train', 'test_grid')
  )
  assert fitted.images.shape == (12, 64, 64, 3)
  assert fitted.compression.shape == (12, 8, 8, 34)
  fractions = fitted.masks.mean(axis=(1, 2))
  assert ((fractions > 0.15) & (fractions < 0.85)).all()
  run = checkpoint.load(small.untrained_run(tmp_path / 'run'))
  curves = lstm_states.readouts(run, fitted, scored, (0, 8))
  assert [*curves] == [
      lstm_states.INPUT, *(f'output of layer {i}' for i in (1, 2, 3))
  ]
  assert all(((0 <= x) & (x <= 1)).all() for x in curves.values())
  figure = lstm_states.draw(run, scored, curves, (0, 8))
  titles = [axis.get_title() for axis in figure.axes]
  assert titles[:5] == [
      'patch', 'truth', 'conv2', 'change of cell states', 'mask'
  ]
  lines = figure.axes[-1].lines
  np.testing.assert_array_equal(
      lines[3].get_ydata(), curves['output of layer 3']
  )


def test_labels_are_those_of_blocks_row_by_row():
  masks = np.zeros((1, 64, 64), np.uint8)
  masks[0, 8:16, 40:44] = 1  # Half of the block in row 1 and column 5.
  masks[0, 16:24, 0:3] = 1  # Less than half of one.
  windows = lstm_states.Windows(masks, masks, masks)
  assert np.flatnonzero(windows.labels[0]).tolist() == [8 + 5]


def test_a_split_without_a_boundary_is_refused(monkeypatch):
  batch = {
      'image': np.zeros((2, 64, 64, 3), np.uint8),
      'mask': np.zeros((2, 64, 64), np.uint8),
      'compression': np.zeros((2, 8, 8, 34), np.uint8),
      'weight': np.ones(2, np.float32),
  }
  monkeypatch.setattr(
      lstm_states.backend, 'eval_batches', lambda *_, **__: [batch]
  )
  prepared = prepared_set.PreparedSet('x', {})
  with pytest.raises(errors.UserError, match="No window of the split 'val'"):
    lstm_states.read_windows(prepared, 'val')


def test_a_readout_finds_what_states_hold():
  rng = np.random.default_rng(0)
  labels = [rng.random((20, 64)) < 0.5 for _ in range(2)]
  # States that hold the label of the step before, and noise.
  states = [
      np.stack([np.roll(x, 1, axis=1), rng.random(x.shape)], axis=-1)
      for x in labels
  ]
  scores = lstm_states.auc_by_lag(*labels, states)
  by_lag = dict(zip(lstm_states.LAGS, scores, strict=True))
  assert by_lag[1] == 1.0
  assert by_lag[0] == pytest.approx(0.5, abs=0.1)
