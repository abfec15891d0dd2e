"""What the LSTM reads of a patch: maps of conv1 and conv2, or other traces."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from manloc_jax.models import blocks
from manloc_jax.models import initializers
from manloc_jax.models import interface
from manloc_jax.models import space_to_depth
from manloc_jax.models import traces

INPUTS = ('conv', 'rgb', 'gray', 'dct', 'odds', 'spectrum')
_OF_BLOCKS = ('dct', 'odds', 'spectrum')  # Measured in JPEG's blocks.
CONV1_INPUTS = ('rgb', 'residual')
CONV1_CONSTRAINTS = ('none', 'bayar')


class PatchReader(nn.Module):
  """The first half of a network: cuts what it reads of a patch into blocks.

  Attributes:
    lstm_input: What the LSTM reads: the map of conv1 and conv2 (`conv`), or,
      without them, the patch itself in colour (`rgb`) or as luma (`gray`), its
      JPEG coefficients (`dct`), how often their values occur in the whole image
      (`odds`) or its resampling spectrum (`spectrum`); several are joined by
      `+`, such as `conv+dct`.
    dct_levels: Sizes of a coefficient that are told apart, from 1 on; larger
      ones count as the last.
    dct_features: Features that a block's coefficients are mapped to.
    conv1_input: What conv1 reads: the patch (`rgb`) or residuals of fixed
      high-pass filters (`residual`).
    conv1_constraint: `bayar` makes kernels of conv1 errors of prediction.
    conv1_filters: Maps of the first convolution.
    conv2_filters: Maps of the second one, cut into blocks for the LSTM.
    conv2_activation: Whether a ReLU follows conv2.
    kernel: Side of the kernels of conv1 and conv2.
    grid: Blocks along each side of the patch; `grid**2` LSTM steps.
    block_order: `row`, `column` or `hilbert`, see `blocks.scan_order`.
    input_norm: `symmetric` or `unit`, see `normalize`.
    conv_init: Initializers of the convolutions, see `initializers.get`.
    dtype: Of the products from conv2 on, such as `bfloat16`; parameters are
      f32 in any case.
  """

  lstm_input: str = 'conv'
  dct_levels: int = 20
  dct_features: int = 64
  conv1_input: str = 'rgb'
  conv1_constraint: str = 'none'
  conv1_filters: int = 16
  conv2_filters: int = 1
  conv2_activation: bool = True
  kernel: int = 5
  grid: int = 8
  block_order: str = 'row'
  input_norm: str = 'symmetric'
  conv_init: str = 'glorot'
  dtype: str = 'float32'

  def setup(self):
    self._set_up_convolutions()
    self.dct = nn.Dense(self.dct_features, dtype=self.dtype)

  def _set_up_convolutions(self):
    self.conv1 = space_to_depth.SpaceToDepthConv(
        self.conv1_filters,
        self.kernel,
        initializers.get(self.conv_init, 'conv1'),
        self._conv1_constraint(),
    )
    self.conv2 = space_to_depth.SpaceToDepthConv(
        self.conv2_filters,
        self.kernel,
        initializers.get(self.conv_init, 'conv2'),
    )

  @property
  def reads_compression(self) -> bool:
    """Whether what tells of the patches' compression makes a difference."""
    return not {'dct', 'odds'}.isdisjoint(self._inputs())

  @property
  def grid_stride(self) -> int:
    """Pixels that the corners of patches must be multiples of."""
    return traces.BLOCK if self.reads_compression else 1

  def read_blocks(
      self, images: jax.Array, compression: jax.Array | None = None
  ) -> jax.Array:
    """Cuts what `lstm_input` names into blocks.

    Args:
      images: [batch, side, side, 3], RGB in 0..255, uint8 or float.
      compression: uint8[batch, 8, 8, 34], of the files that the patches are
        from, see `data/compression.py`; None for patches without a file. Only
        `dct` and `odds` read it.

    Returns:
      [batch, grid**2, features] of `dtype`, the blocks in `block_order`.

    Raises:
      ValueError: Unknown `lstm_input`, or blocks that are not JPEG's.
    """
    parts = [
        self._read(name, images, compression) for name in self._inputs()
    ]
    joined = jnp.concatenate([x.astype(self.dtype) for x in parts], axis=-1)
    self.sow('intermediates', 'blocks', joined)
    return joined

  def _inputs(self) -> list[str]:
    """Returns the parts of `lstm_input`."""
    names = self.lstm_input.split('+')
    for name in names:
      if name not in INPUTS:
        raise ValueError(
            f'Unknown LSTM input {name!r}; choose one of {INPUTS}, or several'
            ' joined by +.'
        )
    return names

  def _read(
      self, name: str, images: jax.Array, compression: jax.Array | None
  ) -> jax.Array:
    """Reads one part of `lstm_input`, [batch, grid**2, features]."""
    if name in _OF_BLOCKS:
      pixels = self._to_sequence(traces.luma(images)[..., None])
      if pixels.shape[-1] != traces.BLOCK**2:
        raise ValueError(
            f'The LSTM input {name!r} reads blocks of {traces.BLOCK}x'
            f'{traces.BLOCK} pixels; choose model.grid ='
            f' {images.shape[1] // traces.BLOCK}.'
        )
      if name == 'spectrum':
        return traces.spectrum(pixels)
      coefficients = traces.coefficients(pixels, compression)
      if name == 'odds':
        return traces.odds(coefficients, compression)
      return self._embed(coefficients)
    x = interface.normalize(images, self.input_norm)
    if name == 'conv':
      x = self._convolve(self._conv1_reads(x, images))
    elif name == 'gray':
      x = traces.luma(x)[..., None]
    return self._to_sequence(x)

  def _to_sequence(self, x: jax.Array) -> jax.Array:
    return blocks.to_sequence(x, self.grid, self.block_order)

  def _embed(self, coefficients: jax.Array) -> jax.Array:
    """Maps JPEG coefficients, f32[batch, n, 64], to features.

    How often each size occurs tells of earlier compressions, so that sizes are
    told apart one by one; the logarithm tells those beyond `dct_levels`.
    """
    sizes = jnp.abs(coefficients)
    level = jnp.minimum(sizes, self.dct_levels).astype(jnp.int32)
    one_hot = jax.nn.one_hot(level, self.dct_levels + 1, dtype=self.dtype)
    features = self.dct(one_hot.reshape(*sizes.shape[:2], -1))
    return jnp.concatenate(
        [features, jnp.log1p(sizes).astype(features.dtype)], axis=-1
    )

  def _conv1_reads(self, x: jax.Array, images: jax.Array) -> jax.Array:
    """Returns what conv1 reads, of normalized and of given patches."""
    if self.conv1_input not in CONV1_INPUTS:
      raise ValueError(
          f'Unknown conv1 input {self.conv1_input!r}; choose one of'
          f' {CONV1_INPUTS}.'
      )
    return x if self.conv1_input == 'rgb' else traces.residuals(images)

  def _convolve(self, x: jax.Array) -> jax.Array:
    """Maps patches to the map of conv2 (conv1, conv2)."""
    x = space_to_depth.to_depth(x)
    # Traces lie at a hundredth of the image's scale, the eighth and last bit
    # of a bfloat16: conv1, which separates the two, is not computed in less
    # than f32.
    x = nn.relu(self.conv1(x.astype(jnp.promote_types(x.dtype, self.dtype))))
    self.sow('intermediates', 'conv1_map', space_to_depth.to_space(x))
    x = self.conv2(x.astype(self.dtype))
    x = space_to_depth.to_space(nn.relu(x) if self.conv2_activation else x)
    self.sow('intermediates', 'conv2_map', x)
    return x

  def _conv1_constraint(self):
    if self.conv1_constraint not in CONV1_CONSTRAINTS:
      raise ValueError(
          f'Unknown conv1 constraint {self.conv1_constraint!r}; choose one of'
          f' {CONV1_CONSTRAINTS}.'
      )
    is_free = self.conv1_constraint == 'none'
    return None if is_free else traces.prediction_errors
