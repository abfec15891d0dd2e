import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax.models import space_to_depth


def test_the_transform_is_inverted_exactly_and_holds_2x2_pixels():
  x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
  y = space_to_depth.to_depth(x)
  np.testing.assert_array_equal(space_to_depth.to_space(y), x)
  np.testing.assert_array_equal(y[0, 1, 2], x[0, 2:4, 4:6].ravel())


@pytest.mark.parametrize('kernel', [1, 3, 5, 7])
def test_the_convolution_is_that_of_the_pixels(kernel):
  x = jax.random.normal(jax.random.key(0), (2, 12, 12, 3))
  plain = nn.Conv(4, (kernel, kernel))
  fast = space_to_depth.SpaceToDepthConv(4, kernel)
  params = plain.init(jax.random.key(1), x)
  params['params']['bias'] += np.arange(4.0, dtype=np.float32)

  def on_pixels(params, x):
    return plain.apply(params, x)

  def on_depth(params, x):
    made = fast.apply(params, space_to_depth.to_depth(x))
    return space_to_depth.to_space(made)

  np.testing.assert_allclose(
      on_depth(params, x), on_pixels(params, x), atol=1e-5
  )
  loss = lambda f: lambda p, x: (f(p, x) ** 2).sum()
  got = jax.grad(loss(on_depth), argnums=(0, 1))(params, x)
  want = jax.grad(loss(on_pixels), argnums=(0, 1))(params, x)
  jax.tree.map(
      lambda g, w: np.testing.assert_allclose(g, w, rtol=1e-4, atol=1e-3),
      got,
      want,
  )


def test_pool_is_the_maximum_of_2x2_pixels():
  x = jax.random.normal(jax.random.key(0), (1, 4, 4, 2))
  want = nn.max_pool(x, (2, 2), (2, 2))
  pooled = space_to_depth.pool(space_to_depth.to_depth(x))
  np.testing.assert_array_equal(pooled, want)


def test_pool_shares_its_gradient_among_the_largest_pixels():
  x = jnp.array([1.0, 3.0, 3.0, 2.0, 5.0, 4.0, 3.0, 2.0]).reshape(1, 1, 2, 4)
  grad = jnp.array([6.0, 7.0]).reshape(1, 1, 2, 1)
  pooled, pull_back = jax.vjp(space_to_depth.pool, x)
  np.testing.assert_array_equal(pooled.ravel(), [3, 5])
  np.testing.assert_array_equal(
      pull_back(grad)[0].ravel(), [0, 3, 3, 0, 7, 0, 0, 0]
  )
