"""The command line: every refusal is one sentence and exit code 2."""

import os
import pathlib
import subprocess
import sys

import pytest
import trees

ROOT = pathlib.Path(__file__).parents[1]


def run(*arguments, cwd=ROOT):
  return subprocess.run(
      [sys.executable, '-m', 'manloc_jax.main', *arguments],
      cwd=cwd,
      env={
          **os.environ,
          'JAX_PLATFORMS': 'cpu',
          'TF_CPP_MIN_LOG_LEVEL': '3',
          'PYTHONPATH': str(ROOT),
      },
      capture_output=True,
      text=True,
  )


@pytest.mark.parametrize(
    'arguments, words',
    [
        (['--config=configs/nist.py'], ['NC2016_Test0601', 'data.root']),
        (
            ['--config=configs/nist.py', '--config.data.root=/nowhere'],
            ['/nowhere', 'data.root'],
        ),
        (
            ['--config=configs/demo.py', '--config.model.conv1_filter=8'],
            ['conv1_filter', 'Did you mean --config.model.conv1_filters'],
        ),
        (
            ['--config=configs/demo.py', '--config.data.source=resident'],
            ['data.source=resident', '--config.data.backend'],
        ),
        (
            ['--config=configs/demo.py', '--config.batch_size=many'],
            ['batch_size', 'many'],
        ),
        (['--config=configs/missing.py'], ['configs/missing.py']),
        (
            ['--config=configs/demo.py', '--engine=ray'],
            ['--engine', '--mode=prepare alone'],
        ),
        (
            ['--config=configs/demo.py', '--mode=prepare', '--shard=2/2'],
            ['--shard cannot be used', 'I/N'],
        ),
        (
            ['--config=configs/demo.py', '--config.model.head=first'],
            ['head', 'first', 'last'],
        ),
        (
            ['--config=configs/demo.py', '--config.data.split_rule=list'],
            ['data.split_list', 'manloc split'],
        ),
        (['--config=configs/demo.py', '--mode=guess'], ['mode', 'guess']),
        (
            ['--config=configs/demo.py', '--config.method=elo'],
            ["'elo'", 'ela', 'patchmatch', 'network'],
        ),
        (
            [
                '--config=configs/demo.py',
                '--config.method=ela',
                '--mode=train',
            ],
            ['--mode=train', 'nothing to train', '--mode=evaluate'],
        ),
        (
            ['--config=configs/demo.py', '--config.eval.smooth_sigma=-1.0'],
            ['eval.smooth_sigma', '-1.0'],
        ),
        (
            ['--config=configs/ablation.py:nist/unet'],
            ["used: There is no study 'nist/unet'", 's-lstm-conv34'],
        ),
        (
            ['--config=configs/coverage.py', '--config.data.root=/nowhere'],
            ['--config.train.init_from=runs/nist', 'train that one first'],
        ),
    ],
)
def test_bad_command_lines(arguments, words):
  done = run(*arguments)
  assert done.returncode == 2, done.stderr
  last = done.stderr.strip().splitlines()[-1]
  assert all(word in last for word in words), last
  assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['--config=configs/demo.py'], 'runs/demo'),
        (
            ['--config=configs/demo.py', '--config.method=ela'],
            'runs/demo-ela',
        ),
        (
            [
                '--config=configs/ablation.py:casia/p-lstm',
                '--config.data.name=columbia',
            ],
            'runs/ablation-casia-p-lstm-columbia',
        ),
    ],
)
def test_the_default_folder_tells_runs_apart(arguments, expected):
  code = f"""
from manloc_jax import main
from manloc_jax.commands import config_files
config_files.parse(['main', *{arguments!r}])
print(main._default_workdir())
"""
  command = [sys.executable, '-c', code, *arguments]
  done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
  assert done.stdout.split() == [expected], done.stderr


@pytest.mark.slow
def test_an_array_of_jobs_prepares_a_config(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  arguments = [
      '--config=configs/casia.py',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      '--config.data.backend=memory',
      '--mode=prepare',
  ]
  for step, words in (
      ('--shard=0/1', 'All 1 shards are sampled'),
      ('--merge=1', 'Prepared set: '),
      ('--engine=local', 'Prepared set: '),  # It finds that set.
  ):
    done = run(*arguments, step)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout
  assert len([*(tmp_path / 'prepared').iterdir()]) == 1


@pytest.mark.slow
def test_a_classical_method_from_tree_to_report(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  done = run(
      '--config=configs/casia.py',
      '--config.method=blocks',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      f'--workdir={tmp_path}/run',
  )
  assert done.returncode == 0, done.stderr
  assert '| Score | `blocks` |' in (tmp_path / 'run/report.md').read_text()
  assert (tmp_path / 'run/results/test_images.json').exists()
  other = run(
      '--config=configs/casia.py',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      f'--workdir={tmp_path}/run',
      '--mode=evaluate',
  )
  assert other.returncode == 2, 'the folder is of another method'
  assert 'choose another --workdir' in other.stderr


@pytest.mark.slow
def test_damaged_shard_is_refused_and_nothing_is_written(tmp_path):
  tree = trees.casia1(tmp_path / 'casia')
  arguments = (
      '--config=configs/casia.py',
      f'--config.data.root={tree}',
      f'--config.data.prepared={tmp_path}/prepared',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      f'--workdir={tmp_path}/run',
  )
  done = run(*arguments, '--mode=prepare')
  assert done.returncode == 0, done.stderr
  shard = next((tmp_path / 'prepared').rglob('*train.tfrecord-00000*'))
  shard.write_bytes(shard.read_bytes()[:-100])
  done = run(*arguments)
  assert done.returncode == 2, done.stderr
  assert shard.name in done.stderr.strip().splitlines()[-1]
  assert not list((tmp_path / 'run').glob('checkpoints/[0-9]*'))
  assert not list((tmp_path / 'run').rglob('*.tmp'))
