"""Benchmarks of one candidate: memory and long runs; LSTMs of peers."""

import functools

from absl import flags
from absl.testing import flagsaver
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import default
from manloc_jax.benchmarks import endurance
from manloc_jax.benchmarks import lstm
from manloc_jax.benchmarks import memory
from manloc_jax.benchmarks import random_set
from manloc_jax.models import block_lstm
from manloc_jax.training import sharding


def small_config():
  config = default.get_config()
  config.model.update(
      conv1_filters=4,
      conv3_filters=4,
      conv4_filters=4,
      lstm_hidden=(8, 8, 64),
  )
  config.batch_size = 8
  return config


@pytest.mark.slow
def test_memory_of_a_step_is_bounded_by_its_microbatches():
  mesh = sharding.make_mesh(jax.devices()[:1])
  plan = functools.partial(memory.plan, small_config(), mesh)
  few, many, whole = plan(16, 8), plan(64, 8), plan(64, 0)
  batch = 48 * 64 * 64 * (3 + 1) / 2**20
  assert many['argument_mib'] - few['argument_mib'] == pytest.approx(
      batch, rel=0.01
  )
  assert many['temporary_mib'] < few['temporary_mib'] + 4 * batch
  assert whole['temporary_mib'] > 4 * many['temporary_mib']


@pytest.mark.slow
@pytest.mark.parametrize('backend', ['tfrecord', 'memory'])
def test_a_long_run_is_cut_into_tenths(backend, tmp_path):
  folder = random_set.write(
      tmp_path / 'set', 'train', patches=24, backend=backend, num_shards=1
  )
  mesh = sharding.make_mesh(jax.devices()[:1])
  tenths = endurance.train(small_config(), folder, mesh, num_steps=10)
  assert len(tenths) == 10
  assert all(t['milliseconds'] > 0 for t in tenths)
  with flagsaver.flagsaver():
    flags.FLAGS(['endurance', '--steps=20'])
    result = endurance.summarize(
        [{'milliseconds': 8.0, 'resident_mib': 90.0}] * 2
        + [{'milliseconds': 10.0, 'resident_mib': 100.0}] * 8,
        backend,
        batch_size=8,
    )
  assert result['patches_per_s'] == 800
  assert result['drift'] == 1.25
  assert result['growth_mib'] == 10


def test_hoisted_lstm_is_the_same_function():
  keys = jax.random.split(jax.random.key(0), 3)
  kernel = jax.random.normal(keys[0], (5 + 4, 16))
  bias = jax.random.normal(keys[1], (16,))
  x = jax.random.normal(keys[2], (6, 2, 5))
  np.testing.assert_allclose(
      lstm.hoisted(kernel, bias, x), block_lstm.lstm(kernel, bias, x), atol=1e-5
  )


def cudnn_lstm():
  config = default.get_config()
  config.batch_size = 2
  return lstm.cudnn(config)


def test_cudnn_lstm_has_the_weights_of_ours():
  _, (weights, x) = cudnn_lstm()
  biases = 3 * 4 * 256  # cuDNN keeps two of each.
  assert weights.size == 1_379_328 + biases
  assert x.shape == (2, 64, 64)


@pytest.mark.skipif(
    jax.default_backend() != 'gpu', reason='cuDNN needs an NVIDIA GPU.'
)
def test_cudnn_lstm_has_finite_gradients():
  function, (weights, x) = cudnn_lstm()
  grads = jax.grad(function, (0, 1))(weights, x)
  assert all(jnp.isfinite(g).all() for g in grads)
