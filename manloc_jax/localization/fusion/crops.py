"""Samples batches of normalized crops from training examples."""

from collections.abc import Sequence
from concurrent import futures

import ml_collections
import numpy as np

from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import network


def moments(
    examples: Sequence[examples_lib.Example],
) -> tuple[np.ndarray, np.ndarray]:
  """Returns mean and standard deviation of features over blocks, f32[n].

  The last two features, of copies, are not normalized: training images are
  searched for copies less often than others.

  Args:
    examples: The training examples.
  """
  means, squares = [], []
  for example in examples:
    # Features are NaN where nothing varies.
    blocks = example.features[~np.isnan(example.features[..., 0])]
    if len(blocks):
      means.append(blocks.mean(axis=0, dtype=np.float64))
      squares.append(np.square(blocks, dtype=np.float64).mean(axis=0))
  mean = np.mean(means, axis=0)
  std = np.sqrt(np.maximum(np.mean(squares, axis=0) - mean**2, 0)) + 1e-2
  mean[-2:], std[-2:] = 0, 0.25
  return mean.astype(np.float32), std.astype(np.float32)


class Crops:
  """Batches of random crops; a batch is a function of seed and step alone."""

  def __init__(
      self,
      examples: Sequence[examples_lib.Example],
      mean: np.ndarray,
      std: np.ndarray,
      config: ml_collections.ConfigDict,
  ):
    """Measures what is typical of each example; crops are normalized later.

    Normalized examples would take four times the memory of their features.

    Args:
      examples: The training examples.
      mean: f32[n], of `moments`.
      std: f32[n], of `moments`.
      config: See configs/fusion.py.
    """
    self._examples = examples
    self._mean, self._std = mean, std
    measure = lambda x: network.statistics_of(x.features, mean, std)
    with futures.ThreadPoolExecutor() as pool:
      self._statistics = list(pool.map(measure, examples))
    self._config = config

  def __getitem__(self, step: int) -> tuple[np.ndarray, ...]:
    """Samples the batch of a step.

    Args:
      step: Number of the step, from 0 on.

    Returns:
      `blocks`, `statistics` and `inside`, as `network.Fusion` takes them, of
      `config.batch_size` crops of `config.crop` blocks a side for each of
      `config.members`, one after the other; and f32[crops, crop, crop], the
      manipulated fractions of the blocks.
    """
    rng = np.random.default_rng((self._config.seed, step))
    side = self._config.crop
    size = self._config.batch_size * self._config.members
    chosen = rng.integers(len(self._examples), size=size)
    count = self._statistics[0].size
    blocks = np.zeros((size, side, side, count), np.float32)
    inside = np.zeros((size, side, side), np.float32)
    fractions = np.zeros((size, side, side), np.float32)
    for i, index in enumerate(chosen):
      example = self._examples[index]
      rows, columns = example.fraction.shape
      top = rng.integers(max(rows - side, 0) + 1)
      left = rng.integers(max(columns - side, 0) + 1)
      # Forgeries upside down, and in a mirror.
      flips = np.s_[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
      cut = np.s_[top : top + side, left : left + side]
      fraction = example.fraction[cut][flips]
      at = np.s_[i, : fraction.shape[0], : fraction.shape[1]]
      blocks[at], _, inside[at] = network.normalize(
          example.features[cut][flips],
          self._mean,
          self._std,
          self._statistics[index],
      )
      fractions[at] = fraction / 255
    statistics = np.stack([self._statistics[index] for index in chosen])
    return blocks, statistics, inside, fractions
