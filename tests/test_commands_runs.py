"""`manloc runs`: a list of runs, and runs side by side."""

import json

import pytest
import studies

from manloc_jax import cli
from manloc_jax import run_config
from manloc_jax.training import run_lock


@pytest.fixture
def runs(tmp_path):
  """Three runs as their files tell of them: finished, stopped and damaged."""
  folder = tmp_path / 'runs'
  for system, quality in (('j-conv-lstm-conv', 0.8), ('conv1-8f', 0.7)):
    run = studies.write_run(folder / 'deep', system, 0, quality)
    config = run.results['test']['config']
    (run.path / run_config.CONFIG).write_text(json.dumps(config))
    lines = [
        {'step': 10 * i, 'val_pixel_auc_pooled': quality - i / 100}
        for i in (1, 2)
    ]
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (run.path / 'metrics.jsonl').write_text(text)
  (folder / 'deep/nist16-conv1-8f-0/report.md').write_text('')
  (folder / 'bad').mkdir()
  (folder / 'bad' / run_config.CONFIG).write_text('{')
  return folder


def lines_of(capsys) -> dict[str, str]:
  lines = capsys.readouterr().out.splitlines()
  return {line.split('  ')[0]: line for line in lines}


def test_runs_are_listed_with_what_differs(runs, capsys):
  assert cli.main(['runs', str(runs)]) == 0
  lines = lines_of(capsys)
  assert {'conv1_filters', 'system', 'validation: pixels', 'test: patches'} <= {
      title.strip().removeprefix('model.')
      for title in lines['Run'].split('  ')
  }
  joint = lines['deep/nist16-j-conv-lstm-conv-0']
  assert 'stopped at step 20 of ' in joint
  assert ' 16 ' in joint and ' 0.790 ' in joint and '0.800' in joint
  assert ' finished ' in lines['deep/nist16-conv1-8f-0']
  assert 'damaged: ' in lines['bad'] and 'no JSON' not in lines['bad']


def test_a_run_at_work_is_told(runs, capsys):
  with run_lock.hold(runs / 'deep/nist16-conv1-8f-0'):
    assert cli.main(['runs', str(runs), '--json']) == 0
  states = {x['run']: x['state'] for x in json.loads(capsys.readouterr().out)}
  (working,) = [x for x in states.values() if x.startswith('at work on ')]
  assert working.endswith(', step 20 of 20000')


def test_a_run_that_was_trained_alone_is_told(runs, capsys):
  folder = runs / 'deep/nist16-j-conv-lstm-conv-0'
  config = json.loads((folder / 'config.json').read_text())
  (folder / 'config.json').write_text(json.dumps(config | {'num_steps': 20}))
  assert cli.main(['runs', str(folder), '--json']) == 0
  (run,) = json.loads(capsys.readouterr().out)
  assert run['state'] == 'trained, not scored'


def test_runs_stand_side_by_side(runs, tmp_path, capsys):
  picture = tmp_path / 'curves.png'
  command = ['runs', 'compare', str(runs / 'deep'), f'--curves={picture}']
  assert cli.main(command) == 0
  lines = lines_of(capsys)
  assert lines['model.conv1_filters'].split()[1:] == ['8', '16']
  cells = lines['validation: pixel AUC'].split()[-3:]
  assert cells == ['0.690', '0.790', '(+0.100)']
  assert 'seed' not in lines
  assert picture.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['nowhere'], "no folder 'nowhere'"),
        (['.'], 'no run in'),
        (['compare', 'deep/nist16-conv1-8f-0'], 'two runs or more'),
    ],
)
def test_what_cannot_be_listed_is_told(
    runs, arguments, words, capsys, monkeypatch, tmp_path
):
  (tmp_path / 'empty').mkdir()
  monkeypatch.chdir(tmp_path / 'empty' if arguments == ['.'] else runs)
  assert cli.main(['runs', *arguments]) == 2
  assert words in capsys.readouterr().err
