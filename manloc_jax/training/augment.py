"""Augmentation on the device: the eight symmetries of the square."""

import jax
import jax.numpy as jnp


def random_symmetry(
    images: jax.Array, masks: jax.Array, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Flips and transposes each patch at random, image and mask alike.

  Together the three coin tosses give all flips and rotations by 90 degrees.

  Args:
    images: [batch, side, side, channels], any dtype.
    masks: [batch, side, side], any dtype.
    key: Random key.

  Returns:
    Images and masks of the same shapes and dtypes.
  """
  coins = jax.random.bernoulli(key, shape=(3, images.shape[0]))
  moves = (
      lambda x: x[:, ::-1],
      lambda x: x[:, :, ::-1],
      lambda x: jnp.swapaxes(x, 1, 2),
  )

  def apply(x):
    for move, coin in zip(moves, coins, strict=True):
      x = jnp.where(coin.reshape(-1, *[1] * (x.ndim - 1)), move(x), x)
    return x

  return apply(images), apply(masks)
