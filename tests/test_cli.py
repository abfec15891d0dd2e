"""The `manloc` command: quick help, exit codes, one-sentence refusals."""

import json
import os
import pathlib
import subprocess
import sys
import time

from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax.data.storage import manifest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def tree(tmp_path):
  return trees.casia1(tmp_path / 'casia', forged=16)


def test_help_comes_at_once_and_imports_nothing_heavy():
  code = (
      'import sys; from manloc_jax import cli\n'
      'try: cli.main(["--help"])\n'
      'except SystemExit as done: assert not done.code\n'
      'heavy = {"numpy", "jax", "tensorflow", "cv2", "absl", "uvicorn"}\n'
      'assert not heavy & sys.modules.keys()'
  )
  start = time.monotonic()
  done = subprocess.run(
      [sys.executable, '-c', code],
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
      capture_output=True,
      text=True,
  )
  assert done.returncode == 0, done.stderr
  assert 'manloc audit' in done.stdout
  assert time.monotonic() - start < 5  # Far less, but machines are busy.


def test_exit_codes_of_an_audit(tree, tmp_path, capsys):
  arguments = ['audit', 'casia1', str(tree), '--workers=1']
  out = tmp_path / 'audit.json'
  broken = next(tree.glob('Gt/Sp/*'))
  broken.unlink()
  assert cli.main([*arguments, f'--json={out}']) == 1
  assert 'WRONG   pairing' in capsys.readouterr().out
  content = json.loads(out.read_text())
  (pairing,) = (c for c in content['checks'] if c['name'] == 'pairing')
  assert broken.stem.removesuffix('_gt') in pairing['items'][0]


def test_json_alone_on_the_standard_output(tree, capsys):
  cli.main(['audit', 'casia1', str(tree), '--names_only', '--json=-'])
  printed = capsys.readouterr()
  assert json.loads(printed.out)['names_only'] is True
  assert printed.err.startswith('casia1 in')


@pytest.mark.parametrize(
    'arguments, words',
    [
        ([], 'required'),
        (['audit', 'casia1', '/nowhere'], '/nowhere'),
        (['audit', 'casia9', '/nowhere'], 'casia9'),
        (['audit', 'casia1', '.', '--split=fair'], 'fair'),
        (['audit', 'casia1', '.', '--split_list=/nowhere'], '/nowhere'),
        (['audit', 'casia1', '.', '--split=group', '--split_list=x'], 'with'),
        (['audit', 'casia1', '.', '--fractions=0.5,0.5'], '0.5,0.5'),
        (['audit', 'casia1', '.', '--draws=0'], '--draws'),
        (['audit', 'casia1', '.', '--seed=-1'], '--seed'),
        (['split', 'casia1', '.', '--seed', '-1', '--out=x'], '--seed'),
        (['audit', 'casia1', '.', '--frac'], '--frac'),
        (['audit', 'casia1', '.', '--guess'], '--guess'),
        (['split', 'casia1', '/nowhere', '--out=x'], '/nowhere'),
        (['report', '/nowhere'], '/nowhere'),
    ],
)
def test_refusals_are_one_line(arguments, words, capsys):
  try:
    code = cli.main(arguments)
  except SystemExit as done:
    code = done.code
  (line,) = capsys.readouterr().err.splitlines()
  assert code == 2 and words in line
  assert '--config' not in line or 'manloc' in line


@pytest.mark.parametrize(
    'arguments, option',
    [
        (['split', '--rule=given', '--out=x'], '--rule'),
        (['split', '--fractions=.98,.01,.01', '--out=x'], '--fractions'),
        (['prepare', '--rule=list'], '--split_list'),
        (['prepare', '--rule=given'], '--rule'),
        (['prepare', '--size_mismatch=error'], '--size_mismatch'),
    ],
)
def test_refusals_name_the_options_of_manloc(
    tree, tmp_path, arguments, option, capsys
):
  mask = next(tree.glob('Gt/Sp/*'))
  Image.fromarray(trees.region(0).T).save(mask)
  command, *options = arguments
  if command == 'prepare':
    options += [f'--out={tmp_path}', '--source=resident', '--workers=1']
  assert cli.main([command, 'casia1', str(tree), *options]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert f'{option} (manloc' in line


def test_a_folder_that_is_not_there_is_named(tree, tmp_path, capsys):
  out = tmp_path / 'no/such/a.json'
  assert cli.main(['split', 'casia1', str(tree), f'--out={out}']) == 2
  error = capsys.readouterr().err
  assert error == f'{out}: No such file or directory.\n'


def test_a_split_is_written_audited_and_prepared_from(tree, tmp_path, capsys):
  out = tmp_path / 'split.json'
  command = ['split', 'casia1', str(tree), '--rule=group', '--seed=5']
  assert cli.main([*command, f'--out={out}', '--fractions=.5,.25,.25']) == 0
  content = json.loads(out.read_text())
  assert content['digest'] in capsys.readouterr().out
  assert content['shares_of_test_in_training']['group'] == 0
  command = ['audit', 'casia1', str(tree), '--names_only', '--json=-']
  cli.main([*command, f'--split_list={out}'])
  audited = json.loads(capsys.readouterr().out)['split']
  for key in ('digest', 'shares_of_test_in_training'):
    assert audited[key] == content[key]
  code = cli.main([
      'prepare', 'casia1', str(tree), '--rule=list', f'--split_list={out}',
      f'--out={tmp_path}', '--source=resident', '--workers=1',
  ])  # fmt: skip
  assert code == 0
  folder = capsys.readouterr().out.strip()
  assert manifest.read(folder)['split_digest'] == content['digest']


def test_help_says_every_default(capsys):
  """Whether or not whoever wrote the option did."""
  assert cli.main(['prepare', '--help']) == 0
  text = ' '.join(capsys.readouterr().out.split())
  for default in ('random by default', 'skip by default', 'data by default'):
    assert default in text
  assert 'one per core by default' in text and 'None by default' not in text
