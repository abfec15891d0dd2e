import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax.training import losses


def test_uniform_logits_cost_one_bit_each():
  terms = losses.joint_loss(
      patch_logits=np.zeros((3, 2), np.float32),
      mask_logits=np.zeros((3, 4, 4, 2), np.float32),
      labels=np.array([0, 1, 1]),
      masks=np.ones((3, 4, 4), np.int32),
  )
  np.testing.assert_allclose(terms['patch'], np.log(2) * np.ones(3), rtol=1e-6)
  np.testing.assert_allclose(terms['mask'], np.log(2) * np.ones(3), rtol=1e-6)
  np.testing.assert_allclose(terms['total'], 2 * np.log(2) * np.ones(3), 1e-6)


def test_equations_3_to_5_by_hand():
  patch_logits = np.array([[0.0, 2.0]], np.float32)
  mask_logits = np.array([[[[1.0, 0.0], [0.0, 3.0]]]], np.float32)
  terms = losses.joint_loss(
      patch_logits=patch_logits,
      mask_logits=mask_logits,
      labels=np.array([1]),
      masks=np.array([[[1, 1]]]),
      patch_weight=0.5,
      mask_weight=2.0,
  )
  patch = np.log(1 + np.exp(-2))
  mask = (np.log(1 + np.exp(1)) + np.log(1 + np.exp(-3))) / 2
  assert terms['patch'][0] == pytest.approx(patch, rel=1e-5)
  assert terms['mask'][0] == pytest.approx(mask, rel=1e-5)
  assert terms['total'][0] == pytest.approx(0.5 * patch + 2 * mask, rel=1e-5)


def test_class_weights_scale_their_class_only():
  arguments = {
      'patch_logits': np.zeros((2, 2), np.float32),
      'mask_logits': np.zeros((2, 2, 2, 2), np.float32),
      'labels': np.array([0, 1]),
      'masks': np.stack([np.zeros((2, 2), int), np.ones((2, 2), int)]),
  }
  terms = losses.joint_loss(
      **arguments, patch_class_weights=(1, 3), pixel_class_weights=(1, 5)
  )
  np.testing.assert_allclose(terms['patch'] / np.log(2), [1, 3], rtol=1e-6)
  np.testing.assert_allclose(terms['mask'] / np.log(2), [1, 5], rtol=1e-6)


def test_dice_is_one_less_the_soft_f1():
  logits = jnp.log(jnp.array([[[[0.2, 0.8], [0.7, 0.3]]]]))
  masks = jnp.array([[[1, 0]]])
  terms = [
      losses.joint_loss(
          patch_logits=None,
          mask_logits=logits,
          labels=jnp.zeros(1, jnp.int32),
          masks=masks,
          dice_weight=weight,
      )['mask'][0]
      for weight in (0.0, 2.0)
  ]
  want = 1 - (2 * 0.8 + 1) / (0.8 + 0.3 + 1 + 1)
  np.testing.assert_allclose(terms[1] - terms[0], 2 * want, rtol=1e-5)
