"""The study of what a split by image leaks: configs and jobs."""

import pathlib

import pytest

from configs import ablation
from configs import leakage
from manloc_jax import run_config
from manloc_jax.commands import config_files
from manloc_jax.commands import sweep

FILE = pathlib.Path(__file__).parents[1] / 'configs' / 'leakage.py'


def flat(system: str, *overrides: str) -> dict:
  config = config_files.load(f'{FILE}:{system}', overrides)
  return run_config.flatten(config.to_dict())


@pytest.mark.parametrize('dataset', leakage.DATASETS)
@pytest.mark.parametrize('network', ['j', 'fcn'])
def test_rules_differ_in_nothing_else(dataset, network):
  one, other = (
      flat(f'{dataset}/{network}-{rule}') for rule in ('random', 'group')
  )
  assert one.pop('data.split_rule') == 'random'
  assert other.pop('data.split_rule') == 'group'
  assert one == other
  system = ablation.get_config(f'{dataset}/{one["system"]}')
  assert system.num_steps == one['num_steps']


def test_each_seed_splits_anew():
  config = flat('standin/j-group', '--config.seed=3')
  assert (config['seed'], config['data.seed']) == (3, 3)


def test_a_sweep_runs_it(tmp_path):
  todo = sweep.jobs(FILE, 'standin', ['j-random', 'j-group'], [0, 1], tmp_path)
  assert [path.name for path in todo] == [
      'j-random-0', 'j-group-0', 'j-random-1', 'j-group-1'
  ]


def test_wrong_names_are_told():
  with pytest.raises(ValueError, match='standin/j.*standin.*j-group'):
    leakage.get_config('standin/j')
