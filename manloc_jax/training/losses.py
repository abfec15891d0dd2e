"""The joint loss of both tasks (paper, section 3.1.3, Eqs. 3 to 5)."""

import chex
import jax
import jax.numpy as jnp
import optax


def _cross_entropy(logits, labels, class_weights):
  """Cross entropy of every example or pixel, scaled by its class's weight."""
  loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
  return loss * jnp.asarray(class_weights, loss.dtype)[labels]


def _dice(logits: jax.Array, masks: jax.Array) -> jax.Array:
  """Returns one less the soft F1 of each mask, f32[batch].

  One is added to both sides of the fraction, so that an empty mask has a loss.
  """
  scores = jax.nn.softmax(logits)[..., 1]
  both, either = (
      x.sum(axis=(1, 2)) for x in (scores * masks, scores + masks)
  )
  return 1 - (2 * both + 1) / (either + 1)


def joint_loss(
    *,
    patch_logits: jax.Array | None,
    mask_logits: jax.Array | None,
    labels: jax.Array,
    masks: jax.Array,
    patch_weight: float = 1.0,
    mask_weight: float = 1.0,
    dice_weight: float = 0.0,
    patch_class_weights: tuple[float, float] = (1.0, 1.0),
    pixel_class_weights: tuple[float, float] = (1.0, 1.0),
) -> dict[str, jax.Array]:
  """Computes the joint objective, one value per patch.

  The mean over a batch of `patch` is Eq. 3, of `mask` Eq. 4, and of `total`
  Eq. 5 where both weights are one.

  Args:
    patch_logits: f32[batch, 2]; None in a network that does not label patches.
    mask_logits: f32[batch, height, width, 2]; None in one without masks.
    labels: Integers [batch], 1 for a manipulated patch.
    masks: Integers [batch, height, width], 1 for a manipulated pixel.
    patch_weight: Weight of the patch classification term.
    mask_weight: Weight of the segmentation term.
    dice_weight: Weight of the Dice loss of the mask within that term.
    patch_class_weights: Weights of pristine and manipulated patches.
    pixel_class_weights: Weights of pristine and manipulated pixels.

  Returns:
    `total`, `patch` and `mask`, each f32[batch]; a term without logits is zero.
  """
  patch = mask = jnp.zeros(labels.shape)
  if patch_logits is not None:
    patch = _cross_entropy(patch_logits, labels, patch_class_weights)
  if mask_logits is not None:
    chex.assert_equal_shape_prefix([mask_logits, masks], 3)
    pixel = _cross_entropy(mask_logits, masks, pixel_class_weights)
    mask = pixel.mean(axis=(1, 2))
    if dice_weight:
      mask += dice_weight * _dice(mask_logits, masks)
  total = patch_weight * patch + mask_weight * mask
  return {'total': total, 'patch': patch, 'mask': mask}
