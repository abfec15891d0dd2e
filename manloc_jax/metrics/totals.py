"""Sums over the patches of a split, kept on the devices."""

from flax import struct
import jax


@struct.dataclass
class Totals:
  """Sums over the patches seen so far, one share per device.

  Classes are counted for a task that the network does not have, too, with all
  scores in the lowest bin: the trivial baselines stand on these counts.

  Attributes:
    patches: i32[devices, 1, 2, bins], patch scores by class.
    pixels: i32[devices, images, 2, bins], pixel scores by image and class.
    postprocessed: By the names of `postprocess.names`, like `pixels`.
    positives: i32[devices, side, side], how often a pixel was manipulated.
    loss: f32[devices, 3]: sums of `patch`, `mask` and of the weights.
  """

  patches: jax.Array
  pixels: jax.Array
  postprocessed: dict[str, jax.Array]
  positives: jax.Array
  loss: jax.Array
