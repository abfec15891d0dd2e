"""`manloc forge`, and training on what it makes without end."""

import os
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

from manloc_jax import cli
from manloc_jax import run_config
from manloc_jax.commands import forge as forge_command
from manloc_jax.data import datasets

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def photographs(tmp_path):
  folder = tmp_path / 'photographs'
  folder.mkdir()
  rng = np.random.default_rng(0)
  for i in range(6):
    pixels = rng.integers(0, 256, (130 + i, 140, 3), np.uint8)
    Image.fromarray(pixels).save(folder / f'{i}.jpg')
  return folder


def forge(photographs, out, *more):
  return cli.main([
      'forge', str(photographs), f'--out={out}', '--count=6', '--workers=1',
      '--fractions=0.5,0.25,0.25', '--size=96,128', *more,
  ])


def test_a_set_is_made_and_bad_photographs_are_listed(photographs, capsys):
  (photographs / 'note.jpg').write_text('none')
  sound = (photographs / '0.jpg').read_bytes()
  (photographs / 'cut.jpg').write_bytes(sound[: len(sound) // 2])
  out = photographs / 'forged'  # What is made is no photograph.
  for _ in range(2):
    assert forge(photographs, out) == 0
    said = capsys.readouterr()
    assert str(photographs / 'note.jpg') in said.err
    assert 'forged/' not in said.err
    assert '6 forgeries' in said.out
  records, rejected = datasets.get('synthetic').find_records(out)
  assert len(records) == 6 and not rejected
  assert {record.split for record in records} == {'train', 'val', 'test'}


def test_a_contact_sheet_is_the_same_each_time(photographs, tmp_path, capsys):
  sheets = []
  for name, more in (('a', ()), ('a', ()), ('b', ('--keep_originals',))):
    assert forge(photographs, tmp_path / name, '--preview', *more) == 0
    assert '6 of them are drawn' in capsys.readouterr().out
    sheets.append(tmp_path / name / 'preview.png')
    sheets[-1] = (sheets[-1].read_bytes(), Image.open(sheets[-1]).size)
  assert sheets[0] == sheets[1]
  assert sheets[2][1][0] > sheets[0][1][0], 'the originals are beside'
  assert len(list((tmp_path / 'b/originals').iterdir())) == 6


@pytest.mark.parametrize(
    'more, words',
    [
        (['--count=2'], '--count is 2'),
        (['--size=10,20'], 'short sides'),
        (['--size=10'], '256,512'),
        (['--seed=-1'], 'whole number'),
    ],
)
def test_what_makes_no_sense_is_refused(photographs, more, words, capsys):
  try:
    code = forge(photographs, photographs.parent / 'out', *more)
  except SystemExit as exited:
    code = exited.code
  assert code == 2
  error = capsys.readouterr().err
  assert words in error and error.count('\n') == 1


@pytest.mark.parametrize(
    'count, fractions, wanted',
    [
        (100, (0.65, 0.10, 0.25), [65, 10, 25]),
        (3, (0.65, 0.10, 0.25), [1, 1, 1]),
        (4, (0.1, 0.8, 0.1), [1, 2, 1]),
        (5, (0.05, 0.05, 0.9), [1, 1, 3]),
    ],
)
def test_no_part_is_empty(count, fractions, wanted):
  assert forge_command._counts(count, fractions) == wanted


def test_no_photograph_is_refused(tmp_path, capsys):
  assert forge(tmp_path, tmp_path / 'out') == 2
  assert 'no photograph' in capsys.readouterr().err
  assert not (tmp_path / 'out').exists()


@pytest.mark.slow
def test_training_on_a_stream_goes_through_all_stages(photographs, tmp_path):
  command = [
      sys.executable,
      '-m',
      'manloc_jax.main',
      '--config=configs/synthetic.py',
      f'--workdir={tmp_path}/run',
      f'--config.data.photographs={photographs}',
      f'--config.data.root={tmp_path}/forgeries',
      f'--config.data.prepared={tmp_path}/prepared',
      '--config.data.fractions=(0.4, 0.3, 0.3)',
      '--config.data.forge.counts=(6, 4, 4)',
      '--config.data.forge.size=(96, 128)',
      '--config.data.online.images_per_group=4',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      '--config.eval.batch_size=8',
      '--config.num_steps=4',
      '--config.train.eval_every_steps=2',
  ]
  done = subprocess.run(
      command,
      cwd=ROOT,
      env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
      capture_output=True,
      text=True,
  )
  assert done.returncode == 0, done.stderr
  assert '| Pixel AUC, pooled |' in done.stdout
  assert (tmp_path / 'run/results/test_grid.json').is_file()
  made = run_config.read(tmp_path / 'run')
  other = run_config.read(tmp_path / 'run')
  other.data.photographs = 'elsewhere'
  other.data.online.workers = 7
  assert run_config.plain(made) == run_config.plain(other)
