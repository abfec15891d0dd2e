"""Augmentation on the device: the eight symmetries of the square."""

import jax
import jax.numpy as jnp


def random_symmetry(
    images: jax.Array,
    masks: jax.Array,
    compression: jax.Array,
    key: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Flips and transposes each patch at random, image and mask alike.

  Together the three coin tosses give all flips and rotations by 90 degrees. The
  frequencies of its compression are transposed with a patch; flips, which only
  change the signs of coefficients, leave them as they are.

  Args:
    images: [batch, side, side, channels], any dtype.
    masks: [batch, side, side], any dtype.
    compression: [batch, 8, 8, 34], of each patch, any dtype.
    key: Random key.

  Returns:
    Images, masks and compressions of the same shapes and dtypes.
  """
  coins = jax.random.bernoulli(key, shape=(3, images.shape[0]))
  transpose = lambda x: jnp.swapaxes(x, 1, 2)
  moves = (lambda x: x[:, ::-1], lambda x: x[:, :, ::-1], transpose)

  def apply(moves, coins, x):
    for move, coin in zip(moves, coins, strict=True):
      x = jnp.where(coin.reshape(-1, *[1] * (x.ndim - 1)), move(x), x)
    return x

  return (
      apply(moves, coins, images),
      apply(moves, coins, masks),
      apply([transpose], coins[2:], compression),
  )
