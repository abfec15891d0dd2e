"""Cuts a square map into a sequence of blocks, and back (section 3.1.2)."""

import jax
import numpy as np

ORDERS = ('row', 'column', 'hilbert')


def scan_order(grid: int, order: str) -> np.ndarray:
  """Returns which block is read at each step.

  Args:
    grid: Blocks along each side; a power of two for `hilbert`.
    order: `row` (raster, the paper's), `column`, or `hilbert`, which keeps
      consecutive blocks adjacent.

  Returns:
    i32[grid**2], a permutation: the raster index of the block of each step.

  Raises:
    ValueError: Unknown order, or a Hilbert grid that is no power of two.
  """
  raster = np.arange(grid * grid, dtype=np.int32).reshape(grid, grid)
  if order == 'row':
    return raster.ravel()
  if order == 'column':
    return raster.T.ravel()
  if order != 'hilbert':
    raise ValueError(f'Unknown block order {order!r}; choose one of {ORDERS}.')
  if grid & (grid - 1):
    raise ValueError(f'A Hilbert curve needs a power of two, not grid={grid}.')
  # A curve of twice the size is four copies: transposed, two upright, and
  # one transposed about the other diagonal.
  curve = np.zeros((1, 2), np.int32)
  size = 1
  while size < grid:
    flipped = curve[:, ::-1]
    curve = np.concatenate([
        flipped,
        curve + [0, size],
        curve + [size, size],
        [2 * size - 1, size - 1] - flipped,
    ])
    size *= 2
  return raster[curve[:, 0], curve[:, 1]]


def to_sequence(x: jax.Array, grid: int, order: str = 'row') -> jax.Array:
  """Cuts a map into `grid * grid` blocks and reads them in `order`.

  Args:
    x: f32[batch, side, side, channels]; `grid` divides `side`.
    grid: Number of blocks along each side.
    order: See `scan_order`.

  Returns:
    f32[batch, grid**2, block * block * channels], block = side // grid.

  Raises:
    ValueError: The map is not square or `grid` does not divide its side.
  """
  batch, height, width, channels = x.shape
  if height != width or height % grid:
    raise ValueError(
        f'A {height}x{width} map cannot be cut into {grid}x{grid} square'
        ' blocks; choose a patch side that `model.grid` divides.'
    )
  block = height // grid
  x = x.reshape(batch, grid, block, grid, block, channels)
  x = x.transpose(0, 1, 3, 2, 4, 5)  # [batch, gy, gx, by, bx, channels]
  x = x.reshape(batch, grid * grid, block * block * channels)
  return x if order == 'row' else x[:, scan_order(grid, order)]


def to_map(
    x: jax.Array, grid: int, order: str = 'row', channels: int = 1
) -> jax.Array:
  """Puts a sequence of blocks back in place; inverts `to_sequence`.

  Args:
    x: f32[batch, grid**2, block * block * channels].
    grid: Number of blocks along each side.
    order: See `scan_order`.
    channels: Channels of the map.

  Returns:
    f32[batch, grid * block, grid * block, channels].

  Raises:
    ValueError: The features of a step do not make a square block.
  """
  batch, _, features = x.shape
  block = round((features // channels) ** 0.5)
  if block * block * channels != features:
    raise ValueError(
        f'{features} features make no square block of {channels} channels;'
        ' choose a last `model.lstm_hidden` that is a square, such as 256.'
    )
  if order != 'row':
    x = x[:, np.argsort(scan_order(grid, order))]
  x = x.reshape(batch, grid, grid, block, block, channels)
  x = x.transpose(0, 1, 3, 2, 4, 5)
  return x.reshape(batch, grid * block, grid * block, channels)
