"""Runs split by image and by photograph: gathered, compared and refused."""

import json

import pytest
import studies
from studies import write_run

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.reports import generated_blocks
from manloc_jax.reports import typeset
from manloc_jax.reports.study import leakage
from manloc_jax.reports.study import paper

SEEDS = (0, 1, 2)


def write(folder, rule, seed, quality, *, dataset='standin', **changes):
  """Writes a run of the joint network with its own split, and reads it."""

  def change(result):
    data = {'split_rule': rule, 'seed': seed, **changes.get('data', {})}
    result['config']['data'].update(data)
    result['config'].update(changes.get('config', {}))
    result['prepared'] = f'{rule} {seed}'
    result['counts'] = {**result['counts'], 'images': 4 + seed}

  folder = folder / rule
  return write_run(
      folder, paper.JOINT, seed, quality, dataset=dataset, change=change
  )


def write_all(folder, by_image, by_photograph):
  return [
      write(folder, rule, seed, quality)
      for rule, values in (('random', by_image), ('group', by_photograph))
      for seed, quality in zip(SEEDS, values, strict=True)
  ]


@pytest.fixture
def runs(tmp_path):
  return write_all(tmp_path / 'runs', (0.8, 0.85, 0.9), (0.7, 0.74, 0.81))


def text_of(runs) -> str:
  return typeset.markdown(leakage.table(leakage.collect(runs, studies.DEFINES)))


def test_rules_are_compared_seed_by_seed(runs):
  text = text_of(runs)
  # By hand: 4.302653 standard errors of the differences 0.1, 0.11 and 0.09.
  cells = '0.850 ± 0.050 | 0.750 ± 0.056 | +0.100 [+0.075, +0.125] |'
  for split in ('test', 'test_grid'):
    for score in ('Patches: AUC', 'Pixels: AUC pooled', 'Pixels: AUC mean'):
      row = f'| standin | J-Conv-LSTM-Conv | 0, 1, 2 | `{split}` | {score} | '
      assert row + cells in text


@pytest.mark.parametrize(
    ('by_photograph', 'words'),
    [
        ((0.7, 0.74, 0.81), 'were the difference as large there, 0.66 would'),
        ((0.7, 0.95, 0.81), 'settles nothing (the interval holds 0;'),
        ((0.9, 0.94, 1.0), 'nothing here says'),
    ],
)
def test_the_conclusion_follows_from_the_interval(
    tmp_path, by_photograph, words
):
  runs = write_all(tmp_path, (0.8, 0.85, 0.9), by_photograph)
  text = text_of(runs)
  assert words in text and '0.7641' in text
  # How much a longer study could still find.
  assert ('gained at most 0.' in text) == ('settles nothing' in text)


def test_other_sets_say_nothing_of_nist(tmp_path):
  text = text_of([
      write(tmp_path, rule, 0, 0.8, dataset='casia1') for rule in leakage.RULES
  ])
  assert '| casia1 |' in text and '0.7641' not in text


def test_seeds_of_a_plain_study_have_one_split(runs):
  with pytest.raises(errors.UserError, match='images of train'):
    studies.collect(runs[:3])


@pytest.mark.parametrize(
    ('rule', 'changes', 'match'),
    [
        ('given', {}, "split rule 'given'"),
        ('group', {'data': {'seed': 7}}, 'data.seed 7'),
        ('group', {'config': {'num_steps': 7}}, 'more than their seed and spl'),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(
    tmp_path, rule, changes, match
):
  one = write(tmp_path, 'random', 0, 0.8)
  other = write(tmp_path, rule, 0, 0.7, **changes)
  with pytest.raises(errors.UserError, match=match):
    leakage.collect([one, other], studies.DEFINES)


def test_one_rule_alone_is_refused(runs):
  with pytest.raises(errors.UserError, match='have one split rule'):
    leakage.collect(runs[:3], studies.DEFINES)


def test_the_command_gathers_and_the_documents_show(
    runs, tmp_path, monkeypatch, capsys
):
  path = tmp_path / 'leakage.json'
  folders = [str(run.path) for run in runs]
  assert cli.main(['report', *folders, f'--leakage={path}']) == 0
  assert str(path) in capsys.readouterr().out
  content = leakage.read(path)
  gathered = leakage.collect(runs, studies.DEFINES)
  assert content == json.loads(json.dumps(gathered))
  monkeypatch.setattr(generated_blocks, 'RESULTS', tmp_path)
  assert generated_blocks.leakage_block() == text_of(runs)
  assert generated_blocks.scores_block() == ''


def test_other_files_are_refused(tmp_path):
  path = tmp_path / 'leakage.json'
  for content in ('{}', '[]', '{'):
    path.write_text(content)
    with pytest.raises(errors.UserError, match='no runs of both split rules'):
      leakage.read(path)
