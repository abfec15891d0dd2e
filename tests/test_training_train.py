"""Training, resuming, early stopping and restoring on a small prepared set."""

import json
import pathlib

import chex
import jax
import numpy as np
import pytest
import small
import trees

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.evaluation import patches as patch_evaluation
from manloc_jax.metrics import summary
from manloc_jax.metrics import thresholds
from manloc_jax.models import network
from manloc_jax.reports import report
from manloc_jax.reports import run_results
from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer
from manloc_jax.training import sharding
from manloc_jax.training import startup_timer
from manloc_jax.training import steps
from manloc_jax.training import train


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
  folder = tmp_path_factory.mktemp('set')
  tree = trees.casia1(folder / 'casia')
  return PreparedSet.open(trees.prepared(tree, folder / 'prepared'))


@pytest.fixture(scope='module')
def mesh():
  return sharding.make_mesh(jax.devices()[:2])


@pytest.fixture(scope='module')
def finished(prepared, mesh, tmp_path_factory):
  """A run that was trained without a break, and evaluated."""
  workdir = str(tmp_path_factory.mktemp('run'))
  config = small.config()
  run_config.write_or_check(workdir, config, 'split')
  train.train(config, prepared, workdir, mesh)
  patch_evaluation.evaluate(config, prepared, workdir, mesh)
  return workdir


class Killed(Exception):
  """Stands for the signal that ends a process."""


@pytest.mark.slow
@pytest.mark.parametrize('step', [3, 5])
def test_broken_run_ends_like_an_unbroken_one(
    step, finished, prepared, mesh, tmp_path, monkeypatch, capsys
):
  workdir = str(tmp_path)
  config = small.config()
  save = checkpoint.save

  def save_then_die(manager, at, *args, **kwargs):
    save(manager, at, *args, **kwargs)
    manager.wait_until_finished()
    if at == step:
      raise Killed

  run_config.write_or_check(workdir, config, 'split')
  monkeypatch.setattr(checkpoint, 'save', save_then_die)
  with pytest.raises(Killed):
    train.train(config, prepared, workdir, mesh)
  monkeypatch.setattr(checkpoint, 'save', save)
  train.train(config, prepared, workdir, mesh)
  shown = capsys.readouterr().err
  assert shown.count(startup_timer.FIRST_STEP) == 2  # Of both starts.

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
  assert [timeless(x) for x in metric_writer.read(workdir)] == [
      timeless(x) for x in metric_writer.read(finished)
  ]


def test_finished_run_is_left_alone(finished, prepared, mesh):
  before = metric_writer.read(finished)
  train.train(small.config(), prepared, finished, mesh)
  assert metric_writer.read(finished) == before


@pytest.mark.slow
def test_training_stops_when_validation_does_not_grow(
    prepared, mesh, tmp_path, monkeypatch
):
  falling = iter(np.linspace(0.9, 0.1, 50))
  monkeypatch.setattr(
      summary, 'network', lambda *unused: {'pixel_auc_pooled': next(falling)}
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
  results = run_results.read_results(finished)
  assert set(results) == {'test', 'test_grid'}
  for split, result in results.items():
    counts = result['counts']
    patches = counts['patches_pristine'] + counts['patches_manipulated']
    pixels = counts['pixels_pristine'] + counts['pixels_manipulated']
    assert pixels == patches * 64 * 64
    assert patches == prepared.count(split)
    trained_on = result['data']['training_patches']
    assert trained_on == prepared.count('train')
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
  for split, result in run_results.read_results(finished).items():
    result['config']['seed'] = 1
    result['scores']['patch_auc'] += 0.1
    (other / 'results' / f'{split}.json').write_text(json.dumps(result))
  summary = run_results.summarize([finished, other])['test']
  first = summary['runs'][0]['scores']['patch_auc']
  assert summary['mean']['patch_auc'] == pytest.approx(first + 0.05)
  assert summary['deviation']['patch_auc'] == pytest.approx(0.1 / 2**0.5)


def test_load_gives_the_same_network_on_one_device(finished, mesh):
  run = checkpoint.load(finished)
  images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
  model = models.make(run.config)
  predict = steps.make_predict_step(model, mesh)
  _, want = predict(
      jax.device_put(run.params, sharding.replicated(mesh)),
      *sharding.put_batch((images, np.ones((4, 8, 8), np.uint8)), mesh),
  )
  got = jax.nn.softmax(run.apply(run.params, images).mask_logits)[..., 1]
  np.testing.assert_allclose(got, want, atol=1e-5)
  assert all(
      len(leaf.sharding.device_set) == 1 for leaf in jax.tree.leaves(run.params)
  )


def test_other_configs_do_not_share_a_folder(finished):
  other_bins = small.config(**{'eval.bins': 32})
  run_config.write_or_check(finished, other_bins, 'split')
  with pytest.raises(errors.UserError, match='conv1_filters is 4 there and 5'):
    run_config.write_or_check(
        finished, small.config(**{'model.conv1_filters': 5}), 'split'
    )


def test_another_split_of_the_images_is_refused(finished):
  with pytest.raises(errors.UserError, match='another split'):
    run_config.check_same(finished, small.config(), 'other')


def test_resumed_runs_keep_no_more_than_the_last_and_the_best(tmp_path):
  state = {'step': np.arange(3)}
  for step, score in ((5, 0.5), (10, 0.9), (15, 0.6), (20, 0.7), (25, 0.8)):
    with checkpoint.make_manager(str(tmp_path)) as manager:
      progress = checkpoint.Progress({step: score})
      checkpoint.save(manager, step, state, progress)
  with checkpoint.make_manager(str(tmp_path)) as manager:
    assert sorted(manager.all_steps()) == [10, 20, 25]


@pytest.mark.slow
def test_training_and_scoring_compile_nothing_twice(prepared, mesh, tmp_path):
  compiled = []

  def note(name, seconds, **unused):
    if name == '/jax/core/compile/backend_compile_duration':
      compiled.append(len(metric_writer.read(str(tmp_path))))

  jax.monitoring.register_event_duration_secs_listener(note)
  try:
    config = small.config(**{'num_steps': 12})
    train.train(config, prepared, str(tmp_path), mesh)
  finally:
    jax.monitoring.unregister_event_duration_listener(note)
  # Lines are written at steps 2, 3 and 3 (validation), 4, 6, ...: all programs
  # exist once the first validation has been written.
  assert compiled and max(compiled) <= 2


@pytest.mark.slow
def test_divergence_and_dead_starts_are_named(
    prepared, mesh, tmp_path, monkeypatch
):
  config = small.config(**{'optim.learning_rate': 1e30})
  with pytest.raises(errors.UserError, match='learning_rate'):
    train.train(config, prepared, str(tmp_path / 'a'), mesh)
  config = small.config(**{'model.conv2_filters': 1})
  zeros = lambda *args: jax.nn.initializers.constant(-1.0)
  monkeypatch.setattr(network.initializers, 'get', zeros)
  with pytest.raises(errors.UserError, match='conv2'):
    train.train(config, prepared, str(tmp_path / 'b'), mesh)


def test_checkpoint_of_another_model_is_refused(
    finished, prepared, mesh, tmp_path
):
  config = small.config(**{'model.conv3_filters': 6})
  run_config.write_or_check(str(tmp_path), config, 'split')
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
  run_config.write_or_check(str(tmp_path), small.config(), 'split')
  with pytest.raises(errors.UserError, match='train first'):
    checkpoint.load(str(tmp_path))
  (tmp_path / 'config.json').write_text('{"model": ')
  with pytest.raises(errors.UserError, match='not the JSON'):
    checkpoint.load(str(tmp_path))
  with pytest.raises(errors.UserError, match='--mode=evaluate'):
    report.report(tmp_path)


def test_scoring_other_splits_costs_no_results(finished, prepared, mesh):
  folder = pathlib.Path(finished, 'results')
  before = {path: path.read_text() for path in folder.glob('*.json')}
  (folder / 'images-0123').mkdir(exist_ok=True)
  config = small.config(**{'eval.splits': ('val', 'test_grid')})
  patch_evaluation.evaluate(config, prepared, finished, mesh)
  after = {path: path.read_text() for path in folder.glob('*.json')}
  assert after.keys() - before.keys() == {folder / 'val.json'}
  assert before.items() <= after.items(), 'nor are they scored again'
  assert (folder / 'images-0123').exists()
  (folder / 'val.json').unlink()
  step = checkpoint.load(finished).step
  chosen = thresholds.read(finished, step)
  assert json.loads(after[folder / 'test.json'])['val_threshold'] == (
      chosen.value
  )
  assert chosen.bins == config.eval.bins


def test_results_of_other_settings_are_kept(finished, prepared, mesh):
  path = pathlib.Path(finished, 'results/test.json')
  before = path.read_text()
  replaced = path.parent / 'replaced'
  known = set(replaced.glob('*'))
  config = small.config(**{'eval.splits': ('test',), 'eval.bins': 32})
  patch_evaluation.evaluate(config, prepared, finished, mesh)
  assert json.loads(path.read_text())['config']['eval']['bins'] == 32
  (kept,) = set(replaced.iterdir()) - known
  assert kept.read_text() == before
  kept.replace(path)


def test_a_network_without_finite_scores_is_named(prepared, mesh, tmp_path):
  workdir = small.untrained_run(tmp_path, scale=float('nan'))
  words = f'checkpoint {small.STEP} in .*split .val.*not finite'
  with pytest.raises(errors.UserError, match=words):
    patch_evaluation.evaluate(small.config(), prepared, workdir, mesh)
  assert not list(tmp_path.rglob('results/*'))


@pytest.mark.slow
def test_a_validation_without_finite_scores_ends_training(
    prepared, mesh, tmp_path
):
  rare = {'train.log_every_steps': 100, 'train.eval_every_steps': 1}
  config = small.config(**rare, **{'optim.learning_rate': 1e30})
  with pytest.raises(errors.UserError, match='at step 1 on the split .val.'):
    train.train(config, prepared, str(tmp_path), mesh)


def test_an_unknown_split_costs_no_results(finished, prepared, mesh):
  before = run_results.read_results(finished)
  config = small.config(**{'eval.splits': ('test', 'nope')})
  with pytest.raises(errors.UserError, match='no split .nope.'):
    patch_evaluation.evaluate(config, prepared, finished, mesh)
  assert run_results.read_results(finished) == before


@pytest.mark.slow
def test_fine_tuning_starts_from_the_best_parameters_of_a_run(
    finished, prepared, mesh, tmp_path
):
  changes = {
      'train.init_from': finished,
      'optim.learning_rate': 1e-12,
      'num_steps': 2,
  }
  config = small.config(**changes)
  workdir = str(tmp_path / 'run')
  run_config.write_or_check(workdir, config, 'split')
  train.train(config, prepared, workdir, mesh)
  chex.assert_trees_all_close(
      checkpoint.load(workdir, 2).params,
      checkpoint.load(finished).params,
      atol=1e-9,
  )
  config = small.config(**{**changes, 'model.conv3_filters': 6})
  with pytest.raises(errors.UserError, match='does not hold the model'):
    train.train(config, prepared, str(tmp_path / 'other'), mesh)
  config = small.config(**{**changes, 'train.init_from': str(tmp_path / 'no')})
  with pytest.raises(errors.UserError, match='no run'):
    train.train(config, prepared, str(tmp_path / 'third'), mesh)
