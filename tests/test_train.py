"""Training, resuming, early stopping and restoring on a small prepared set."""

import json

import chex
import jax
import numpy as np
import pytest
import small
import trees

from manloc_jax import checkpoint
from manloc_jax import errors
from manloc_jax import evaluate
from manloc_jax import parallel
from manloc_jax import report
from manloc_jax import scores
from manloc_jax import train
from manloc_jax import writer
from manloc_jax.data import pipeline


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
  folder = tmp_path_factory.mktemp('set')
  tree = trees.casia1(folder / 'casia')
  return str(trees.prepared(tree, folder / 'prepared'))


@pytest.fixture(scope='module')
def mesh():
  return parallel.make_mesh(jax.devices()[:2])


@pytest.fixture(scope='module')
def finished(prepared, mesh, tmp_path_factory):
  """A run that was trained without a break, and evaluated."""
  workdir = str(tmp_path_factory.mktemp('run'))
  config = small.config()
  checkpoint.claim(workdir, config)
  train.train(config, prepared, workdir, mesh)
  evaluate.evaluate(config, prepared, workdir, mesh)
  return workdir


class Killed(Exception):
  """Stands for the signal that ends a process."""


@pytest.mark.parametrize('step', [3, 5])
def test_broken_run_ends_like_an_unbroken_one(
    step, finished, prepared, mesh, tmp_path, monkeypatch
):
  workdir = str(tmp_path)
  config = small.config()
  save = checkpoint.save

  def save_then_die(manager, at, *args, **kwargs):
    save(manager, at, *args, **kwargs)
    manager.wait_until_finished()
    if at == step:
      raise Killed

  checkpoint.claim(workdir, config)
  monkeypatch.setattr(checkpoint, 'save', save_then_die)
  with pytest.raises(Killed):
    train.train(config, prepared, workdir, mesh)
  monkeypatch.setattr(checkpoint, 'save', save)
  train.train(config, prepared, workdir, mesh)

  assert checkpoint.load(workdir).step == checkpoint.load(finished).step
  last = config.num_steps
  chex.assert_trees_all_equal(
      checkpoint.load(workdir, last).params,
      checkpoint.load(finished, last).params,
  )
  timeless = lambda line: {
      k: v
      for k, v in line.items()
      if k not in ('patches_per_s', 'input_wait_share')
  }
  assert [timeless(x) for x in writer.read(workdir)] == [
      timeless(x) for x in writer.read(finished)
  ]


def test_finished_run_is_left_alone(finished, prepared, mesh):
  before = writer.read(finished)
  train.train(small.config(), prepared, finished, mesh)
  assert writer.read(finished) == before


def test_training_stops_when_validation_does_not_grow(
    prepared, mesh, tmp_path, monkeypatch
):
  falling = iter(np.linspace(0.9, 0.1, 50))
  monkeypatch.setattr(
      scores, 'network', lambda totals: {train.SELECTION: next(falling)}
  )
  config = small.config(**{
      'num_steps': 50,
      'train.eval_every_steps': 2,
      'train.patience_evals': 3,
  })
  train.train(config, prepared, str(tmp_path), mesh)
  with checkpoint.make_manager(str(tmp_path)) as manager:
    assert manager.latest_step() == 8
    assert 2 in manager.all_steps(), 'the best is kept'


def test_results_hold_every_score_beside_trivial_ones(finished, prepared):
  results = report.read_results(finished)
  assert set(results) == {'test', 'test_grid'}
  for split, result in results.items():
    counts = result['counts']
    patches = counts['patches_pristine'] + counts['patches_manipulated']
    pixels = counts['pixels_pristine'] + counts['pixels_manipulated']
    assert pixels == patches * 64 * 64
    assert patches == pipeline.count(prepared, split)
    share = counts['pixels_manipulated'] / pixels
    trivial = result['trivial']
    assert trivial['all_pristine']['pixel_accuracy'] == pytest.approx(1 - share)
    assert trivial['mean_mask'].keys() == {
        'pixel_auc',
        'pixel_average_precision',
    }
    assert 0 <= result['auc_bound']['pixel_pooled'] < 0.5
    assert len(result['config_sha256']) == 64
    assert result['versions']['jax'] == jax.__version__


def test_report_writes_pictures_and_table(finished):
  path = report.report(finished)
  assert '| Pixel AUC, pooled |' in path.read_text()
  for name in ('roc', 'learning_curve', 'examples'):
    png = path.parent / 'figures' / f'{name}.png'
    assert png.read_bytes().startswith(b'\x89PNG')


def test_summary_gives_mean_and_deviation_over_seeds(finished, tmp_path):
  other = tmp_path / 'other'
  (other / 'results').mkdir(parents=True)
  for split, result in report.read_results(finished).items():
    result['config']['seed'] = 1
    result['scores']['patch_auc'] += 0.1
    (other / 'results' / f'{split}.json').write_text(json.dumps(result))
  summary = report.summarize([finished, other])['test']
  first = summary['runs'][0]['scores']['patch_auc']
  assert summary['mean']['patch_auc'] == pytest.approx(first + 0.05)
  assert summary['deviation']['patch_auc'] == pytest.approx(0.1 / 2**0.5)


def test_load_gives_a_working_network_on_one_device(finished):
  run = checkpoint.load(finished)
  images = np.zeros((3, 64, 64, 3), np.uint8)
  assert run.apply(run.params, images).mask_logits.shape == (3, 64, 64, 2)
  assert all(
      len(leaf.sharding.device_set) == 1 for leaf in jax.tree.leaves(run.params)
  )


def test_other_settings_do_not_share_a_folder(finished):
  checkpoint.claim(finished, small.config(**{'eval.bins': 32}))
  with pytest.raises(errors.UserError, match='conv1_filters is 4 there and 5'):
    checkpoint.claim(finished, small.config(**{'model.conv1_filters': 5}))


def test_checkpoint_of_another_model_is_refused(
    finished, prepared, mesh, tmp_path
):
  config = small.config(**{'model.conv3_filters': 6})
  checkpoint.claim(str(tmp_path), config)
  (tmp_path / 'checkpoints').symlink_to(f'{finished}/checkpoints')
  with pytest.raises(errors.UserError, match='does not hold the model'):
    checkpoint.load(str(tmp_path))
  with pytest.raises(errors.UserError, match='does not hold the model'):
    train.train(config, prepared, str(tmp_path), mesh)


def test_missing_runs_are_named(tmp_path, finished):
  with pytest.raises(errors.UserError, match='There is no run'):
    checkpoint.load(str(tmp_path))
  with pytest.raises(errors.UserError, match='no checkpoint of step 99'):
    checkpoint.load(finished, 99)
  checkpoint.claim(str(tmp_path), small.config())
  with pytest.raises(errors.UserError, match='train first'):
    checkpoint.load(str(tmp_path))
  (tmp_path / 'config.json').write_text('{"model": ')
  with pytest.raises(errors.UserError, match='not the JSON'):
    checkpoint.load(str(tmp_path))
  with pytest.raises(errors.UserError, match='--mode=evaluate'):
    report.report(tmp_path)
