"""What a network computes of patches on the way to its outputs."""

from collections.abc import Sequence
from typing import Any

from flax import struct
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from manloc_jax.models import blocks
from manloc_jax.models import interface
from manloc_jax.models import network

_INTERMEDIATES = 'intermediates'  # Flax's collection of them.


@struct.dataclass
class Features:
  """The inner arrays of a `ConvLSTMConv`, of a batch of patches.

  Steps of the LSTM stand in raster order, row by row of blocks, whatever the
  `block_order` in which they were read: `x.reshape(b, 8, 8, -1)` is a map.
  """

  # f32[b, side, side, filters] after the ReLU; None where the LSTM reads
  # something else than conv2.
  conv1: jax.Array | None
  # f32[b, side, side, filters], after the ReLU if there is one; None likewise.
  conv2: jax.Array | None
  # [b, grid**2, features], what the LSTM reads of each block.
  blocks: jax.Array
  # Of each layer of the LSTM [b, grid**2, hidden]: its outputs z of Eq. 2, and
  # its cell states C of Eq. 1.
  outputs: tuple[jax.Array, ...]
  cells: tuple[jax.Array, ...]
  # [b, 2 * side, 2 * side, 1], the map that the last layer's outputs make;
  # None without a mask.
  lstm_map: jax.Array | None
  # What the network returns.
  logits: interface.Outputs


def compute(
    model: nn.Module,
    params: Any,
    images: jax.Array,
    compression: jax.Array | None = None,
) -> Features:
  """Computes the inner arrays of a network; a pure function, safe under jit.

  Args:
    model: A `ConvLSTMConv`.
    params: Its parameters.
    images: [b, side, side, 3], RGB in 0..255, uint8 or float.
    compression: uint8[b, 8, 8, 34], see `ConvLSTMConv`.

  Raises:
    TypeError: The network has no LSTM.
  """
  if not isinstance(model, network.ConvLSTMConv):
    raise TypeError(
        f'{type(model).__name__} has no LSTM; its inner arrays are what'
        ' run.apply(..., capture_intermediates=True) returns.'
    )
  logits, kept = model.apply(
      {'params': params}, images, compression, mutable=[_INTERMEDIATES]
  )
  found = kept[_INTERMEDIATES]
  depth = len(model.lstm_hidden)
  layers = [found['lstm'][f'layer{i + 1}'] for i in range(depth)]
  in_raster_order = lambda x: x[:, np.argsort(
      blocks.scan_order(model.grid, model.block_order)
  )]
  of_steps = lambda x: in_raster_order(x.swapaxes(0, 1))
  outputs = tuple(of_steps(layer['outputs'][0]) for layer in layers)
  return Features(
      conv1=_only(found.get('conv1_map')),
      conv2=_only(found.get('conv2_map')),
      blocks=in_raster_order(found['blocks'][0]),
      outputs=outputs,
      cells=tuple(of_steps(layer['cells'][0]) for layer in layers),
      lstm_map=(
          blocks.to_map(outputs[-1], model.grid)
          if interface.MASK in model.tasks
          else None
      ),
      logits=logits,
  )


def _only(kept: Sequence[jax.Array] | None) -> jax.Array | None:
  """Returns the array that a layer kept, in f32; None if it kept none."""
  return None if kept is None else jnp.asarray(kept[0], jnp.float32)
