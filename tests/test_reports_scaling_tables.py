"""The plan for many machines: its sums, its sources, and where it stops."""

import json

import jax
import jax.numpy as jnp
import pytest

from configs import default
from manloc_jax import models
from manloc_jax.reports import generated_blocks
from manloc_jax.reports import scaling_tables


@pytest.fixture
def facts():
  return json.loads(generated_blocks.SCALING.read_text())


def test_the_gradients_are_those_of_the_default_network(facts):
  model = models.make(default.get_config())
  image = jnp.zeros((1, 64, 64, 3), jnp.uint8)
  params = jax.eval_shape(model.init, jax.random.key(0), image)
  count = sum(x.size for x in jax.tree.leaves(params))
  assert count == facts['parameters']
  assert scaling_tables.gradient_bytes(facts) == 4 * count


def test_every_public_figure_has_a_source(facts):
  prices = facts['prices']
  sources = [facts['nvlink'], facts['latency_us'], *facts['networks']]
  assert all(each['source'] for each in sources)
  assert prices['core_source'] and prices['gpu_source']


def test_sums_take_what_links_and_latencies_say():
  facts = {
      'parameters': 1_000_000,
      'bytes_per_parameter': 4,
      'gpus_per_node': 8,
      'nvlink': {'gigabytes_per_s': 7},
      'latency_us': {'start': 5, 'nvlink_step': 1, 'network_step': 10},
  }
  network = {'gigabytes_per_s': 0.5}
  assert scaling_tables.reduce_ms(facts, 1, network) == 0
  # 14 steps of 1 us, and 14/8 of 4 MB at 7 GB/s.
  eight = scaling_tables.reduce_ms(facts, 8, network)
  assert eight == pytest.approx(0.005 + 0.014 + 1.0)
  # Four nodes: 4 steps of 10 us, and 6/4 of half a MB at 0.5 GB/s.
  four = scaling_tables.reduce_ms(facts, 32, network)
  assert four == pytest.approx(eight + 0.040 + 1.5)


def _step(mode, milliseconds, **fields):
  return {
      'benchmark': 'train_step',
      'device': 'card',
      'mode': mode,
      'batch_size': 64,
      'precision': 'float32',
      'tuned_allocator': False,
      'model': {'conv3_filters': 32},
      'patches_per_s': 64_000 / milliseconds,
      'ratios': {'torch': {}},
      'contestants': {'manloc_jax': {'milliseconds': milliseconds}},
      **fields,
  }


def test_a_measured_step_goes_before_an_estimated_one(facts):
  pipeline = {
      'benchmark': 'pipeline',
      'device': 'CPU, 2 cores',
      'patches_per_s': 64_000 / 3,
  }
  cpu = [_step('forward', 100), _step('train', 300), pipeline]
  table = scaling_tables.training(facts, cpu, [_step('forward', 2)])
  assert '3.00 times' in table.notes[0] and table.rows[0][3] == '6.00'
  assert 'each GPU needs 1.0 cores' in table.notes[1]
  gpu = [_step('forward', 2), _step('train', 5)]
  table = scaling_tables.training(facts, cpu, gpu)
  assert 'was measured' in table.notes[0] and table.rows[0][3] == '5.00'


def test_no_cores_exceed_what_one_command_hands_out(facts):
  cpu = [
      {
          'benchmark': 'engines',
          'files_seconds_per_megapixel': 0.5,
          'listing_bytes_per_image': 1200,
          'tasks_per_s': {'ray': {'median': 100}},
      },
      {
          'benchmark': 'classical',
          'rows': [
              {'name': 'ela', 'megapixels': 1.0, 'seconds_per_megapixel': 0.5},
              {'name': 'ela', 'megapixels': 4.0, 'seconds_per_megapixel': 9.0},
          ],
      },
      {
          'benchmark': 'localize',
          'device': 'CPU, 2 cores',
          'megapixels': 12,
          'extrapolated_seconds': {'manloc_jax': 60},
          'fusion': {'seconds': 12},
      },
  ]
  rows = scaling_tables.localization(facts, cpu).rows
  by_name = {row[0]: row for row in rows}
  assert by_name['ela'][1:7] == ('0.50', '8', '64', '100', '100', '100')
  assert by_name['fusion'][1] == '2.00' and by_name['network'][1] == '10.00'
  # A million images, one second each.
  dollars = 1e6 / 3600 * facts['prices']['core_hour_usd']
  assert by_name['ela'][7] == f'{dollars:,.0f}'
