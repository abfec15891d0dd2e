"""The main job on a small tree: all stages in one command; then again."""

import os
import pathlib
import subprocess
import sys

import pytest
import trees

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.slow
def test_one_command_does_all_and_repeats_nothing(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  command = [
      sys.executable,
      '-m',
      'manloc_jax.main',
      '--config=configs/casia.py',
      f'--workdir={tmp_path}/run',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      '--config.eval.batch_size=8',
      '--config.num_steps=4',
      '--config.train.eval_every_steps=2',
      '--config.data.sampler.stride=64',
  ]
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}

  def run(*more):
    done = subprocess.run(
        [*command, *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  assert '| Pixel AUC, pooled |' in run()
  folder = tmp_path / 'run'
  for name in (
      'config.json',
      'metrics.jsonl',
      'results/test.json',
      'results/test_grid.json',
      'results/examples.npz',
      'figures/roc.png',
      'figures/learning_curve.png',
      'figures/examples.png',
      'report.md',
  ):
    assert (folder / name).is_file(), name
  kept = ('metrics.jsonl', 'results/test.json', 'results/examples.npz')
  before = [(folder / name).stat().st_mtime_ns for name in kept]
  run()
  assert before == [(folder / name).stat().st_mtime_ns for name in kept]

  assert '| JPEG, quality | 50 |' in run('--mode=robustness')
  assert (folder / 'results/robustness/scores.json').is_file()
  assert (folder / 'figures/robustness.png').is_file()
