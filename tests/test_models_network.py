import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax import models
from manloc_jax.models import block_lstm
from manloc_jax.models import interface


def shapes_of(model, side=64):
  """Returns abstract outputs and parameters; nothing is computed."""
  images = jax.ShapeDtypeStruct((2, side, side, 3), jnp.uint8)
  init = functools.partial(model.init_with_output, jax.random.key(0))
  out, variables = jax.eval_shape(init, images)
  return out, variables['params']


def size(tree) -> int:
  return sum(x.size for x in jax.tree.leaves(tree))


def test_default_network_has_the_expected_parts_and_size():
  out, params = shapes_of(models.ConvLSTMConv())
  chex.assert_shape(out.patch_logits, (2, 2))
  chex.assert_shape(out.mask_logits, (2, 64, 64, 2))
  assert {name: size(part) for name, part in params.items()} == {
      'conv1': 1_216,
      'conv2': 401,
      'lstm': 1_379_328,
      'patch_head': 514,
      'conv3': 832,
      'conv4': 25_632,
      'conv5': 1_602,
  }
  assert size(params) == 1_409_525


@pytest.mark.parametrize(
    'change, total',
    [
        ({'conv4_filters': 2}, 1_383_995),
        ({'lstm_hidden': (64, 64, 256)}, 1_409_525 - 1_379_328 + 394_752),
        ({'head': 'concat'}, 1_409_525 - 514 + 32_770),
        ({'head': 'mean'}, 1_409_525),
        ({'block_order': 'hilbert'}, 1_409_525),
        ({'conv1_filters': 8}, 1_409_525 - 608 - 200),
        ({'lstm_hidden': (64, 64, 64)}, 1_409_525 - 1_379_328 - 384 + 99_072),
    ],
)
def test_variants_change_what_they_say(change, total):
  out, params = shapes_of(models.ConvLSTMConv(**change))
  chex.assert_shape(out.mask_logits, (2, 64, 64, 2))
  assert size(params) == total


@pytest.mark.parametrize(
    'change, match',
    [
        ({'head': 'first'}, 'head'),
        ({'conv3_pool': 'mean'}, 'pool'),
        ({'conv3_pool': 'none'}, 'lstm_hidden'),
        ({'lstm_hidden': (64, 64, 100)}, 'lstm_hidden'),
        ({'input_norm': 'none'}, 'norm'),
        ({'conv_init': 'zeros'}, 'init'),
    ],
)
def test_fields_that_do_not_fit_are_named(change, match):
  with pytest.raises(ValueError, match=match):
    shapes_of(models.ConvLSTMConv(**change))


def test_lstm_step_is_equations_1_and_2():
  rng = np.random.default_rng(0)
  x, cell, output = rng.normal(size=(3, 5, 4)).astype(np.float32)
  kernel = rng.normal(size=(8, 16)).astype(np.float32)
  bias = rng.normal(size=16).astype(np.float32)
  (new_cell, new_output), gates = block_lstm.cell_step(
      kernel, bias, (cell, output), x
  )

  i, f, g, o = np.split(x @ kernel[:4] + output @ kernel[4:] + bias, 4, axis=-1)
  sigmoid = lambda v: 1 / (1 + np.exp(-v))
  want_cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
  np.testing.assert_allclose(new_cell, want_cell, rtol=1e-5, atol=1e-6)
  want_output = sigmoid(o) * np.tanh(want_cell)
  np.testing.assert_allclose(new_output, want_output, rtol=1e-5, atol=1e-6)
  want_gates = [sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)]
  np.testing.assert_allclose(
      gates, np.concatenate(want_gates, axis=1), rtol=1e-5, atol=1e-6
  )


def test_forget_bias_is_added_to_the_forget_gate_alone():
  x = jax.random.normal(jax.random.key(0), (6, 2, 4))
  biased = block_lstm.LSTM(3, forget_bias=2.0)
  variables = biased.init(jax.random.key(1), x)
  moved = jax.tree.map(jnp.copy, variables)
  moved['params']['input']['bias'] += jnp.repeat(jnp.array([0.0, 2, 0, 0]), 3)
  np.testing.assert_allclose(
      biased.apply(variables, x),
      block_lstm.LSTM(3, forget_bias=0.0).apply(moved, x),
      rtol=1e-6,
  )


def test_later_blocks_do_not_change_earlier_outputs():
  module = block_lstm.BlockLSTM((8, 8))
  x = jax.random.normal(jax.random.key(0), (1, 6, 4))
  variables = module.init(jax.random.key(1), x)
  before = module.apply(variables, x)
  after = module.apply(variables, x.at[:, 4].add(1.0))
  np.testing.assert_array_equal(before[:, :4], after[:, :4])
  assert (before[:, 4:] != after[:, 4:]).any()


def test_input_norms():
  x = jnp.array([0, 255], jnp.uint8)
  np.testing.assert_array_equal(interface.normalize(x, 'symmetric'), [-1, 1])
  np.testing.assert_array_equal(interface.normalize(x, 'unit'), [0, 1])
