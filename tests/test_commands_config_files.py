"""Configs that lie elsewhere: in a package or in none, for every command."""

import os
import pathlib
import subprocess
import sys

import pytest
import trees

from manloc_jax import errors
from manloc_jax.commands import config_files

ROOT = pathlib.Path(__file__).parents[1]
CONFIGS = ROOT / 'configs'


@pytest.fixture
def run(tmp_path):
  """Runs a module in another folder, installed as a wheel installs it."""
  installed, elsewhere = tmp_path / 'installed', tmp_path / 'elsewhere'
  package = installed / 'manloc_jax'
  package.mkdir(parents=True)
  elsewhere.mkdir()
  for path in (*(ROOT / 'manloc_jax').iterdir(), CONFIGS):
    (package / path.name).symlink_to(path)
  environment = {
      **os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(installed)
  }

  def run(module, *arguments):
    return subprocess.run(
        [sys.executable, '-m', f'manloc_jax.{module}', *arguments],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
    )

  return run


@pytest.mark.slow
def test_main_prepares_with_workers(run, tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  done = run(
      'main',
      f'--config={CONFIGS}/ablation.py:casia/fcn',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      '--mode=prepare',
  )
  assert done.returncode == 0, done.stderr
  assert 'Prepared set' in done.stdout


def test_a_config_in_no_package(run, tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text((CONFIGS / 'default.py').read_text())
  done = run('main', f'--config={path}')
  assert done.returncode == 2
  assert '--config.data.name' in done.stderr, 'the config was not read'


def test_a_config_below_a_package(run, tmp_path):
  package = tmp_path / 'project/experiments'
  (package / 'first').mkdir(parents=True)
  for folder in (package, package / 'first'):
    (folder / '__init__.py').touch()
  (package / 'base.py').write_text((CONFIGS / 'default.py').read_text())
  (package / 'first/mine.py').write_text('from experiments.base import *')
  done = run('main', f'--config={package}/first/mine.py')
  assert '--config.data.name' in done.stderr, done.stderr


def test_sweep(run):
  study = f'--study={CONFIGS}/ablation.py'
  listed = run('cli', 'sweep', 'casia', study, '--list')
  assert listed.returncode == 0, listed.stderr
  assert f'--config={CONFIGS}/ablation.py:casia/fcn' in listed.stdout
  by_default = run('cli', 'sweep', 'casia', '--list')
  assert by_default.returncode == 0, by_default.stderr
  assert '--config=configs/ablation.py:casia/fcn' in by_default.stdout


@pytest.mark.slow
def test_fusion(run):
  arguments = ['--workdir=x', '--config.data.root=/nowhere']
  done = run('cli', 'fusion', f'--config={CONFIGS}/fusion.py', *arguments)
  assert done.returncode == 2 and '/nowhere' in done.stderr
  named = run('cli', 'fusion', '--config=configs/fusion.py', *arguments)
  assert (named.returncode, named.stderr) == (2, done.stderr)


@pytest.mark.parametrize('name', ['casia', 'configs/casia.py'])
def test_configs_of_the_project_are_found_by_their_names(
    name, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  assert config_files.find(name) == CONFIGS / 'casia.py'


def test_a_file_that_is_there_comes_first(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'configs').mkdir()
  (tmp_path / 'configs/casia.py').touch()
  assert config_files.find('configs/casia.py') == pathlib.Path(
      'configs/casia.py'
  )


@pytest.mark.parametrize('name', ['casio', 'elsewhere/casia.py', '../casia'])
def test_other_names_are_answered_with_those_that_are_known(name):
  with pytest.raises(errors.UserError) as caught:
    config_files.find(name)
  message = str(caught.value)
  assert message.startswith(f"There is no config file '{name}'; give the path")
  assert ' ablation, casia, ' in message and '__init__' not in message


def test_load():
  config = config_files.load(
      f'{CONFIGS}/fusion.py', ['--config.seed=3', '--config.data.name=casia1']
  )
  assert (config.seed, config.data.name) == (3, 'casia1')


@pytest.mark.parametrize(
    'overrides, words',
    [
        (['--config.seeds=3'], 'Did you mean --config.data.seed or'),
        # A field of another section.
        (['--config.fractons=3'], 'mean --config.data.fractions'),
        (['--config.qqqq=3'], 'no field "qqqq". See configs/default.py'),
        (['--config.model.qqqq=3'], 'no field "qqqq". See'),
        (['--config.seed=three'], 'three'),
        (['--seed=3'], 'seed'),
        (['3'], 'belong to no option'),
    ],
)
def test_overrides_that_cannot_be_used(overrides, words):
  with pytest.raises(errors.UserError, match=words):
    config_files.load(f'{CONFIGS}/fusion.py', overrides)


def test_a_file_that_cannot_be_used(tmp_path):
  path = tmp_path / 'broken.py'
  for text, words in (
      ('x = ', 'broken.py'),
      ('import nothing_like_it', 'nothing_like_it'),
      ('1 / 0', 'division'),
      ('def get_config(): raise ValueError("no such thing")', 'no such thing'),
  ):
    path.write_text(text)
    with pytest.raises(errors.UserError, match=words):
      config_files.load(str(path), [])
