"""What a restored run computes on the way to its outputs."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

from manloc_jax import checkpoint
from manloc_jax import models
from manloc_jax.models import blocks
from manloc_jax.models import features

PATCHES = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  folder = tmp_path_factory.mktemp('run')
  return checkpoint.load(small.untrained_run(folder, scale=2.0))


def test_shapes_are_those_of_the_documentation(run):
  found = run.features(PATCHES)
  assert found.conv1.shape == (3, 64, 64, 4)
  assert found.conv2.shape == (3, 64, 64, 1)
  assert found.blocks.shape == (3, 64, 64)
  assert [x.shape for x in found.outputs] == [(3, 64, n) for n in (8, 8, 64)]
  assert [x.shape for x in found.cells] == [(3, 64, n) for n in (8, 8, 64)]
  assert found.lstm_map.shape == (3, 64, 64, 1)
  assert found.conv1.min() == 0 and found.conv2.min() == 0


def test_logits_are_those_of_apply(run):
  want, got = run.apply(run.params, PATCHES), run.features(PATCHES).logits
  jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), want, got
  )


def test_conv_maps_are_convolutions_of_the_pixels(run):
  """Whatever arrangement the network computes them in."""
  x = jnp.asarray(PATCHES, jnp.float32) / 127.5 - 1
  for layer, filters in (('conv1', 4), ('conv2', 1)):
    conv = nn.Conv(filters, (5, 5))
    x = nn.relu(conv.apply({'params': run.params[layer]}, x))
    np.testing.assert_allclose(
        getattr(run.features(PATCHES), layer), x, atol=1e-4
    )
  cut = blocks.to_sequence(x, 8)
  np.testing.assert_allclose(run.features(PATCHES).blocks, cut, atol=1e-4)


def test_states_are_those_of_the_equations(run):
  """Output and cell of every step of a layer, by flax's LSTM cell."""
  found = run.features(PATCHES)
  layer = run.params['lstm']['layer1']
  gates = dict(zip('ifgo', range(4), strict=True))
  params = {}
  for gate, i in gates.items():
    columns = np.s_[..., 8 * i : 8 * (i + 1)]
    params[f'i{gate}'] = {'kernel': layer['input']['kernel'][columns]}
    params[f'h{gate}'] = {
        'kernel': layer['recurrent']['kernel'][columns],
        'bias': layer['input']['bias'][columns] + (gate == 'f'),
    }
  cell = nn.OptimizedLSTMCell(8)
  carry = cell.initialize_carry(jax.random.key(0), found.blocks[:, 0].shape)
  for step in range(64):
    carry, _ = cell.apply({'params': params}, carry, found.blocks[:, step])
    np.testing.assert_allclose(found.cells[0][:, step], carry[0], atol=1e-4)
    np.testing.assert_allclose(found.outputs[0][:, step], carry[1], atol=1e-4)


def test_steps_stand_in_raster_order_however_they_were_read(run):
  by_row = features.compute(run.model, run.params, PATCHES)
  turned = run.model.clone(block_order='column')
  by_column = features.compute(turned, run.params, PATCHES)
  np.testing.assert_array_equal(by_row.blocks, by_column.blocks)
  # The first step reads the first block in both; the second does not.
  first = lambda found: found.outputs[0].reshape(3, 8, 8, 8)
  np.testing.assert_allclose(first(by_row)[:, 0, 0], first(by_column)[:, 0, 0])
  assert not np.allclose(first(by_row)[:, 0, 1], first(by_column)[:, 0, 1])


def test_apply_takes_the_options_of_flax(run):
  out, kept = run.apply(run.params, PATCHES, capture_intermediates=True)
  assert isinstance(out, models.Outputs)
  assert kept['intermediates']['conv4']['__call__'][0].shape[0] == 3
  picks_the_head = lambda module, name: module.name == 'patch_head'
  _, kept = run.apply(
      run.params, PATCHES, capture_intermediates=picks_the_head,
      mutable=['intermediates'],
  )  # fmt: skip
  (logits,) = kept['intermediates']['patch_head']['__call__']
  np.testing.assert_allclose(logits, out.patch_logits, atol=1e-5)


def test_a_network_without_lstm_says_so(run):
  model = models.make(network='fcn')
  with pytest.raises(TypeError, match='FCN has no LSTM'):
    dataclasses.replace(run, model=model).features(PATCHES)


def test_a_whole_config_makes_the_network(run):
  assert models.make(run.config) == models.make(run.config.model) == run.model
  assert models.make(run.config, conv1_filters=8).conv1_filters == 8
