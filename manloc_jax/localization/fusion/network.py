"""The network that fuses features: convolutions over 8x8 blocks."""

import collections
from collections.abc import Callable, Sequence
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

WINDOW = 64  # Blocks that it works on at once; see `make_scores`.
_STARTED = 16  # Windows whose scores are waited for, which bounds memory.
_MAX_DEVIATION = 6.0  # Larger values of normalized features are clipped.
_MIN_RANGE = 0.05  # Between quartiles, for an image that hardly varies.


class Fusion(nn.Module):
  """Logits of blocks from their features and those of the blocks around.

  Whatever lies outside the image, `inside == 0`, counts as zero in every layer,
  so that an image may be worked on in overlapping tiles: a block at least
  `reach` blocks from a tile's border gets the logit that the whole image would
  give it.

  Attributes:
    width: Hidden units per block.
    dilations: Of the residual layers, blocks.
    dropout: Fraction of hidden units dropped in training, and of features.
  """

  width: int = 32
  dilations: Sequence[int] = (1, 1, 2, 4)
  dropout: float = 0.1

  def __post_init__(self):
    if not 0 < 2 * self.reach < WINDOW or min(self.dilations) < 1:
      raise ValueError(
          f'The dilations are {tuple(self.dilations)}: one or more, from 1 on'
          f' and with a sum below {WINDOW // 2}, are possible'
      )
    super().__post_init__()

  @property
  def reach(self) -> int:
    """Blocks to each side that a logit depends on."""
    return sum(self.dilations)

  @nn.compact
  def __call__(
      self,
      blocks: Any,
      statistics: Any,
      inside: Any,
      is_training: bool = False,
  ) -> Any:
    """Fuses the features.

    Args:
      blocks: f32[batch, rows, columns, 2 n], of `normalize`.
      statistics: f32[batch, 2 n], of `normalize`.
      inside: f32[batch, rows, columns], 1 where there is an image that varies.
      is_training: Whether to use dropout; needs the key `dropout`.

    Returns:
      f32[batch, rows, columns], logits of a manipulated block.
    """
    inside = inside[..., None]
    drop = functools.partial(
        nn.Dropout, self.dropout, deterministic=not is_training
    )
    # Whole features: the best ones of some images are useless in others.
    blocks = drop(broadcast_dims=(1, 2))(blocks)
    scale = nn.gelu(nn.Dense(self.width)(statistics))
    scale = nn.Dense(2 * self.width)(scale)[:, None, None]
    gain, bias = jnp.split(scale, 2, axis=-1)
    hidden = nn.Dense(self.width)(blocks)
    hidden = hidden * (1 + gain) + bias
    for dilation in self.dilations:
      change = nn.gelu(nn.LayerNorm()(hidden)) * inside
      change = nn.Conv(
          self.width, (3, 3), kernel_dilation=dilation, padding='SAME'
      )(change)
      change = nn.gelu(nn.LayerNorm()(change))
      change = drop()(change)
      hidden = hidden + nn.Dense(self.width)(change)
    hidden = nn.gelu(nn.LayerNorm()(hidden))
    return nn.Dense(1)(hidden)[..., 0]


def logits(model: Fusion, params: Any, *inputs: Any) -> Any:
  """Returns the mean log-odds of an ensemble, f32[batch, rows, columns].

  Args:
    model: The network.
    params: Its parameters, with a first axis of members.
    *inputs: `blocks`, `statistics` and `inside` of `Fusion`.
  """
  members = jax.tree.leaves(params)[0].shape[0]
  # One after the other; see `train.make_step`.
  of_members: list[Any] = [
      model.apply({'params': member(params, i)}, *inputs)
      for i in range(members)
  ]
  return sum(of_members[1:], of_members[0]) / members


def member(params: Any, index: int) -> Any:
  """Returns the parameters of one network of an ensemble."""
  return jax.tree.map(lambda x: x[index], params)


def rescaled(model: Fusion, params: Any, scale: float, shift: float) -> Any:
  """Returns the parameters of an ensemble with other logits.

  Args:
    model: The network.
    params: Its parameters, with a first axis of members.
    scale: Factor of the logits.
    shift: Added to them then.
  """
  last = f'Dense_{3 + len(model.dilations)}'
  kernel, bias = params[last]['kernel'], params[last]['bias']
  head = {'kernel': scale * kernel, 'bias': scale * bias + shift}
  return {**params, last: head}


def make_scores(model: Fusion) -> Callable[..., np.ndarray]:
  """Returns `scores(params, blocks, statistics, inside)`, f32[rows, columns].

  Scores are from 0 to 1, and 0 outside. The network is applied to windows of
  one size, so that one program serves images of all sizes; the scores are those
  of the whole image at once.

  Args:
    model: The network; its inputs are what `normalize` returns. `params` have
      a first axis of members, whose log-odds are averaged.
  """

  @jax.jit
  def apply(params, *window):
    return jax.nn.sigmoid(logits(model, params, *window))

  def scores(params, blocks, statistics, inside):
    """Applies the network to window after window; see `make_scores`."""
    reach, (rows, columns, _) = model.reach, blocks.shape
    frame = ((reach, WINDOW), (reach, WINDOW))
    is_outside = inside == 0
    inside = np.pad(inside, frame)
    blocks = np.pad(blocks, (*frame, (0, 0)))
    score_map = np.empty((rows, columns), np.float32)
    step = WINDOW - 2 * reach
    started: collections.deque[tuple[np.ndarray, Any]] = collections.deque()

    def finish():
      target, window = started.popleft()
      inner = np.asarray(window)[0, reach:, reach:]
      target[...] = inner[: target.shape[0], : target.shape[1]]

    # JAX returns at once: several windows are worked on at the same time.
    for top in range(0, rows, step):
      for left in range(0, columns, step):
        if len(started) == _STARTED:
          finish()
        at = np.s_[top : top + WINDOW, left : left + WINDOW]
        window = apply(
            params, blocks[at][None], statistics[None], inside[at][None]
        )
        target = score_map[top : top + step, left : left + step]
        started.append((target, window))
    while started:
      finish()
    score_map[is_outside] = 0
    return score_map

  return scores


def statistics_of(
    features: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> np.ndarray:
  """Measures what is typical of an image.

  Args:
    features: float[rows, columns, n], of `features.measure`; all blocks that
      are to be compared. Blocks of NaN, where nothing varies, are ignored.
    mean: f32[n], of the features over training blocks.
    std: f32[n], their standard deviation.

  Returns:
    f32[2 n]: the medians of normalized features, and their ranges between
    quartiles.
  """
  standard = _standardize(features, mean, std)
  varies = _varies(features)
  counted = standard[varies] if varies.any() else standard[:1, 0]
  # Twice as fast where the values of a feature lie side by side.
  counted = np.ascontiguousarray(counted.T)
  low, median, high = np.percentile(counted, (25, 50, 75), axis=1)
  return np.concatenate([median, high - low], dtype=np.float32)


def normalize(
    features: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray,
    statistics: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Normalizes features over the training set and over their own image.

  Args:
    features: As of `statistics_of`, or a part of them.
    mean: As of `statistics_of`.
    std: As of `statistics_of`.
    statistics: Of `statistics_of` for the whole image; by default for these
      features.

  Returns:
    f32[rows, columns, 2 n]: the features in units of their standard deviation
    over training blocks, and less the image's median in units of the image's
    own range between quartiles; zeros where nothing varies. f32[2 n], the
    statistics. f32[rows, columns]: 1 where anything varies, for the network's
    `inside`.
  """
  if statistics is None:
    statistics = statistics_of(features, mean, std)
  varies = _varies(features)
  median, own = np.split(statistics, 2)
  blocks = np.empty((*varies.shape, 2 * features.shape[-1]), np.float32)
  standard, relative = np.split(blocks, 2, axis=-1)  # Views.
  standard[...] = _standardize(features, mean, std)
  np.subtract(standard, median, out=relative)
  relative /= own + _MIN_RANGE
  np.clip(relative, -_MAX_DEVIATION, _MAX_DEVIATION, out=relative)
  blocks[~varies] = 0
  return blocks, statistics, varies.astype(np.float32)


def _varies(features: np.ndarray) -> np.ndarray:
  return ~np.isnan(features[..., 0])


def _standardize(
    features: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> np.ndarray:
  """Returns features in units of their deviation, 0 where nothing varies."""
  standard = np.clip((features - mean) / std, -_MAX_DEVIATION, _MAX_DEVIATION)
  standard[~_varies(features)] = 0
  return standard
