import json
import pathlib
import subprocess
import sys

import pytest

from configs import ablation
from manloc_jax import errors
from manloc_jax.commands import sweep

STUDY = pathlib.Path('configs/ablation.py')
ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_project(monkeypatch):
  monkeypatch.chdir(ROOT)


def test_jobs_are_all_systems_of_a_seed_and_then_the_next(tmp_path):
  todo = sweep.jobs(STUDY, 'casia', [], [0, 1], tmp_path)
  assert [path.relative_to(tmp_path).as_posix() for path in todo] == [
      f'casia/{system}-{seed}' for seed in (0, 1) for system in ablation.SYSTEMS
  ]
  first = tmp_path / 'casia' / 'j-conv-lstm-conv-0'
  assert first == next(iter(todo))
  assert todo[first][:2] == [
      '--config=configs/ablation.py:casia/j-conv-lstm-conv',
      '--config.seed=0',
  ]


def test_finished_runs_are_skipped_and_failures_do_not_stop(
    tmp_path, monkeypatch, capsys
):
  todo = sweep.jobs(STUDY, 'casia', ['fcn', 'p-lstm'], [0, 1], tmp_path)
  done, broken, *_ = todo
  passed_on = ['--config.data.root=x']
  done.mkdir(parents=True)
  (done / 'report.md').touch()
  (done / sweep.COMMAND).write_text(json.dumps([*todo[done], *passed_on]))
  commands = []

  def run(command, check):
    commands.append(command)
    failed = f'--workdir={broken}' in command
    workdir = pathlib.Path(command[-2].removeprefix('--workdir='))
    workdir.mkdir(parents=True)
    (workdir / 'report.md').touch()
    return subprocess.CompletedProcess(command, int(failed))

  monkeypatch.setattr(subprocess, 'run', run)
  assert sweep.run_all(todo, passed_on) == [broken]
  assert len(commands) == 3
  assert all(command[-1] == '--config.data.root=x' for command in commands)
  assert f'[1/4] {done}: finished' in capsys.readouterr().out
  finished = [
      sweep.is_finished(workdir, [*own, *passed_on])
      for workdir, own in todo.items()
  ]
  assert finished == [True, False, True, True]
  # Other arguments are another run.
  assert not sweep.is_finished(done, [*todo[done], '--config.num_steps=7'])


def test_fine_tuned_runs_start_from_their_own_system_and_seed(tmp_path):
  todo = sweep.jobs(STUDY, 'coverage', ['fcn'], [2], tmp_path)
  (arguments,) = todo.values()
  start = tmp_path / 'nist' / 'fcn-2'
  assert arguments[-1] == f'--config.train.init_from={start}'


def test_wrong_names_are_told(tmp_path):
  with pytest.raises(errors.UserError, match='p-conv-lstm'):
    sweep.jobs(STUDY, 'casia', ['unet'], [0], tmp_path)
  with pytest.raises(errors.UserError, match='casia'):
    sweep.jobs(STUDY, 'unknown', [], [0], tmp_path)
  with pytest.raises(errors.UserError, match='has no DATASETS and no SYSTEMS'):
    sweep.jobs(pathlib.Path('configs/nist.py'), 'nist', [], [0], tmp_path)
  with pytest.raises(errors.UserError, match='no config file'):
    sweep.jobs(pathlib.Path('x.py'), 'casia', [], [0], tmp_path)


def test_command_lists_and_refuses():
  command = [sys.executable, '-m', 'manloc_jax.cli', 'sweep', 'casia']
  run = lambda *arguments: subprocess.run(
      [*command, *arguments], capture_output=True, text=True
  )
  listed = run('--list', '--seeds=5', '--job=3', '--config.data.root=x')
  assert listed.stdout.startswith('0\tto do\t')
  assert '--config.seed=5' in listed.stdout and 'root=x' in listed.stdout
  assert listed.stdout.count('\n') == 1
  refused = run('--seeds=0,a')
  assert refused.returncode == 2 and "'0,a' is not numbers" in refused.stderr
  assert refused.stderr.count('\n') == 1
  count = 3 * len(ablation.SYSTEMS)
  refused = run(f'--job={count}')
  assert refused.returncode == 2
  assert f'jobs 0 to {count - 1}' in refused.stderr
