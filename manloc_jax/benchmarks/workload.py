"""Makes the batches of the benchmarks and counts the operations on them."""

import ml_collections
import numpy as np

from manloc_jax import errors
from manloc_jax import models
from manloc_jax.data import compression

PARTS = ('convolutions', 'lstm', 'decoder')


def random_batch(size: int) -> dict[str, np.ndarray]:
  """Returns a random training batch, as of `data.input.pipeline`."""
  rng = np.random.default_rng(0)
  shape = (size, models.SIDE, models.SIDE)
  return {
      'image': rng.integers(0, 256, (*shape, 3), np.uint8),
      'mask': rng.integers(0, 2, shape, np.uint8),
      'label': rng.integers(0, 2, size, np.int32),
      'weight': np.ones(size, np.float32),
      'compression': np.tile(compression.NONE, (size, 1, 1, 1)),
  }


def make_model(config: ml_collections.ConfigDict) -> models.ConvLSTMConv:
  """Makes the network whose work is counted and which has peers.

  Raises:
    UserError: The config is of another one.
  """
  model = models.make(config)
  if not isinstance(model, models.ConvLSTMConv):
    raise errors.UserError(
        f'There are no peers of the network {config.model.network!r}; set'
        ' --config.model.network=conv_lstm.'
    )
  return model


def flops(model: models.ConvLSTMConv, mode: str) -> dict[str, float]:
  """Counts the operations of the products of one patch, by part.

  A multiplication and an addition are two. Activations and the optimizer are
  left out, and so are the zeros that an arrangement may multiply.

  Args:
    model: The network.
    mode: `forward`, or `train`, which adds the gradients of the weights and,
      except for conv1, of the input of each product.

  Returns:
    FLOPs of each of `PARTS`.
  """
  pixels = models.SIDE**2
  area, area45 = model.kernel**2, model.conv45_kernel**2
  conv1 = pixels * area * 3 * model.conv1_filters
  conv2 = pixels * area * model.conv1_filters * model.conv2_filters
  inputs = pixels // model.grid**2 * model.conv2_filters
  lstm = 0
  for width in model.lstm_hidden:
    lstm += model.grid**2 * (inputs + width) * 4 * width
    inputs = width
  conv3 = model.grid**2 * inputs * area * model.conv3_filters
  conv4 = pixels * area45 * model.conv3_filters * model.conv4_filters
  conv5 = pixels * area45 * model.conv4_filters * 2
  forward = {
      'convolutions': conv1 + conv2,
      'lstm': lstm,
      'decoder': conv3 + conv4 + conv5,
  }
  if mode == 'forward':
    return {part: 2.0 * count for part, count in forward.items()}
  train = {part: 3 * count for part, count in forward.items()}
  train['convolutions'] -= conv1
  return {part: 2.0 * count for part, count in train.items()}
