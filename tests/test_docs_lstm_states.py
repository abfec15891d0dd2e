"""The script of docs/analysis.md draws its figure for a run."""

import importlib.util

import documents
import numpy as np
from PIL import Image
import pytest
import small
import trees


@pytest.fixture
def script():
  file = documents.ROOT / 'docs/lstm_states.py'
  spec = importlib.util.spec_from_file_location('lstm_states', file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.mark.slow
def test_readouts_of_states_are_drawn_and_printed(
    script, tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(script, 'WINDOWS', 12)
  monkeypatch.setattr(script, 'LAGS', (0, 8))
  prepared = trees.prepared(trees.casia1(tmp_path / 'a'), tmp_path / 'b')
  script.draw(
      small.untrained_run(tmp_path / 'run'), prepared, tmp_path / 'states.png'
  )
  lines = capsys.readouterr().out.splitlines()
  assert [line.split(' 0:')[0] for line in lines[1:]] == [
      f'output of layer {i}' for i in (1, 2, 3)
  ]
  assert np.asarray(Image.open(tmp_path / 'states.png')).std() > 0


def test_a_readout_finds_what_states_hold(script):
  rng = np.random.default_rng(0)
  labels = [rng.random((20, 64)) < 0.5 for _ in range(2)]
  # States that hold the label of the step before, and noise.
  states = [
      np.stack([np.roll(x, 1, axis=1), rng.random(x.shape)], axis=-1)
      for x in labels
  ]
  scores = script.auc_by_lag(*labels, states)
  by_lag = dict(zip(script.LAGS, scores, strict=True))
  assert by_lag[1] == 1.0
  assert by_lag[0] == pytest.approx(0.5, abs=0.1)
