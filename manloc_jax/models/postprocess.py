"""Post-processes predicted masks (paper, section 4).

A mask is smoothed, and multiplied by the predicted label of its patch
(patch-label gating), which removes false positives in patches that the network
labels as pristine.
"""

import jax
import jax.numpy as jnp
import numpy as np

from manloc_jax import models

_REACH = 4  # Standard deviations; weights beyond are zero.


def variants(
    patch_scores: jax.Array | None, pixel_scores: jax.Array, sigma: float
) -> dict[str, jax.Array]:
  """Returns scores after each kind of post-processing, f32[batch, side, side].

  `smoothed` is the paper's smoothed binary mask, and `hard` its product with
  the predicted label. `soft` keeps probabilities: the smoothed scores times
  the patch's score. Without patch scores only `smoothed` is there.

  Args:
    patch_scores: f32[batch], probabilities of manipulation, or None.
    pixel_scores: f32[batch, side, side], likewise.
    sigma: Standard deviation of the Gaussian filter, in pixels; 0 leaves the
      masks as they are.
  """
  binary = _is_positive(pixel_scores)
  smoothed = _is_positive(smooth(binary, sigma))
  scores = {'smoothed': smoothed}
  if patch_scores is not None:
    by_pixel = patch_scores[:, None, None]
    scores['hard'] = smoothed * _is_positive(by_pixel)
    scores['soft'] = smooth(pixel_scores, sigma) * by_pixel
  return scores


def names(tasks: tuple[str, ...]) -> tuple[str, ...]:
  """Returns the keys of `variants` for a network of these tasks."""
  if models.MASK not in tasks:
    return ()
  return ('smoothed', 'hard', 'soft') if models.PATCH in tasks else (
      'smoothed',
  )


def smooth(maps: jax.Array, sigma: float) -> jax.Array:
  """Filters maps with a Gaussian whose weights inside the map sum to one.

  The filter is separable: two products with one matrix of weights.

  Args:
    maps: f32[batch, side, side].
    sigma: Standard deviation in pixels.

  Returns:
    f32[batch, side, side].

  Raises:
    ValueError: `sigma` is negative.
  """
  if sigma < 0:
    raise ValueError(
        f'A standard deviation cannot be {sigma} pixels; choose an'
        ' eval.smooth_sigma of at least 0.'
    )
  if sigma == 0:
    return maps
  positions = np.arange(maps.shape[-1])
  distance = np.abs(positions[:, None] - positions)
  weights = np.exp(-0.5 * (distance / sigma) ** 2)
  weights *= distance <= _REACH * sigma
  weights /= weights.sum(axis=1, keepdims=True)
  kernel = jnp.asarray(weights, maps.dtype)
  # In full precision: one half is a threshold.
  return jnp.einsum(
      'ij,bjk,lk->bil', kernel, maps, kernel, precision='highest'
  )


def _is_positive(scores: jax.Array) -> jax.Array:
  return (scores >= 0.5).astype(jnp.float32)
