"""Processes that cannot find each other say so."""

import subprocess
import sys

import pytest
import several

from manloc_jax import errors
from manloc_jax.training import processes


def run(*flags):
  command = [sys.executable, '-m', 'manloc_jax.main']
  return subprocess.run(
      [*command, '--config=configs/demo.py', '--mode=prepare', *flags],
      cwd=several.ROOT,
      capture_output=True,
      text=True,
  )


@pytest.mark.slow
@pytest.mark.parametrize(
    ('flags', 'words'),
    [
        (['--num_processes=2'], 'add --distributed'),
        (['--distributed'], 'start them by SLURM or Open MPI, or give'),
        (
            ['--distributed', '--coordinator_address=localhost:1'],
            'Number of processes must be defined',
        ),
        (
            [
                '--distributed',
                '--coordinator_address=localhost:5527',
                '--num_processes=2',
                '--process_id=2',
            ],
            'process_id < num_processes',
        ),
    ],
)
def test_impossible_flags_are_refused(flags, words):
  done = run(*flags)
  assert done.returncode == 2, done.stderr
  assert words in done.stderr.strip().splitlines()[-1]
  assert 'Traceback' not in done.stderr


@pytest.mark.slow
def test_processes_that_do_not_come_are_not_waited_for_for_ever():
  code = """
from manloc_jax.training import processes
processes._START_SECONDS = 2
processes.start('127.0.0.1:5528', 2, 1)
"""
  done = subprocess.run(
      [sys.executable, '-c', code],
      cwd=several.ROOT,
      capture_output=True,
      text=True,
  )
  assert done.returncode == 75, done.stderr
  assert done.stderr.splitlines()[-1].startswith('The 2 processes of this run')


def test_losses_are_told_from_other_errors():
  lost = ValueError('UNKNOWN: Gloo all-reduce failed: Connection reset by peer')
  assert processes.is_loss(lost)
  assert not processes.is_loss(ValueError('shapes (2,) and (3,)'))
  assert not processes.is_loss(errors.UserError('Gloo.jpg is no image.'))
  try:
    raise errors.UserError('The checkpoints cannot be read.') from lost
  except errors.UserError as error:
    assert processes.is_loss(error)


def test_a_single_process_waits_for_nobody():
  processes.wait_for_all()
  assert processes.is_first() and processes.of_first(True)
  assert processes.own_share([3, 1, 2]) == [3, 1, 2]
  with processes.first_before_others():
    pass
