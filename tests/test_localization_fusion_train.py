"""Training of the fusion: cached examples, batches by step, resuming."""

import json
import pathlib
import subprocess
import sys

import cv2
from flax.training import train_state
import jax
from ml_collections import config_dict
import numpy as np
import optax
import pytest

from configs import fusion as config_lib
from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.data import spec
from manloc_jax.localization.fusion import crops
from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import train
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.training import checkpoint

COUNT = len(features.NAMES)


def example(seed):
  """Random features, of which one shows where a square was forged."""
  rng = np.random.default_rng(seed)
  measured = rng.standard_normal((20, 24, COUNT), np.float32)
  share = np.zeros((20, 24), np.uint8)
  top, left = rng.integers(0, 12, 2)
  share[top : top + 6, left : left + 8] = 255
  measured[..., 3] += 3.0 * (share > 0)
  return examples_lib.Example(
      f'{seed}', 'splice', measured.astype(np.float16), share
  )


@pytest.fixture
def config(tmp_path):
  config = config_lib.get_config()
  config.model.width = 8
  config.members, config.batch_size, config.crop = 1, 4, 16
  config.num_steps, config.eval_every_steps = 60, 20
  config.learning_rate = 1e-2
  return config


@pytest.fixture
def parts(monkeypatch):
  parts = {'train': [example(i) for i in range(12)]}
  parts['val'] = [example(i) for i in range(100, 104)]
  by_split = {part: part for part in parts}
  monkeypatch.setattr(
      examples_lib, 'split_records', lambda data: (by_split, 'digest')
  )
  monkeypatch.setattr(
      examples_lib, 'collect', lambda data, records, part: parts[records]
  )
  return parts


@pytest.mark.slow
def test_it_learns_and_writes_its_weights(config, parts, tmp_path):
  assert train.train(config, str(tmp_path)) > 0.9
  weights = weights_lib.load(tmp_path / 'fusion.safetensors')
  assert 0 < weights.mask.least < 1
  assert weights.provenance['split_digest'] == 'digest'
  assert weights.provenance['config']['num_steps'] == 60


@pytest.mark.slow
def test_members_learn_from_crops_of_their_own(config, parts, tmp_path):
  config.members = 2
  config.model.dropout = 0.0
  mean, std = crops.moments(parts['train'])
  batch = crops.Crops(parts['train'], mean, std, config)[0]
  assert [len(x) for x in batch] == [8, 8, 8, 8]
  model = train.network.Fusion(**config.model)
  # NumPy arrays can be donated more than once.
  one = jax.tree.map(np.array, weights_lib.init(model, jax.random.key(0)))
  state = train_state.TrainState.create(
      apply_fn=model.apply,
      params=jax.tree.map(lambda x: np.repeat(x, 2, axis=0), one),
      tx=optax.sgd(1.0),
  )
  params = train.make_step(2.0, 0.5)(state, batch, 0)[0].params
  for member, own in enumerate((np.s_[:4], np.s_[4:])):
    alone = train_state.TrainState.create(
        apply_fn=model.apply, params=one, tx=optax.sgd(1.0)
    )
    alone = train.make_step(2.0, 0.5)(alone, [x[own] for x in batch], 0)[0]
    np.testing.assert_allclose(
        params['Dense_0']['kernel'][member],
        alone.params['Dense_0']['kernel'][0],
        atol=1e-5,
    )
  difference = np.diff(params['Dense_0']['kernel'], axis=0)
  assert abs(difference).max() > 1e-3


@pytest.mark.slow
def test_with_untouched_images_it_says_whether_an_image_is_forged(
    config, parts, tmp_path
):
  for name, seeds in {'train': range(50, 56), 'val': range(60, 64)}.items():
    for x in map(example, seeds):
      x.features[..., 3] -= np.float16(3) * (x.fraction > 0)
      x.fraction[:] = 0
      parts[name].append(x)
  train.train(config, str(tmp_path))
  weights = weights_lib.load(tmp_path / 'fusion.safetensors')
  assert weights.image is not None
  scores = train.network.make_scores(weights.model)
  probabilities = []
  for x in parts['val']:
    one = train.network.normalize(x.features, weights.mean, weights.std)
    score_map = scores(weights.params, *one)
    probabilities.append(weights.image.probability(score_map, one[2] > 0))
  assert min(probabilities[:4]) > max(probabilities[4:])


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(
    config, parts, tmp_path, monkeypatch
):
  whole, killed = str(tmp_path / 'whole'), str(tmp_path / 'killed')
  train.train(config, whole)
  batches = crops.Crops.__getitem__

  def dies(self, step):
    if step == 47:
      raise KeyboardInterrupt
    return batches(self, step)

  with monkeypatch.context() as patch:
    patch.setattr(crops.Crops, '__getitem__', dies)
    with pytest.raises(KeyboardInterrupt):
      train.train(config, killed)
  train.train(config, killed)
  one, other = (
      weights_lib.load(f'{folder}/fusion.safetensors').params
      for folder in (whole, killed)
  )
  np.testing.assert_array_equal(
      one['Dense_0']['kernel'], other['Dense_0']['kernel']
  )


@pytest.mark.slow
def test_a_run_of_other_settings_is_refused(config, parts, tmp_path):
  config.num_steps = config.eval_every_steps = 2
  train.train(config, str(tmp_path))
  config.seed = 1
  with pytest.raises(errors.UserError, match='another config: seed'):
    train.train(config, str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize('place', ['crop', 'score'])
def test_a_diverged_run_is_refused(place, config, parts, tmp_path, monkeypatch):
  """Either the loss or only the scores of the last parameters are NaN."""
  if place == 'crop':
    make = crops.Crops.__getitem__

    def broken(self, step):
      blocks, *others = make(self, step)
      return blocks * (np.nan if step == 30 else 1), *others

    monkeypatch.setattr(crops.Crops, '__getitem__', broken)
    words = 'The loss is nan at step 40; choose a smaller'
  else:
    score = train.network.make_scores
    monkeypatch.setattr(
        train.network,
        'make_scores',
        lambda model: lambda *args: np.nan * score(model)(*args),
    )
    words = 'The validation score is nan at step 20; choose a smaller'
  with pytest.raises(errors.UserError, match=words):
    train.train(config, str(tmp_path))
  # What was best before stays, and nothing else is there.
  assert (tmp_path / 'fusion.safetensors').exists() == (place == 'crop')


@pytest.mark.slow
@pytest.mark.parametrize('value', [0, 255])
def test_a_constant_validation_split_is_refused(
    value, config, parts, tmp_path
):
  for x in parts['val']:
    x.fraction[:] = value
  with pytest.raises(errors.UserError, match='no score can choose weights'):
    train.train(config, str(tmp_path))
  parts['val'].append(example(7))
  config.num_steps = config.eval_every_steps = 2
  train.train(config, str(tmp_path / 'other'))


@pytest.mark.slow
def test_a_run_that_the_cluster_stops_is_saved_and_goes_on(
    config, parts, tmp_path, monkeypatch
):
  whole, stopped = str(tmp_path / 'whole'), str(tmp_path / 'stopped')
  train.train(config, whole)
  steps = []

  def preempted(self, step):
    steps.append(step)
    return step == 27

  with monkeypatch.context() as patch:
    manager = checkpoint.ocp.CheckpointManager
    patch.setattr(manager, 'reached_preemption', preempted)
    with pytest.raises(errors.TemporaryError, match='step 27 is saved'):
      train.train(config, stopped)
  assert steps[-1] == 27
  train.train(config, stopped)
  mine, yours = (
      weights_lib.load(f'{folder}/fusion.safetensors').params
      for folder in (whole, stopped)
  )
  np.testing.assert_array_equal(
      mine['Dense_0']['kernel'], yours['Dense_0']['kernel']
  )


def test_batches_depend_on_their_number_alone(config, parts):
  mean, std = crops.moments(parts['train'])
  one = crops.Crops(parts['train'], mean, std, config)
  one[3]
  other = crops.Crops(parts['train'], mean, std, config)
  for mine, yours in zip(one[7], other[7], strict=True):
    np.testing.assert_array_equal(mine, yours)
  assert not np.array_equal(one[7][3], one[8][3])


def test_crops_larger_than_the_image_are_marked(config, parts):
  config.crop = 32
  mean, std = crops.moments(parts['train'])
  blocks, _, inside, shares = crops.Crops(
      parts['train'], mean, std, config
  )[0]
  assert blocks.shape == (4, 32, 32, 2 * COUNT)
  assert inside[:, :20, :24].all()
  assert not inside[:, 20:].any()
  assert not inside[:, :, 24:].any()
  assert 0 < shares.sum() < inside.sum()


def test_measurements_are_kept(config, tmp_path, monkeypatch):
  rng = np.random.default_rng(0)
  records = []
  for name in ('a', 'b'):
    image, mask = tmp_path / f'{name}.png', tmp_path / f'{name}_mask.png'
    pixels = rng.integers(0, 255, (70, 90, 3), np.uint8)
    cv2.imwrite(str(image), pixels)
    cv2.imwrite(str(mask), 255 * (pixels[..., 0] > 127).astype(np.uint8))
    records.append(spec.Record(name, image, mask, name, 'splice'))
  (tmp_path / 'b_mask.png').write_bytes(b'nothing')
  config.data.update(name='demo', cache=str(tmp_path / 'cache'), workers=1)
  collect = lambda: examples_lib.collect(config.data, records, 'train')
  (collected,) = collect()  # Nobody can use the second one.
  assert collected.image_id == 'a'
  assert collected.features.shape == (9, 12, COUNT)
  assert 100 < collected.fraction[:8, :11].mean() < 155
  measure = examples_lib.measure
  seen = []
  monkeypatch.setattr(
      examples_lib,
      'measure',
      lambda record, *args: seen.append(record) or measure(record, *args),
  )
  (again,) = collect()
  np.testing.assert_array_equal(collected.features, again.features)
  assert [record.image_id for record in seen] == ['b']
  for path in (tmp_path / 'cache').glob('*.npz'):
    path.write_bytes(path.read_bytes()[:100])  # Damaged: measured again.
  (again,) = collect()
  np.testing.assert_array_equal(collected.features, again.features)
  config.data.cache = str(tmp_path / 'a.png')
  with pytest.raises(spec.DataError, match='choose another --config.data.cac'):
    collect()


@pytest.mark.slow
def test_the_command_trains_on_a_forged_set(tmp_path):
  """From photographs to weights, by the two commands of the README."""
  root, workdir = tmp_path / 'forged', tmp_path / 'run'
  flags = ['--count=6', '--size=128,160', '--workers=1']
  assert cli.main(['forge', f'--out={root}', *flags]) == 0
  command = [
      *(sys.executable, '-m', 'manloc_jax.cli', 'fusion'),
      *('--config=configs/fusion.py', f'--workdir={workdir}'),
      *(f'--config.data.root={root}', f'--config.data.cache={tmp_path}/cache'),
      *('--config.num_steps=2', '--config.eval_every_steps=2'),
      *('--config.crop=8', '--config.batch_size=2', '--config.data.workers=1'),
  ]
  run = lambda *more: subprocess.run(
      [*command, *more],
      cwd=pathlib.Path(__file__).parents[1],
      capture_output=True,
      text=True,
  )
  done = run()
  assert done.returncode == 0, done.stderr
  weights = weights_lib.load(workdir / 'fusion.safetensors')
  assert weights.provenance['step'] == 2
  results = json.loads((workdir / 'results' / 'test.json').read_text())
  assert results['forged'] == 2 and sum(results['reliability']['blocks']) > 0
  assert (workdir / 'figures' / 'reliability.png').is_file()
  drawn, digest = examples_lib.split_records(
      config_dict.ConfigDict({
          **config_lib.get_config().data.to_dict(), 'root': str(root)
      })
  )
  assert weights.provenance['split_digest'] == digest
  names = [{one.group for one in part} for part in drawn.values()]
  assert not names[0] & names[1] and not names[0] & names[2]
  for bad, words in (
      ('--config.data.split_rule=list', 'choose one of random'),
      ('--config.eval_every_steps=0', 'from 1 on'),
      ('--config.model.dilations=(30,30)', 'with a sum below 32'),
  ):
    refused = run(bad)
    assert refused.returncode == 2 and words in refused.stderr
    assert 'Traceback' not in refused.stderr
