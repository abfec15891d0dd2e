"""The in-memory dataset: order, resume, memory, and no TensorFlow at all."""

import itertools
import json
import os
import pathlib
import subprocess
import sys

import chex
import jax
import numpy as np
import pytest
import small
import trees

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.data import spec
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.training import checkpoint
from manloc_jax.training import device_dataset
from manloc_jax.training import metric_writer
from manloc_jax.training import sharding
from manloc_jax.training import train

ROOT = pathlib.Path(__file__).parents[1]
DEVICES = [1, 2, 4]
BATCH = 8
STEPS = 5  # Per epoch.
# Of four devices, the last has a row too few, and has to draw all the others.
TOTAL = STEPS * BATCH + 3


@pytest.fixture(scope='module')
def prepared(tmp_path_factory) -> PreparedSet:
  """A training part of `TOTAL` patches, no two alike."""
  folder = tmp_path_factory.mktemp('memory')
  rng = np.random.default_rng(0)
  with arrays.SplitWriter(folder, 'train') as file:
    for i in range(TOTAL):
      image = rng.integers(0, 256, (64, 64, 3), np.uint8)
      mask = image[..., 0] // 128
      told = np.repeat(image[:8, :8, :1], 34, axis=2)
      patch = spec.Patch(image, mask, i % 2, (0, 0, 64, 64), 'window', told)
      file.write(patch, 'a', 0)
  train = {'num_patches': TOTAL, 'shards': file.shards, 'images': []}
  settings = {'dataset': '', 'sampler': {}, 'size_mismatch': '', 'seed': 0}
  content = {
      'format_version': manifest.FORMAT_VERSION,
      'dataset': '',
      'root': '',
      'settings': settings,
      'split_digest': '',
      'splits': {'train': {**train, 'digest': ''}},
  }
  (folder / manifest.FILE).write_text(json.dumps(content))
  return PreparedSet.open(folder)


def mesh_of(devices: int):
  return sharding.make_mesh(jax.devices()[:devices])


def take(prepared, num, devices=2, **options):
  options = {'batch_size': BATCH, 'seed': 0, **options}
  batches = device_dataset.train_batches(prepared, mesh_of(devices), **options)
  return jax.device_get(list(itertools.islice(batches, num)))


def keys(batches):
  """Names each patch by its content."""
  return [row.tobytes() for batch in batches for row in batch['image']]


def test_batches_lie_on_the_devices_like_those_of_shards(prepared):
  mesh = mesh_of(2)
  batches = device_dataset.train_batches(
      prepared, mesh, batch_size=BATCH, seed=0
  )
  batch = next(batches)
  assert {name: (v.shape, v.dtype.name) for name, v in batch.items()} == {
      'image': ((BATCH, 64, 64, 3), 'uint8'),
      'mask': ((BATCH, 64, 64), 'uint8'),
      'compression': ((BATCH, 8, 8, 34), 'uint8'),
      'label': ((BATCH,), 'int32'),
      'weight': ((BATCH,), 'float32'),
  }
  put = sharding.put_batch(jax.device_get(batch), mesh)
  assert all(
      batch[name].sharding.is_equivalent_to(put[name].sharding, put[name].ndim)
      for name in put
  )


@pytest.mark.parametrize('devices', DEVICES)
def test_only_real_patches_are_sampled_each_with_its_mask(prepared, devices):
  split = arrays.load(prepared, 'train')
  rows = {image.tobytes(): i for i, image in enumerate(split['image'])}
  for batch in take(prepared, 4 * STEPS, devices):
    indices = [rows[image.tobytes()] for image in batch['image']]
    for name in ('mask', 'label'):
      np.testing.assert_array_equal(batch[name], split[name][indices])
    assert batch['weight'].tolist() == [1] * BATCH


@pytest.mark.parametrize('devices', DEVICES)
def test_an_epoch_has_no_patch_twice_and_an_order_of_its_own(prepared, devices):
  batches = take(prepared, 6 * STEPS, devices)
  epochs = [
      keys(batches[first : first + STEPS])
      for first in range(0, len(batches), STEPS)
  ]
  assert all(len(set(epoch)) == STEPS * BATCH for epoch in epochs)
  assert len({tuple(epoch) for epoch in epochs}) == len(epochs)
  # What one epoch leaves out, another has.
  assert len(set(keys(batches))) == TOTAL
  assert keys(take(prepared, STEPS, devices, seed=1)) != epochs[0]


@pytest.mark.parametrize('devices', DEVICES)
def test_a_resumed_stream_equals_the_unbroken_one(prepared, devices):
  unbroken = take(prepared, 2 * STEPS + 2, devices)
  for start in (1, STEPS - 1, STEPS, STEPS + 1):
    rest = take(prepared, len(unbroken) - start, devices, start_step=start)
    chex.assert_trees_all_equal(rest, unbroken[start:])


def test_too_few_patches_are_refused_before_loading(prepared):
  with pytest.raises(spec.DataError, match='lower --config.batch_size'):
    device_dataset.train_batches(
        prepared, mesh_of(2), batch_size=10_000, seed=0
    )


def test_a_part_larger_than_memory_is_refused(prepared, monkeypatch):
  patch = 64 * 64 * 4 + 4 + 8 * 8 * 34  # Image and mask, label, compression.
  memory = 10.5 * patch / device_dataset.MEMORY_FRACTION  # Of each device.
  monkeypatch.setattr(device_dataset, '_device_memory', lambda mesh: memory)
  with pytest.raises(
      errors.UserError,
      match=f'{TOTAL} patches.* 2 devices.* 20 patches .*backend=tfrecord',
  ):
    take(prepared, 1)


def test_memory_of_devices_without_a_limit_is_the_machines():
  one, four = (device_dataset._device_memory(mesh_of(n)) for n in (1, 4))
  assert one > 2**28 and four == one // 4


class Killed(Exception):
  """Stands for the signal that ends a process."""


@pytest.mark.slow
def test_broken_run_ends_like_an_unbroken_one_and_compiles_once(
    tmp_path, monkeypatch
):
  tree = trees.casia1(tmp_path / 'casia')
  folder = trees.prepared(tree, tmp_path / 'out', backend='memory')
  prepared = PreparedSet.open(folder)
  mesh = mesh_of(2)
  # Breaks off in the second epoch.
  config = small.config(**{'num_steps': 12, 'data.backend': 'memory'})
  last = prepared.count('train') // config.batch_size + 2
  assert last < config.num_steps
  whole, broken = str(tmp_path / 'whole'), str(tmp_path / 'broken')
  for workdir in (whole, broken):
    run_config.write_or_check(workdir, config, 'split')
  compiled = []

  def note(name, seconds, **unused):
    if name == '/jax/core/compile/backend_compile_duration':
      compiled.append(len(metric_writer.read(whole)))

  jax.monitoring.register_event_duration_secs_listener(note)
  try:
    train.train(config, prepared, whole, mesh)
  finally:
    jax.monitoring.unregister_event_duration_listener(note)
  # All programs exist once the first validation, line 3, has been written.
  assert compiled and max(compiled) <= 2

  save = checkpoint.save

  def save_then_die(manager, at, *args, **kwargs):
    save(manager, at, *args, **kwargs)
    manager.wait_until_finished()
    if at == last:
      raise Killed

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint, 'save', save_then_die)
    with pytest.raises(Killed):
      train.train(config, prepared, broken, mesh)
  train.train(config, prepared, broken, mesh)
  ends = [checkpoint.load(run, config.num_steps) for run in (whole, broken)]
  chex.assert_trees_all_equal(*(end.params for end in ends))


# As on a machine without TensorFlow: an import of it fails. TensorBoard, for
# one, imports it wherever it can, so that only a look at what is loaded after
# a run would say nothing about the package.
WITHOUT_TENSORFLOW = """
import sys
names = 'tensorflow', 'tensorflow_datasets'
sys.modules.update(dict.fromkeys(names))
from manloc_jax import main
try:
  main.run()
finally:
  assert not any(sys.modules[name] for name in names)
  assert not any(name.startswith('tensorflow.') for name in sys.modules)
"""


@pytest.mark.slow
def test_the_main_job_runs_without_tensorflow(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  done = subprocess.run(
      [
          sys.executable,
          '-c',
          WITHOUT_TENSORFLOW,
          '--config=configs/casia.py',
          f'--workdir={tmp_path}/run',
          f'--config.data.root={tree}',
          f'--config.data.prepared={tmp_path}/prepared',
          '--config.data.backend=memory',
          '--config.model.lstm_hidden=(8, 8, 64)',
          '--config.batch_size=8',
          '--config.eval.batch_size=8',
          '--config.num_steps=4',
          '--config.train.eval_every_steps=2',
          '--config.data.sampler.stride=64',
      ],
      cwd=ROOT,
      env={**os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)},
      capture_output=True,
      text=True,
  )
  assert done.returncode == 0, done.stderr
  assert '| Pixel AUC, pooled |' in done.stdout
  assert not list((tmp_path / 'prepared').rglob('*tfrecord*'))


def test_a_machine_that_does_not_tell_its_memory_sets_no_limit(monkeypatch):
  def unknown(name):
    raise ValueError('unrecognized configuration name')

  monkeypatch.setattr(device_dataset.os, 'sysconf', unknown)
  assert device_dataset._machine_memory() == sys.maxsize
