"""SIGKILLs at random moments of a demo run change no bit of its end."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import chex
import pytest

from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer

ROOT = pathlib.Path(__file__).parents[1]
KILLS = 4
STEPS = 120


def start(workdir, prepared):
  return subprocess.Popen(
      [
          sys.executable,
          '-m',
          'manloc_jax.main',
          '--config=configs/demo.py',
          '--mode=train',
          f'--workdir={workdir}',
          f'--config.data.prepared={prepared}',
          f'--config.data.root={prepared}/demo',
          '--config.model.lstm_hidden=(8, 8, 64)',
          '--config.batch_size=16',
          '--config.data.backend=memory',
          f'--config.num_steps={STEPS}',
          '--config.train.checkpoint_every_steps=5',
          '--config.train.eval_every_steps=40',
          '--config.train.log_every_steps=1',
      ],
      cwd=ROOT,
      env={
          **os.environ,
          'JAX_PLATFORMS': 'cpu',
          'JAX_COMPILATION_CACHE_DIR': str(prepared / 'xla'),
      },
      stderr=subprocess.DEVNULL,
  )


def wait_for(process, workdir, step: int) -> None:
  """Returns once the run has logged `step`, or has ended."""
  while process.poll() is None:
    lines = metric_writer.read(str(workdir))
    if lines and lines[-1]['step'] >= step:
      return
    time.sleep(0.05)


@pytest.mark.slow
def test_kills_change_no_bit(tmp_path):
  prepared = tmp_path / 'data'
  whole, broken = tmp_path / 'whole', tmp_path / 'broken'
  assert start(whole, prepared).wait() == 0
  shutil.rmtree(prepared / 'xla')  # The broken run compiles for itself.

  rng = random.Random(0)
  for step in sorted(rng.sample(range(1, STEPS - 20), KILLS)):
    process = start(broken, prepared)
    if rng.random() < 0.3:
      time.sleep(rng.uniform(1, 10))  # While it imports, restores, compiles.
    else:
      wait_for(process, broken, step)
      time.sleep(rng.uniform(0, 0.5))  # While it trains, saves, evaluates.
    assert process.poll() is None, 'the run ended before it was killed'
    process.send_signal(signal.SIGKILL)
    process.wait()
  assert start(broken, prepared).wait() == 0

  chex.assert_trees_all_equal(
      checkpoint.load(str(broken), STEPS).params,
      checkpoint.load(str(whole), STEPS).params,
  )
  losses = lambda workdir: [
      (line['step'], line.get('train_total'), line.get('val_patch_loss'))
      for line in metric_writer.read(str(workdir))
  ]
  assert losses(broken) == losses(whole)
