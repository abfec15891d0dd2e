"""Files of version 0.1 still load, but for prepared sets.

The folders under `fixtures/version_0_1` were written by that version: two
prepared sets of six drawn pictures, as TFRecord shards and as arrays, and a run
of a tiny network with untrained weights, scored on the first.
"""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from manloc_jax import checkpoint
from manloc_jax import run_config
from manloc_jax.data import spec
from manloc_jax.data.storage import backend
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.localization import factory
from manloc_jax.reports import report
from manloc_jax.reports import run_results

OLD = pathlib.Path(__file__).parent / 'fixtures' / 'version_0_1'
PREPARED = {
    'tfrecord': OLD / 'prepared' / 'folder-random-965adf21a4b6',
    'arrays': OLD / 'prepared' / 'folder-random-c0bb84410382',
}


@pytest.fixture
def run(tmp_path):
  return shutil.copytree(OLD / 'run', tmp_path / 'run')


def test_its_checkpoint_loads(run):
  loaded = checkpoint.load(str(run))
  assert loaded.step == 7
  assert loaded.config.model.lstm_hidden == [2, 2, 64]
  outputs = loaded.apply(loaded.params, np.zeros((1, 64, 64, 3), np.uint8))
  assert outputs.mask_logits.shape == (1, 64, 64, 2)
  total = sum(float(abs(x).sum()) for x in jax.tree.leaves(loaded.params))
  assert total == pytest.approx(1878.789, abs=0.01)


def test_its_config_is_that_of_a_run_of_today(run):
  config = run_config.read(str(run))
  assert config.data.backend == 'tfrecord' and 'source' not in config.data
  run_config.check_same(str(run), config, (run / 'split.txt').read_text())


def test_its_network_localizes(run):
  localizer = factory.make('network', str(run), device='cpu')
  found = localizer(np.zeros((64, 80, 3), np.uint8))
  assert found.score.shape == (64, 80)


def test_its_threshold_is_in_the_results_of_any_split(run):
  result = json.loads((run / 'results' / 'test.json').read_text())
  (run / 'results' / 'test.json').unlink()
  localizer = factory.make('network', str(run), device='cpu')
  assert localizer.threshold == result['val_threshold'] != 0.5
  assert localizer.provenance['threshold_from'] == 'validation'


def test_its_results_are_read_and_reported(run):
  results = run_results.read_results(run)
  assert sorted(results) == ['test', 'test_grid']
  text = report.report(run).read_text()
  assert '## ' in text or '# run' in text


@pytest.mark.parametrize('kind', PREPARED)
def test_its_prepared_set_has_to_be_prepared_anew(kind):
  prepared = PreparedSet.open(PREPARED[kind])
  assert prepared.count('train') == 6
  with pytest.raises(spec.DataError, match='older version .* again'):
    next(backend.eval_batches(prepared, 'train', batch_size=6))
