"""A small fully convolutional network (paper, section 4, FCN; Long 2015)."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax.models import convolution
from manloc_jax.models import initializers
from manloc_jax.models import interface
from manloc_jax.models import space_to_depth


class FCN(nn.Module):
  """Labels every pixel of a patch.

  Five layers as in the paper, "3 convolution and 2 fully convolution layers",
  with fewer maps; how many is unstated.

  Attributes:
    fcn_filters: Maps of the convolutions, each followed by a 2x2 max pool.
    fcn_hidden: Maps of the first 1x1 layer; the second gives the logits.
    kernel: Side of the kernels of the convolutions.
    input_norm: `symmetric` or `unit`, see `interface.normalize`.
    conv_init: Initializers of the convolutions, see `initializers.get`.
    dtype: Of the products from the second layer on, such as `bfloat16`;
      parameters and logits are f32 in any case.
  """

  fcn_filters: Sequence[int] = (16, 32, 64)
  fcn_hidden: int = 64
  kernel: int = 5
  input_norm: str = 'symmetric'
  conv_init: str = 'glorot'
  dtype: str = 'float32'

  @property
  def tasks(self) -> tuple[str, ...]:
    """Which outputs there are, of `interface.TASKS`."""
    return (interface.MASK,)

  @property
  def reads_compression(self) -> bool:
    """Whether what tells of the patches' compression makes a difference."""
    return False

  @property
  def grid_stride(self) -> int:
    """Pixels that the corners of patches must be multiples of."""
    return 1

  @nn.compact
  def __call__(
      self,
      images: jax.Array,
      compression: jax.Array | None = None,
      *,
      train: bool = False,
  ) -> interface.Outputs:
    """Scores patches.

    Args:
      images: [batch, side, side, 3], RGB in 0..255, uint8 or float.
      compression: Ignored: the layers read colours.
      train: Ignored: there is no dropout.

    Returns:
      Logits of the pixels.

    Raises:
      ValueError: The pools do not divide the patch.
    """
    del compression, train
    batch, side = images.shape[:2]
    if side % 2 ** len(self.fcn_filters):
      raise ValueError(
          f'{len(self.fcn_filters)} pools do not divide a patch of {side}'
          ' pixels; choose fewer model.fcn_filters.'
      )
    x = interface.normalize(images, self.input_norm)
    for i, filters in enumerate(self.fcn_filters):
      layer = f'conv{i + 1}'
      init = initializers.get(self.conv_init, layer)
      x = convolution.Conv(filters, self.kernel, init, name=layer)(x)
      x = space_to_depth.to_depth(nn.relu(x))
      x = space_to_depth.pool(x).astype(self.dtype)
    dense = lambda width, name: nn.Dense(width, dtype=x.dtype, name=name)
    x = nn.relu(dense(self.fcn_hidden, 'hidden')(x))
    x = dense(2, 'logits')(x)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return interface.Outputs(
        patch_logits=None,
        mask_logits=jax.image.resize(x, (batch, side, side, 2), 'bilinear'),
    )
