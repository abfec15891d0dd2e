"""SIGTERM: a training saves its step, and the same command goes on."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
import trees

from manloc_jax import errors
from manloc_jax.training import metric_writer
from manloc_jax.training import preemption

ROOT = pathlib.Path(__file__).parents[1]


class Manager:
  """Stands for orbax's, of a single process."""

  def reached_preemption(self, step: int) -> bool:
    return False


@pytest.fixture(autouse=True)
def unwatched():
  """Commands that other tests ran in this process watch its signals."""
  before = signal.set_wakeup_fd(-1)
  yield
  signal.set_wakeup_fd(before)


def test_sigterm_is_a_request_while_the_block_runs():
  before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
  try:
    with preemption.noticed(Manager()) as is_preempted:
      assert not is_preempted(1)
      signal.raise_signal(signal.SIGTERM)
      assert is_preempted(2)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    with preemption.noticed(Manager()) as is_preempted:
      assert not is_preempted(3)
  finally:
    signal.signal(signal.SIGTERM, before)


def test_other_threads_leave_signals_alone():
  def run():
    with preemption.noticed(Manager()) as is_preempted:
      handlers.append(signal.getsignal(signal.SIGTERM))
      handlers.append(is_preempted(1))

  handlers = []
  thread = threading.Thread(target=run)
  thread.start()
  thread.join()
  assert handlers == [signal.getsignal(signal.SIGTERM), False]


def test_what_it_says_is_no_failure():
  error = preemption.left(7)
  assert isinstance(error, errors.TemporaryError)
  assert 'step 7 is saved' in str(error)


@pytest.mark.slow
def test_a_run_that_gets_sigterm_saves_its_step(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  command = [
      sys.executable,
      '-m',
      'manloc_jax.main',
      '--config=configs/casia.py',
      '--mode=train',
      f'--workdir={tmp_path}/run',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      '--config.data.fractions=(0.5, 0.25, 0.25)',
      '--config.data.sampler.max_per_image=12',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      '--config.num_steps=5000',
      '--config.train.log_every_steps=1',
      '--config.train.eval_every_steps=5000',
      '--config.train.checkpoint_every_steps=5000',
  ]
  process = subprocess.Popen(
      command,
      cwd=ROOT,
      env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
  )
  while len(metric_writer.read(str(tmp_path / 'run'))) < 3:
    assert process.poll() is None, process.stderr.read()
    time.sleep(0.02)
  process.terminate()
  log = process.communicate()[1]
  assert process.returncode == 75
  last = log.strip().splitlines()[-1]
  (saved,) = (tmp_path / 'run/checkpoints').glob('[0-9]*')
  assert last.startswith(f'Preempted: step {saved.name} is saved')
