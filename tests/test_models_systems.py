"""Every row of the paper's tables as a config of one network."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small import batch
from small import SIDE

from configs import ablation
from manloc_jax import models
from manloc_jax.metrics import summary
from manloc_jax.training import eval_step
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps

DEFAULT = 1_409_525
CONVOLUTIONS = 1_216 + 401
HEAD = 514
DECODER = 832 + 25_632 + 1_602
# 4 gates x 256 features for each of 192 - 64 more inputs.
RGB = 128 * 4 * 256

# Parameters by hand from the paper's description, and outputs.
SYSTEMS = {
    'j-conv-lstm-conv': (DEFAULT, ('patch', 'mask')),
    'p-lstm': (DEFAULT - CONVOLUTIONS - DECODER + RGB, ('patch',)),
    'p-conv-lstm': (DEFAULT - DECODER, ('patch',)),
    # Kernels and biases of 3 -> 16 -> 32 -> 64 -> 64 -> 2 maps.
    'fcn': (1_216 + 12_832 + 51_264 + 4_160 + 130, ('mask',)),
    's-lstm-conv34': (
        DEFAULT - CONVOLUTIONS - HEAD + RGB - DECODER + 832 + 1_602,
        ('mask',),
    ),
    's-lstm-conv': (DEFAULT - CONVOLUTIONS - HEAD + RGB, ('mask',)),
    's-conv-lstm-conv': (DEFAULT - HEAD, ('mask',)),
    'conv1-8f': (DEFAULT - 608 - 200, ('patch', 'mask')),
    'conv1-32f': (DEFAULT + 1_216 + 400, ('patch', 'mask')),
    # Third layer: 4 gates of 64 that see 256 inputs, 64 outputs and a bias.
    'lstm-64h': (
        DEFAULT - 384 - 525_312 + 4 * 64 * (256 + 64 + 1),
        ('patch', 'mask'),
    ),
    'iou-0.5': (DEFAULT, ('patch', 'mask')),
}


def test_every_row_of_the_tables_is_there():
  assert SYSTEMS.keys() <= ablation.SYSTEMS.keys()
  rows = {x for t in ablation.TABLES for x in t.get('systems', ())}
  assert rows == SYSTEMS.keys()


def test_every_system_is_a_network_and_unlike_the_others():
  configs = []
  for system in ablation.SYSTEMS:
    config = ablation.get_config(f'nist/{system}').to_dict()
    assert models.abstract_params(models.make(**config['model']))
    assert config.pop('system') == system
    assert config not in configs, f'{system} is a system that is there already'
    configs.append(config)


def test_lstm_64h_narrows_the_last_layer_alone():
  for dataset, first in (('nist', (256, 256)), ('casia', (64, 64))):
    hidden = [
        ablation.get_config(f'{dataset}/{system}').model.lstm_hidden
        for system in ('j-conv-lstm-conv', 'lstm-64h')
    ]
    assert hidden == [(*first, 256), (*first, 64)]


@pytest.mark.parametrize('system', SYSTEMS)
def test_systems_have_the_parts_the_paper_gives_them(system):
  config = ablation.get_config(f'nist/{system}')
  model = models.make(config)
  image = jax.ShapeDtypeStruct((2, 64, 64, 3), jnp.uint8)
  out, variables = jax.eval_shape(
      model.init_with_output, jax.random.key(0), image
  )
  size, tasks = SYSTEMS[system]
  params = jax.tree.leaves(variables['params'])
  assert sum(x.size for x in params) == size
  assert model.tasks == tasks
  assert config.system == system
  if 'patch' in tasks:
    chex.assert_shape(out.patch_logits, (2, 2))
  else:
    assert out.patch_logits is None
  if 'mask' in tasks:
    chex.assert_shape(out.mask_logits, (2, 64, 64, 2))
  else:
    assert out.mask_logits is None


def test_systems_differ_in_what_the_table_says_and_nothing_else():
  base = ablation.get_config('casia/j-conv-lstm-conv').to_dict()
  other = ablation.get_config('casia/iou-0.5').to_dict()
  assert other['data']['sampler'].pop('label_threshold') == 0.5
  assert base['data']['sampler'].pop('label_threshold') == 0.125
  assert other.pop('system') != base.pop('system')
  assert other == base


def small_model(system):
  """The same system on 16x16 patches."""
  config = ablation.get_config(f'nist/{system}')
  config.model.update(
      conv1_filters=4,
      conv3_filters=4,
      conv4_filters=4,
      fcn_filters=(4, 4),
      fcn_hidden=4,
      grid=4,
      lstm_hidden=(8, 64),
  )
  return models.make(config)


@pytest.mark.parametrize('system', ['p-lstm', 'fcn', 's-lstm-conv34'])
def test_single_tasks_train_and_score_what_they_do(system):
  model = small_model(system)
  mesh = sharding.make_mesh(jax.devices()[:2])
  tx = optax.adam(1e-2)
  create = jax.jit(functools.partial(state_lib.create, model, tx, SIDE))
  state = create(jax.random.key(0))
  state = jax.device_put(state, sharding.replicated(mesh))
  data = batch(8, padding=1)
  step = steps.make_train_step(model, tx, mesh)
  seen = []
  for _ in range(20):
    state, scalars = step(state, sharding.put_batch(data, mesh))
    seen.append(jax.device_get(scalars))
  assert seen[-1]['total'] < seen[0]['total']
  has_patch = 'patch' in model.tasks
  assert (seen[0]['patch'] > 0) == has_patch
  assert (seen[0]['mask'] > 0) == (not has_patch)

  zeros = eval_step.make_zero_totals(mesh, bins=8, side=SIDE, tasks=model.tasks)
  count = eval_step.make_eval_step(model, mesh)
  totals = count(state.params, zeros(3), sharding.put_batch(data, mesh))
  totals = jax.device_get(eval_step.make_sum_totals(mesh)(totals))
  scores = summary.network(totals, model.tasks)
  assert {key.split('_')[0] for key in scores} == (
      {'patch'} if has_patch else {'pixel', 'mask'}
  )
  # The classes are counted for the task that is not there, too.
  counted = summary.counts(totals)
  assert counted['patches_manipulated'] == data['label'][:7].sum()
  assert counted['pixels_manipulated'] == data['mask'][:7].sum()
  after = summary.postprocessed(totals)
  assert set(after) == (set() if has_patch else {'smoothed'})


def test_lstm_without_convolutions_reads_pixels_block_by_block():
  images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
  model = models.ConvLSTMConv(lstm_input='rgb', grid=4, input_norm='unit')
  blocks = model.apply({}, images, method='read_blocks')
  assert blocks.shape == (1, 16, 48)
  want = images[0, :4, 4:8] / 255  # The second block of the first row.
  np.testing.assert_allclose(blocks[0, 1], want.ravel(), rtol=1e-6)
  model = models.ConvLSTMConv(lstm_input='gray', grid=4, input_norm='unit')
  blocks = model.apply({}, np.full_like(images, 255), method='read_blocks')
  np.testing.assert_allclose(blocks, np.ones((1, 16, 16)), rtol=1e-5)


@pytest.mark.parametrize(
    'change, match',
    [
        ({'head': 'none', 'decoder': 'none'}, 'output'),
        ({'decoder': 'conv5'}, 'decoder'),
        ({'lstm_input': 'conv+dtc'}, 'input'),
        ({'network': 'unet'}, 'network'),
        ({'network': 'fcn', 'fcn_filters': (4,) * 7}, 'fcn_filters'),
    ],
)
def test_networks_that_are_none_are_named(change, match):
  with pytest.raises(ValueError, match=match):
    models.abstract_params(models.make(**change))
  with pytest.raises(TypeError, match='widht'):
    models.make(widht=3)


def test_study_names_what_there_is():
  with pytest.raises(ValueError, match='s-lstm-conv34'):
    ablation.get_config('nist/unet')
  with pytest.raises(ValueError, match='one of nist'):
    ablation.get_config('nits/fcn')
