"""`manloc run` is the main job, whose config may be given by its name."""

import os
import subprocess
import sys

import pytest

from manloc_jax import cli


@pytest.fixture
def run(tmp_path):
  """Runs the command in an empty folder."""

  def run(*arguments):
    return subprocess.run(
        [sys.executable, '-m', 'manloc_jax.cli', 'run', *arguments],
        cwd=tmp_path,
        env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
        capture_output=True,
        text=True,
    )

  return run


def test_options_before_and_after_the_config_reach_the_main_job(monkeypatch):
  commands = []
  monkeypatch.setattr(os, 'execv', lambda *command: commands.append(command))
  assert cli.main([
      'run', '--mode=train', 'ablation:casia/fcn', '--workdir', 'runs/a',
      '--config.seed=1',
  ]) == 0
  assert commands == [(
      sys.executable,
      [
          *(sys.executable, '-m', 'manloc_jax.main'),
          *('--config=ablation:casia/fcn', '--mode=train'),
          *('--workdir', 'runs/a', '--config.seed=1'),
      ],
  )]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([], 'the following arguments are required: CONFIG;'),
        (['nothing'], "There is no config file 'nothing'; give the path of"),
        (['demo', '--config.num_stepz=5'], 'Did you mean --config.num_steps?'),
        (['demo', '--mode=prepares'], '--mode=prepares'),
        (['demo', 'more'], "The arguments ['more'] belong to no option"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_sentence(run, arguments, words):
  done = run(*arguments)
  assert done.returncode == 2
  assert words in done.stderr and done.stderr.count('\n') == 1
