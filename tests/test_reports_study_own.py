"""A study of one's own: a config file with a system and a dataset more."""

import json
import sys
import types

import documents
import pytest
import studies

from configs import ablation
from configs import demo
from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.commands import study_files
from manloc_jax.commands import sweep
from manloc_jax.reports.study import study_file

# The example of the documents.
(OWN,) = (
    block
    for document, block in documents.read_blocks('python')
    if 'from configs import rooms' in block
)


@pytest.fixture
def own(tmp_path, monkeypatch):
  """The example as a file; its dataset is the demo under another name."""

  def get_config():
    config = demo.get_config()
    config.data.name = 'rooms'
    return config

  rooms = types.SimpleNamespace(get_config=get_config)
  monkeypatch.setitem(sys.modules, 'configs.rooms', rooms)
  path = tmp_path / 'own.py'
  path.write_text(OWN)
  return path


def read(path) -> study_file.StudyFile:
  return study_file.read(str(path), study_files.read(path))


def test_a_system_and_a_dataset_of_ones_own_have_tables(own, tmp_path):
  jobs = sweep.jobs(own, 'rooms', [], [0, 1, 2], tmp_path / 'runs')
  names = [f'{path.parent.name}/{path.name}' for path in jobs]
  assert names[:2] == ['rooms/j-conv-lstm-conv-0', 'rooms/conv1-64f-0']
  get_config = study_files.read(own)['get_config']
  folders = [
      studies.write_run(
          tmp_path / 'runs',
          system,
          seed,
          quality + seed / 100,
          dataset='rooms',
          defines=read(own),
          get_config=lambda study: get_config(f'rooms/{study.split("/")[1]}'),
      ).path
      for system, quality in (('j-conv-lstm-conv', 0.7), ('conv1-64f', 0.8))
      for seed in (0, 1, 2)
  ]
  path, out = tmp_path / 'study.json', tmp_path / 'out'
  command = ['report', *map(str, folders), f'--defined_by={own}']
  assert cli.main([*command, f'--study={path}', f'--out={out}']) == 0
  text = (out / 'tables.md').read_text()
  assert 'A wider first layer' in text and 'Table 1.' not in text
  assert '| Pixels: AUC, ours | Pixels: AUC mean over images, ours |' in text
  cells = '0.810 ± 0.010 | 0.810 ± 0.010 | 0.810 ± 0.010 |'
  assert f'| rooms | Conv1-64f | 3 | {cells}' in text
  claim = '| 64 maps beat 16: Conv1-64f over J-Conv-LSTM-Conv | rooms |'
  line = next(x for x in text.splitlines() if x.startswith(claim))
  assert line.endswith('| – | confirmed |')
  # The file of the study is not needed again.
  own.unlink()
  again = tmp_path / 'again'
  assert cli.main(['report', f'--study={path}', f'--out={again}']) == 0
  assert (again / 'tables.md').read_text() == text


def test_a_line_in_the_papers_study_is_enough(tmp_path, monkeypatch):
  systems = {**ablation.SYSTEMS, 'conv1-64f': (
      'Conv1-64f', {'model.conv1_filters': 64}
  )}
  monkeypatch.setattr(ablation, 'SYSTEMS', systems)
  path = tmp_path / 'longer.py'
  path.write_text('from configs.ablation import *\n')
  run = studies.write_run(
      tmp_path, 'conv1-64f', 0, 0.8, dataset='casia1', defines=read(path)
  )
  content = tmp_path / 'study.json'
  command = ['report', str(run.path), f'--defined_by={path}']
  assert cli.main([*command, f'--study={content}']) == 0
  kept = json.loads(content.read_text())
  assert kept['definition']['labels']['conv1-64f'] == 'Conv1-64f'
  assert '| casia1 | Conv1-64f | 1 |' in studies.markdown(kept, 'grid')


@pytest.mark.parametrize(
    ('old', 'new', 'match'),
    [
        ("'Conv1-64f', {", '{', 'defines no study'),
        ("'caption'", "'title'", "defines no study.*'title'"),
        ("'conv1-64f', 'j-conv-lstm-conv', (", "'fcn', 'x', (", "system 'fcn'"),
        ("('pixel_auc_pooled',)),", "('pixel_acu',)),", "score 'pixel_acu'"),
        ('SYSTEMS = {', 'OTHERS = {', 'has no SYSTEMS'),
        ('import ablation', 'import nowhere', 'nowhere'),
    ],
)
def test_studies_that_cannot_be_made_are_told(own, old, new, match):
  assert old in OWN
  own.write_text(OWN.replace(old, new))
  with pytest.raises(errors.UserError, match=match):
    read(own)


def test_runs_of_other_studies_and_datasets_are_told(own, tmp_path):
  with pytest.raises(errors.UserError, match="no dataset whose.*'mine'"):
    studies.write_run(
        tmp_path,
        'j-conv-lstm-conv',
        0,
        0.5,
        change=lambda result: result['config']['data'].update(name='mine'),
        defines=read(own),
    )
  with pytest.raises(errors.UserError, match='--defined_by'):
    studies.write_run(tmp_path, 'fcn', 0, 0.5, defines=read(own))
