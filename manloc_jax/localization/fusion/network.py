"""The network that weighs evidence: convolutions over 8x8 blocks."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

WINDOW = 64  # Blocks that it works on at once; see `make_scores`.
# A block that differs from half of the image by more is just different.
_MOST = 6.0
_LEAST_SPREAD = 0.05


class Fusion(nn.Module):
  """Logits of blocks from their evidence and that of those around.

  Whatever lies outside the image, `inside == 0`, counts as zero in every layer,
  so that an image may be worked on in overlapping tiles: a block at least
  `reach` blocks from a tile's border gets the logit that the whole image would
  give it.

  Attributes:
    width: Features per block.
    dilations: Of the residual layers, blocks.
    dropout: Share of features dropped in training, and of kinds of evidence.
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
      typical: Any,
      inside: Any,
      is_training: bool = False,
  ) -> Any:
    """Weighs the evidence.

    Args:
      blocks: f32[batch, rows, columns, 2 n], of `describe`.
      typical: f32[batch, 2 n], of `describe`.
      inside: f32[batch, rows, columns], 1 where there is an image.
      is_training: Whether to drop features; needs the key `dropout`.

    Returns:
      f32[batch, rows, columns], logits of a manipulated block.
    """
    inside = inside[..., None]
    drop = functools.partial(
        nn.Dropout, self.dropout, deterministic=not is_training
    )
    # Whole kinds of evidence: elsewhere the best ones may be missing.
    blocks = drop(broadcast_dims=(1, 2))(blocks)
    scale = nn.gelu(nn.Dense(self.width)(typical))
    scale = nn.Dense(2 * self.width)(scale)[:, None, None]
    gain, bias = jnp.split(scale, 2, axis=-1)
    features = nn.Dense(self.width)(blocks)
    features = features * (1 + gain) + bias
    for dilation in self.dilations:
      change = nn.gelu(nn.LayerNorm()(features)) * inside
      change = nn.Conv(
          self.width, (3, 3), kernel_dilation=dilation, padding='SAME'
      )(change)
      change = nn.gelu(nn.LayerNorm()(change))
      change = drop()(change)
      features = features + nn.Dense(self.width)(change)
    features = nn.gelu(nn.LayerNorm()(features))
    return nn.Dense(1)(features)[..., 0]


def make_scores(model: Fusion) -> Callable[..., np.ndarray]:
  """Returns `scores(params, blocks, typical)`, f32[rows, columns] in 0 to 1.

  The network works on windows of one size, so that one program serves images
  of all sizes, and gives what it would give for the whole at once.

  Args:
    model: The network. `blocks` and `typical` are those of `describe`.
  """

  @jax.jit
  def apply(params, *window):
    return jax.nn.sigmoid(model.apply({'params': params}, *window))

  def scores(params, blocks, typical):
    reach, (rows, columns, _) = model.reach, blocks.shape
    frame = ((reach, WINDOW), (reach, WINDOW))
    inside = np.pad(np.ones((rows, columns), np.float32), frame)
    blocks = np.pad(blocks, (*frame, (0, 0)))
    found = np.empty((rows, columns), np.float32)
    step = WINDOW - 2 * reach
    for top in range(0, rows, step):
      for left in range(0, columns, step):
        at = np.s_[top : top + WINDOW, left : left + WINDOW]
        window = apply(
            params, blocks[at][None], typical[None], inside[at][None]
        )
        place = found[top : top + step, left : left + step]
        inner = np.asarray(window)[0, reach:, reach:]
        place[...] = inner[: place.shape[0], : place.shape[1]]
    return found

  return scores


def describe(
    evidence: np.ndarray, mean: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Says how blocks compare with training images and with their own image.

  Args:
    evidence: float[rows, columns, n], of `evidence.measure`; all that is to be
      compared.
    mean: f32[n], of the evidence over training blocks.
    spread: f32[n], its standard deviation.

  Returns:
    f32[rows, columns, 2 n]: the evidence in units of its spread over training
    blocks, and less the image's median in units of the image's own spread
    between quartiles. f32[2 n]: those medians and spreads.
  """
  standard = np.clip((evidence - mean) / spread, -_MOST, _MOST)
  low, median, high = np.percentile(standard, (25, 50, 75), axis=(0, 1))
  own = high - low
  relative = np.clip(
      (standard - median) / (own + _LEAST_SPREAD), -_MOST, _MOST
  )
  blocks = np.concatenate([standard, relative], axis=-1, dtype=np.float32)
  return blocks, np.concatenate([median, own], dtype=np.float32)
