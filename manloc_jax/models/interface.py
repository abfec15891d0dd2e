"""Inputs, outputs and parameter shapes, which all networks have in common."""

from typing import Any

from flax import struct
import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax import errors
from manloc_jax.patch_side import SIDE as SIDE

INPUT_NORMS = ('symmetric', 'unit')
PATCH, MASK = TASKS = ('patch', 'mask')


@struct.dataclass
class Outputs:
  """The logits of a batch of patches.

  In a network of one task the other output is None.
  """

  # f32[batch, 2]: pristine, manipulated.
  patch_logits: jax.Array | None
  # f32[batch, side, side, 2], one pair per pixel.
  mask_logits: jax.Array | None


def normalize(images: jax.Array, how: str) -> jax.Array:
  """Scales pixels to [-1, 1] or [0, 1].

  Args:
    images: [batch, side, side, 3], 0..255, uint8 or float.
    how: `symmetric` for [-1, 1], `unit` for [0, 1].

  Returns:
    f32 of the same shape.

  Raises:
    ValueError: Unknown `how`.
  """
  x = images.astype(jnp.float32)
  if how == 'symmetric':
    return x / 127.5 - 1.0
  if how == 'unit':
    return x / 255.0
  raise ValueError(f'Unknown input norm {how!r}; choose one of {INPUT_NORMS}.')


def abstract_params(model: nn.Module, side: int = SIDE) -> Any:
  """Returns the shapes of a network's parameters; nothing is computed.

  Args:
    model: The network.
    side: Patch side in pixels.

  Raises:
    ValueError: The fields do not fit each other or the patch.
  """
  image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.uint8)
  return jax.eval_shape(model.init, jax.random.key(0), image)['params']


def check_shapes(params: Any, expected: Any, where: str) -> None:
  """Raises UserError unless two trees of parameters have the same shapes.

  Args:
    params: Arrays or their descriptions, or None.
    expected: The same of the model.
    where: Subject of the error's sentence: what holds `params`.
  """
  shapes = lambda tree: jax.tree.map(lambda x: tuple(x.shape), tree)
  if shapes(params) != shapes(expected):
    raise errors.UserError(
        f'{where} does not hold the model that the config describes; choose a'
        ' run of this model, or the fields --config.model of that run.'
    )
