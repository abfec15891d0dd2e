"""A network small enough for tests, and random batches for it."""

import jax
import numpy as np

from configs import default
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.training import checkpoint
from manloc_jax.training import state as state_lib

SIDE = 16
STEP = 7  # Of `untrained_run`.

# 4x4 blocks of 4x4 pixels; 64 LSTM features make a 32x32 map, pooled to 16.
MODEL = models.ConvLSTMConv(
    conv1_filters=4,
    conv3_filters=4,
    conv4_filters=4,
    grid=4,
    lstm_hidden=(8, 8, 64),
)


def batch(size: int = 8, padding: int = 0, seed: int = 0):
  """Returns a random training batch whose last `padding` rows weigh zero."""
  rng = np.random.default_rng(seed)
  weight = np.ones(size, np.float32)
  weight[size - padding :] = 0
  return {
      'image': rng.integers(0, 256, (size, SIDE, SIDE, 3), np.uint8),
      'mask': rng.integers(0, 2, (size, SIDE, SIDE), np.uint8),
      'label': rng.integers(0, 2, size).astype(np.int32),
      'weight': weight,
      'image_index': rng.integers(0, 3, size).astype(np.int32),
      'compression': rng.integers(1, 256, (size, 8, 8, 34), np.uint8),
  }


def config(**changes):
  """Returns the config of a run that takes seconds, on 64x64 patches."""
  config = default.get_config()
  config.batch_size = 8
  config.num_steps = 6
  config.model.update(
      conv1_filters=4,
      conv3_filters=4,
      conv4_filters=4,
      lstm_hidden=(8, 8, 64),
  )
  config.optim.learning_rate = 1e-3
  config.data.name = 'casia1'
  config.train.update(
      symmetries=True,
      log_every_steps=2,
      eval_every_steps=3,
      checkpoint_every_steps=1,
  )
  config.eval.update(batch_size=16, bins=64, examples=2)
  config.update_from_flattened_dict(changes)
  return config


def untrained_run(workdir, scale: float = 1.0, **changes) -> str:
  """Writes a run whose one checkpoint holds initial parameters times `scale`.

  With a scale above 1 the scores of noise differ from pixel to pixel.
  """
  made = config(**changes)
  run_config.write_or_check(str(workdir), made, 'split')
  model = models.make(made)
  tx, _ = state_lib.make_optimizer(num_steps=1, **made.optim)
  key = jax.random.key(0)
  state = jax.jit(lambda: state_lib.create(model, tx, models.SIDE, key))()
  state = state.replace(params=jax.tree.map(lambda x: scale * x, state.params))
  with checkpoint.make_manager(str(workdir)) as manager:
    checkpoint.save(manager, STEP, state, checkpoint.Progress({STEP: 0.5}))
  return str(workdir)
