"""Sums over the patches of a split, kept on the devices."""

from flax import struct
import jax
import numpy as np

from manloc_jax import errors

_REMEDY = (
    'its training has diverged: train it again with a smaller'
    ' --config.optim.learning_rate or a --config.optim.clip_norm in another'
    ' --workdir'
)


@struct.dataclass
class Totals:
  """Sums over the patches so far, a shard of the sums per device.

  Classes are counted even for a task that the network does not have, with all
  scores in the lowest bin: the trivial baselines need these counts.

  Attributes:
    patches: i32[devices, 1, 2, bins], patch scores by class.
    pixels: i32[devices, images, 2, bins], pixel scores by image and class.
    postprocessed: By the names of `postprocess.names`, like `pixels`.
    positives: i32[devices, side, side], how often a pixel was manipulated.
    loss: f32[devices, 3]: sums of the cross entropies of `patch` and `mask`
      (Eqs. 3 and 4, every class weighing one) and of the examples' weights.
    objective: f32[devices, 3]: sums of `total`, `patch` and `mask` of the loss
      that training minimizes, with its weights of terms and classes.
    non_finite: i32[devices, 2]: patch and pixel scores in no histogram because
      they are NaN or infinite.
  """

  patches: jax.Array
  pixels: jax.Array
  postprocessed: dict[str, jax.Array]
  positives: jax.Array
  loss: jax.Array
  objective: jax.Array
  non_finite: jax.Array


def check_finite(totals: Totals, name: str) -> None:
  """Raises UserError where a network gave scores that are not finite.

  Args:
    totals: Sums over a split, without the device axis.
    name: Subject of the sentence: which network, on which split.
  """
  patches, pixels = (int(count) for count in totals.non_finite)
  if patches or pixels:
    raise errors.UserError(
        f'{name} gives scores that are not finite, for {patches} patches and'
        f' {pixels} pixels; {_REMEDY}.'
    )
  sums = np.concatenate([totals.loss, totals.objective])
  if not np.isfinite(sums).all():
    raise errors.UserError(f'{name} has a loss that is not finite; {_REMEDY}.')
