"""The joint network, J-Conv-LSTM-Conv (paper, section 3 and Figure 2)."""

from collections.abc import Sequence

import flax.linen as nn
from flax import struct
import jax
import jax.numpy as jnp

from manloc_jax.models import block_lstm
from manloc_jax.models import blocks
from manloc_jax.models import cells
from manloc_jax.models import convolution
from manloc_jax.models import initializers

SIDE = 64  # Patch side in pixels (section 3.1.1).
INPUT_NORMS = ('symmetric', 'unit')
HEADS = ('last', 'mean', 'concat')
POOLS = ('auto', 'max', 'none')


@struct.dataclass
class Outputs:
  """What the network says about a batch of patches."""

  patch_logits: jax.Array  # f32[batch, 2]: pristine, manipulated.
  mask_logits: jax.Array  # f32[batch, side, side, 2], one pair per pixel.


def normalize(images: jax.Array, how: str) -> jax.Array:
  """Scales 0..255 to [-1, 1] (`symmetric`) or [0, 1] (`unit`), as f32.

  Raises:
    ValueError: Unknown `how`.
  """
  x = images.astype(jnp.float32)
  if how == 'symmetric':
    return x / 127.5 - 1.0
  if how == 'unit':
    return x / 255.0
  raise ValueError(f'Unknown input norm {how!r}; choose one of {INPUT_NORMS}.')


class JConvLSTMConv(nn.Module):
  """Labels a patch and every pixel of it: manipulated or not.

  Attributes:
    conv1_filters: Maps of the first convolution.
    conv2_filters: Maps of the second one, cut into blocks for the LSTM.
    conv2_activation: Whether a ReLU follows conv2.
    conv3_filters: Maps of the first convolution after the LSTM.
    conv4_filters: Maps of the second one.
    kernel: Side of the kernels of conv1, conv2 and conv3.
    conv45_kernel: Side of the kernels of conv4 and conv5.
    conv3_pool: `max` pools 2x2 after conv3, `none` does not, `auto` pools when
      the LSTM's map is twice as large as the patch.
    grid: Blocks along each side of the patch; `grid**2` LSTM steps.
    block_order: `row`, `column` or `hilbert`, see `blocks.scan_order`.
    lstm_hidden: Widths of the stacked LSTMs; the last one must be a square,
      for its features become a square block of the map.
    lstm_dropout: Rate of dropout between the LSTMs.
    forget_bias: Added to the forget gates.
    head: Where the patch classifier looks: at the `last` output of the LSTM,
      at the `mean` of all, or at their concatenation (`concat`).
    input_norm: `symmetric` or `unit`, see `normalize`.
    conv_init: Initializers of the convolutions, see `initializers.get`.
    dtype: Of the products from conv2 on, such as `bfloat16`; parameters, cell
      states and logits are f32 in any case.
  """

  conv1_filters: int = 16
  conv2_filters: int = 1
  conv2_activation: bool = True
  conv3_filters: int = 32
  conv4_filters: int = 32
  kernel: int = 5
  conv45_kernel: int = 5
  conv3_pool: str = 'auto'
  grid: int = 8
  block_order: str = 'row'
  lstm_hidden: Sequence[int] = (256, 256, 256)
  lstm_dropout: float = 0.0
  forget_bias: float = 1.0
  head: str = 'last'
  input_norm: str = 'symmetric'
  conv_init: str = 'glorot'
  dtype: str = 'float32'

  def setup(self):
    self._set_up_convolutions()
    self._set_up_lstm()
    self.patch_head = nn.Dense(2)

  def _set_up_lstm(self):
    self.lstm = block_lstm.BlockLSTM(
        self.lstm_hidden, self.forget_bias, self.lstm_dropout
    )

  def _set_up_convolutions(self):
    self.conv1 = self._cell_conv(self.conv1_filters, self.kernel, 'conv1')
    self.conv2 = self._cell_conv(self.conv2_filters, self.kernel, 'conv2')
    self.conv3 = self._cell_conv(self.conv3_filters, self.kernel, 'conv3')
    self.conv4 = convolution.Conv(
        self.conv4_filters,
        self.conv45_kernel,
        initializers.get(self.conv_init, 'conv4'),
    )
    self.conv5 = self._cell_conv(2, self.conv45_kernel, 'conv5')

  def __call__(self, images: jax.Array, *, train: bool = False) -> Outputs:
    """Scores patches.

    Args:
      images: [batch, side, side, 3], RGB in 0..255, uint8 or float.
      train: Whether dropout is on; it then needs the rng `dropout`.

    Returns:
      Logits of the patches and of their pixels.

    Raises:
      ValueError: The fields do not fit each other or the patch.
    """
    outputs = self.lstm(self.read_blocks(images), train=train)
    return Outputs(
        patch_logits=self.patch_head(self._summary(outputs)),
        mask_logits=self.decode(outputs, side=images.shape[1]),
    )

  def read_blocks(self, images: jax.Array) -> jax.Array:
    """Convolves patches and cuts the map into blocks (conv1, conv2).

    Args:
      images: [batch, side, side, 3], RGB in 0..255, uint8 or float.

    Returns:
      [batch, grid**2, features] of `dtype`, the blocks in `block_order`.
    """
    x = cells.to_cells(normalize(images, self.input_norm))
    # Traces lie at a hundredth of the image's scale, the eighth and last bit
    # of a bfloat16: conv1, which separates the two, is not computed in less
    # than f32.
    x = self.conv1(x.astype(jnp.promote_types(x.dtype, self.dtype)))
    x = self.conv2(nn.relu(x).astype(self.dtype))
    x = cells.from_cells(nn.relu(x) if self.conv2_activation else x)
    return blocks.to_sequence(x, self.grid, self.block_order)

  def decode(self, outputs: jax.Array, side: int = SIDE) -> jax.Array:
    """Turns the LSTM's outputs into a mask (conv3, conv4, conv5).

    Args:
      outputs: [batch, grid**2, features], in `block_order`.
      side: Of the patch, in pixels.

    Returns:
      f32[batch, side, side, 2], logits.

    Raises:
      ValueError: The map that the blocks make does not fit the patch.
    """
    x = cells.to_cells(blocks.to_map(outputs, self.grid, self.block_order))
    x = nn.relu(self.conv3(x))
    pools = self._pools(2 * x.shape[1], side)
    x = cells.pool(x) if pools else cells.from_cells(x)
    if x.shape[1] != side:
      raise ValueError(
          f'The LSTM makes a map that is {x.shape[1]} pixels wide after conv3'
          f' for a patch of {side}; choose model.lstm_hidden[-1] ='
          f' {(2 * side // self.grid) ** 2}, or {(side // self.grid) ** 2}'
          " with model.conv3_pool = 'none'."
      )
    x = nn.relu(self.conv4(x))
    x = cells.from_cells(self.conv5(cells.to_cells(x)))
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))

  def _cell_conv(self, filters: int, kernel: int, layer: str):
    init = initializers.get(self.conv_init, layer)
    return cells.CellConv(filters, kernel, init)

  def _summary(self, outputs: jax.Array) -> jax.Array:
    """Returns what the patch classifier sees, f32[batch, features]."""
    if self.head == 'last':
      return outputs[:, -1]
    if self.head == 'mean':
      return outputs.mean(axis=1)
    if self.head == 'concat':
      return outputs.reshape(outputs.shape[0], -1)
    raise ValueError(f'Unknown head {self.head!r}; choose one of {HEADS}.')

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


def abstract_params(model: JConvLSTMConv, side: int = SIDE):
  """Returns the shapes of a network's parameters; nothing is computed.

  Args:
    model: The network.
    side: Patch side in pixels.

  Raises:
    ValueError: The fields do not fit each other or the patch.
  """
  image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.uint8)
  return jax.eval_shape(model.init, jax.random.key(0), image)['params']
