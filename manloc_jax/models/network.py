"""Convolutions, an LSTM over blocks, convolutions (paper, section 3, Figure 2).

The joint network, J-Conv-LSTM-Conv, and by leaving parts of it out all networks
of Tables 1 to 3 but the FCN.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax.models import block_lstm
from manloc_jax.models import blocks
from manloc_jax.models import convolution
from manloc_jax.models import initializers
from manloc_jax.models import interface
from manloc_jax.models import patch_reader
from manloc_jax.models import space_to_depth

HEADS = ('last', 'mean', 'concat', 'none')
POOLS = ('auto', 'max', 'none')
DECODERS = ('conv345', 'conv34', 'none')


class ConvLSTMConv(patch_reader.PatchReader):
  """Labels a patch, and every pixel of it: manipulated or not.

  What the LSTM reads, conv1 and conv2, is that of the base class.

  Attributes:
    conv3_filters: Maps of the first convolution after the LSTM.
    conv4_filters: Maps of the second one.
    conv45_kernel: Side of the kernels of conv4 and conv5.
    conv3_pool: `max` pools 2x2 after conv3, `none` does not, `auto` pools when
      the LSTM's map is twice as large as the patch.
    decoder: What turns the LSTM's outputs into a mask: conv3, conv4 and conv5
      (`conv345`), conv3 and conv4 only, which then gives the logits (`conv34`),
      or nothing (`none`, the paper's P- networks).
    lstm_hidden: Widths of the stacked LSTMs; the last one must be a square,
      for its features become a square block of the map.
    lstm_dropout: Rate of dropout between the LSTMs.
    forget_bias: Added to the forget gates.
    head: Where the patch classifier looks: at the `last` output of the LSTM,
      at the `mean` of all, or at their concatenation (`concat`); `none` leaves
      patch classification out (the paper's S- networks).
  """

  conv3_filters: int = 32
  conv4_filters: int = 32
  conv45_kernel: int = 5
  conv3_pool: str = 'auto'
  decoder: str = 'conv345'
  lstm_hidden: Sequence[int] = (256, 256, 256)
  lstm_dropout: float = 0.0
  forget_bias: float = 1.0
  head: str = 'last'

  def setup(self):
    super().setup()
    self._set_up_lstm()
    self.patch_head = nn.Dense(2)

  def _set_up_lstm(self):
    self.lstm = block_lstm.BlockLSTM(
        self.lstm_hidden, self.forget_bias, self.lstm_dropout
    )

  def _set_up_convolutions(self):
    super()._set_up_convolutions()
    self.conv3 = self._conv(self.conv3_filters, self.kernel, 'conv3')
    self.conv4 = convolution.Conv(
        self._conv4_filters,
        self.conv45_kernel,
        initializers.get(self.conv_init, 'conv4'),
    )
    self.conv5 = self._conv(2, self.conv45_kernel, 'conv5')

  @property
  def tasks(self) -> tuple[str, ...]:
    """Which outputs there are, of `interface.TASKS`."""
    has = {
        interface.PATCH: self.head != 'none',
        interface.MASK: self.decoder != 'none',
    }
    return tuple(task for task, does in has.items() if does)

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
      compression: uint8[batch, 8, 8, 34], of the files that the patches are
        from, see `data/compression.py`; None for patches without a file. Only
        the inputs `dct` and `odds` read it.
      train: Whether dropout is on; it then needs the rng `dropout`.

    Returns:
      Logits of the patches and of their pixels.

    Raises:
      ValueError: The fields do not fit each other or the patch.
    """
    if not self.tasks:
      raise ValueError(
          "A network without an output learns nothing; change model.head ="
          " 'none' or model.decoder = 'none'."
      )
    outputs = self.lstm(self.read_blocks(images, compression), train=train)
    patch, mask = (task in self.tasks for task in interface.TASKS)
    return interface.Outputs(
        patch_logits=self.classify(outputs) if patch else None,
        mask_logits=self.decode(outputs, images.shape[1]) if mask else None,
    )

  def classify(self, outputs: jax.Array) -> jax.Array:
    """Labels patches.

    Args:
      outputs: [batch, grid**2, features], of the LSTM.

    Returns:
      f32[batch, 2], logits.

    Raises:
      ValueError: Unknown `head`.
    """
    if self.head == 'last':
      summary = outputs[:, -1]
    elif self.head == 'mean':
      summary = outputs.mean(axis=1)
    elif self.head == 'concat':
      summary = outputs.reshape(outputs.shape[0], -1)
    else:
      raise ValueError(f'Unknown head {self.head!r}; choose one of {HEADS}.')
    return self.patch_head(summary)

  def decode(self, outputs: jax.Array, side: int = interface.SIDE) -> jax.Array:
    """Turns the LSTM's outputs into a mask.

    Args:
      outputs: [batch, grid**2, features], in `block_order`.
      side: Of the patch, in pixels.

    Returns:
      f32[batch, side, side, 2], logits.

    Raises:
      ValueError: Unknown `decoder`, or the map that the blocks make does not
        fit the patch.
    """
    if self.decoder not in DECODERS:
      raise ValueError(
          f'Unknown decoder {self.decoder!r}; choose one of {DECODERS}.'
      )
    x = blocks.to_map(outputs, self.grid, self.block_order)
    pools = self._pools(x.shape[1], side)
    after = x.shape[1] // 2 if pools else x.shape[1]
    if after != side:
      raise ValueError(
          f'The LSTM makes a map that is {after} pixels wide after conv3'
          f' for a patch of {side}; choose model.lstm_hidden[-1] ='
          f' {(2 * side // self.grid) ** 2}, or {(side // self.grid) ** 2}'
          " with model.conv3_pool = 'none'."
      )
    x = self._decode_map(x, pools)
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))

  def _decode_map(self, x: jax.Array, pools: bool) -> jax.Array:
    """Maps the LSTM's map to logits (conv3, conv4, conv5)."""
    x = nn.relu(self.conv3(space_to_depth.to_depth(x)))
    x = space_to_depth.pool(x) if pools else space_to_depth.to_space(x)
    x = self.conv4(x)
    if self.decoder == 'conv34':
      return x
    x = self.conv5(space_to_depth.to_depth(nn.relu(x)))
    return space_to_depth.to_space(x)

  def _conv(self, filters: int, kernel: int, layer: str):
    init = initializers.get(self.conv_init, layer)
    return space_to_depth.SpaceToDepthConv(filters, kernel, init)

  @property
  def _conv4_filters(self) -> int:
    return 2 if self.decoder == 'conv34' else self.conv4_filters

  def _pools(self, map_side: int, patch_side: int) -> bool:
    if self.conv3_pool not in POOLS:
      raise ValueError(
          f'Unknown pool {self.conv3_pool!r}; choose one of {POOLS}.'
      )
    # Paper: LSTM-64h makes a 64x64 map, and pooling it would leave 32x32 where
    # Table 3 scores 64x64. Here: `auto` then leaves the pool out.
    if self.conv3_pool == 'auto':
      return map_side == 2 * patch_side
    return self.conv3_pool == 'max'

