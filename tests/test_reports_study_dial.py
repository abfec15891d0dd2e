"""Runs at several levels of traces on one curve."""

import json

import pytest
import studies

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.reports import typeset
from manloc_jax.reports.study import dial
from manloc_jax.reports.study import paper


def at(level, **changes):
  """Returns a change of a result that makes it one of a level."""

  def change(result):
    result['config']['data']['forge'] = {'level': level}
    result['config']['data'].update(changes)

  return change


@pytest.fixture
def members(tmp_path):
  """Two systems and the detector at two levels."""
  runs = []
  for level, quality in ((0.0, 0.9), (0.4, 0.6)):
    folder = tmp_path / f'{level}'
    for system in (paper.JOINT, 'p-conv-lstm'):
      for seed in (0, 1):
        runs.append(
            studies.write_run(
                folder,
                system,
                seed,
                quality + seed / 100,
                dataset='dial',
                change=at(level),
            )
        )
    runs.append(
        studies.write_method(
            folder, 'noise', 1 - quality, dataset='dial', change=at(level)
        )
    )
  return runs


def test_the_tables_have_a_row_for_each_level(members):
  content = dial.collect(members, studies.DEFINES)
  assert list(content['levels']) == ['0', '0.4']
  assert '"roc"' not in json.dumps(content)
  grid, test = dial.tables(content)
  assert (grid.name, test.name) == ('dial_test_grid', 'dial_test')
  assert grid.header == (
      'Level',
      'Detector made by hand',
      'Mean training mask: pixels',
      'J-Conv-LSTM-Conv: pixels',
      'J-Conv-LSTM-Conv: patches',
      'P-Conv-LSTM: patches',
  )
  joint = '0.605 ± 0.007'
  # The detector's mean over images is 0.02 above its pooled AUC, turned round.
  assert grid.rows[1] == ('0.4', '0.580', '0.550', joint, joint, joint)


def test_levels_that_were_not_run_have_a_dash(members):
  content = dial.collect(members[:5] + members[-1:], studies.DEFINES)
  for row in (table.rows[1] for table in dial.tables(content)):
    assert row == ('0.4', '0.580', *4 * (typeset.DASH,))
  (table,) = dial.tables(dial.collect(members[4:5], studies.DEFINES))
  assert table.header == ('Level', 'Detector made by hand')


def test_the_command_writes_a_file_and_a_figure(members, tmp_path, capsys):
  path = tmp_path / 'dial.json'
  runs = [str(run.path) for run in members]
  assert cli.main(['report', *runs, f'--dial={path}']) == 0
  assert dial.read(path) == dial.collect(members, studies.DEFINES)
  picture = tmp_path / 'dial.png'
  assert picture.read_bytes().startswith(b'\x89PNG')
  assert capsys.readouterr().out.split() == [str(path), str(picture)]
  assert not (members[0].path / 'report.md').exists()


def test_runs_that_do_not_fit_are_refused(members, tmp_path):
  def write(name, change, dataset='dial', method=None):
    if method:
      return studies.write_method(
          tmp_path / name, method, 0.5, dataset=dataset, change=change
      )
    return studies.write_run(
        tmp_path / name, paper.JOINT, 0, 0.5, dataset=dataset, change=change
    )

  def without_level(result):
    del result['config']['data']['forge']

  def other_images(result):
    at(0.6)(result)
    result['prepared'] = 'of other images'

  cases = {
      'dataset .demo.': write('a', None, 'demo'),
      'dataset .dial.': write('b', without_level),
      'method ela': write('c', at(0.6), method='ela'),
      'data.seed': write('d', at(0.6, seed=7)),
      'images': write('e', other_images),
  }
  for words, run in cases.items():
    with pytest.raises(errors.UserError, match=words):
      dial.collect([*members, run], studies.DEFINES)
  with pytest.raises(errors.UserError, match='no runs'):
    dial.collect([], studies.DEFINES)
