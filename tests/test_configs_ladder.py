"""The ladder of inputs: configs of rungs and of the packaged network."""

import pathlib

import pytest

from configs import ladder
from configs import shipped
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.commands import config_files
from manloc_jax.commands import sweep
from manloc_jax.data.sampling import patches

FILE = pathlib.Path(ladder.__file__)


def flat(rung: str, dataset: str = 'casia') -> dict:
  config = config_files.load(f'{FILE}:{dataset}/{rung}', [])
  return run_config.flatten(config.to_dict())


@pytest.mark.parametrize('rung', ladder.SYSTEMS)
def test_a_rung_changes_what_it_lists_and_is_a_network(rung):
  first, config = flat('rgb'), flat(rung)
  changed = {k for k, v in config.items() if v != first[k]} - {'system'}
  assert changed == set(ladder.SYSTEMS[rung])
  model = ladder.get_config(f'casia/{rung}').model
  models.abstract_params(models.make(**model))


def test_windows_that_networks_read_by_blocks_begin_on_blocks():
  for name in (*ladder.SYSTEMS, 'packaged'):
    config = (
        shipped.get_config()
        if name == 'packaged'
        else ladder.get_config(f'casia/{name}')
    )
    sampler = patches.Sampler(**config.data.sampler)
    on_grid = sampler.window_grid == 8 and sampler.sources == ('window',)
    assert on_grid == (name != 'dct-off-grid')


def test_a_sweep_of_the_dial_runs_it(tmp_path):
  todo = sweep.jobs(FILE, 'dial-40', ['rgb', 'conv+dct'], [0, 1], tmp_path)
  assert [path.name for path in todo] == [
      'rgb-0',
      'conv+dct-0',
      'rgb-1',
      'conv+dct-1',
  ]
  assert flat('dct', 'dial-40')['data.forge.level'] == 0.4
