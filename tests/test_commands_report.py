"""`manloc report`: what it writes, and which arguments go together."""

import numpy as np
import pytest
import studies

from manloc_jax import cli
from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import study
from manloc_jax.reports.study import tables


@pytest.mark.slow
def test_the_command_gathers_and_renders(members, tmp_path, capsys):
  arrays = {}
  for i in range(4):
    arrays[f'{i}/image'] = np.zeros((64, 128, 3), np.uint8)
    arrays[f'{i}/truth'] = np.zeros((64, 128), np.uint8)
    arrays[f'{i}/score'] = np.full((64, 128), 0.4, np.float32)
  for run in members:
    if run.system == paper.JOINT:
      np.savez(run.path / 'results' / 'examples.npz', **arrays)
  path, folder = tmp_path / 'study.json', tmp_path / 'out'
  cli.main(["report",
      *(str(run.path) for run in members),
      f'--study={path}',
      f'--out={folder}',
  ])
  names = {file.name for file in folder.iterdir()}
  assert names >= {
      'tables.md',
      'tables.tex',
      *(
          f'{name}.{suffix}'
          for name in ('roc', 'roc_systems', 'examples')
          for suffix in ('png', 'pdf')
      ),
      'tables.pdf',
      'tables_table1.png',
      'tables_claims.png',
  }
  for file in folder.glob('*.png'):
    assert file.read_bytes().startswith(b'\x89PNG')
  for file in folder.glob('*.pdf'):
    assert file.read_bytes().startswith(b'%PDF')
  assert str(folder / 'roc.png') in capsys.readouterr().out
  # Beside the JSON, where documents show it; only the demo's examples may be.
  assert (tmp_path / 'study_roc.png').read_bytes().startswith(b'\x89PNG')
  assert not (tmp_path / 'study_examples.png').exists()


def test_examples_of_the_demo_stand_beside_the_study(tmp_path):
  run = studies.write_run(tmp_path, paper.JOINT, 0, 0.8, dataset='demo')
  arrays = {
      '0/image': np.zeros((64, 64, 3), np.uint8),
      '0/truth': np.zeros((64, 64), np.uint8),
      '0/score': np.full((64, 64), 0.4, np.float32),
  }
  np.savez(run.path / 'results' / 'examples.npz', **arrays)
  path = tmp_path / 'study.json'
  assert cli.main(['report', str(run.path), f'--study={path}']) == 0
  picture = tmp_path / 'study_examples.png'
  assert picture.read_bytes().startswith(b'\x89PNG')


def test_tables_are_made_from_the_file_alone(members, tmp_path, monkeypatch):
  path, folder = tmp_path / 'study.json', tmp_path / 'out'
  cli.main(['report', *(str(run.path) for run in members), f'--study={path}'])
  assert not folder.exists()
  content = study.read(path)
  # Drawing all of them takes a while.
  first = tables.tables(content)[:1]
  monkeypatch.setattr(tables, 'tables', lambda unused: first)
  cli.main(['report', f'--study={path}', f'--out={folder}'])
  assert (folder / 'tables.md').read_text().endswith(
      typeset.markdown(first[0])
  )
  assert not (folder / 'examples.png').exists(), 'they need the runs'


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
  path = tmp_path / 'no.json'
  assert cli.main(['report', f'--study={path}', f'--out={tmp_path}']) == 2
  assert 'is not a study' in capsys.readouterr().err


@pytest.mark.parametrize(
    'arguments, words',
    [
        ([], 'Name the folders of runs'),
        (['--out=x'], 'name its file with --study'),
        (['--study=x'], '--study needs runs'),
        (['--study=x', '--out=y', '--summary=z'], '--summary needs'),
        (['--docs', '--dial=x'], '--dial needs'),
        (['--docs', '--leakage=x'], '--leakage needs'),
        (['--study=x', '--out=y', '--dial=z'], 'one of --study, --dial'),
        (['run', '--dial=x', '--leakage=y'], 'and --ladder at a time'),
    ],
)
def test_arguments_that_do_not_go_together(arguments, words, capsys):
  assert cli.main(['report', *arguments]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line
