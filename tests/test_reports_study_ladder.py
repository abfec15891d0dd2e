"""Rungs of the ladder in one table and one figure."""

import copy
import json

import pytest
import studies

from configs import ladder as config_lib
from manloc_jax import cli
from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.reports import generated_blocks
from manloc_jax.reports import typeset
from manloc_jax.reports.study import ladder

VALIDATION = 0.6


def write_run(folder, rung, seed, quality, change=lambda result: None):
  """Writes the results of a run of a rung; returns its folder."""
  config = config_lib.get_config(f'casia/{rung}')
  config.seed = seed
  workdir = folder / f'{rung}-{seed}'
  (workdir / 'results').mkdir(parents=True)
  result = copy.deepcopy(studies.make_whole_images(quality))
  result['scores']['pixel_average_precision_pooled'] = quality / 2
  result |= {
      'config': run_config.plain(config),
      'config_sha256': rung,
      'step': 600,
      'prepared': f'with the sampler of {rung}',
      'data': {'split_digest': 'of the images', 'training_patches': 1234},
  }
  change(result)
  (workdir / 'results/test_images.json').write_text(json.dumps(result))
  (workdir / 'metrics.jsonl').write_text(
      json.dumps({'step': 600, 'val_pixel_auc_pooled': VALIDATION}) + '\n'
  )
  return str(workdir)


@pytest.fixture
def folders(tmp_path):
  return [
      write_run(tmp_path, rung, seed, quality + seed / 100)
      for rung, quality in (('rgb', 0.5), ('dct', 0.8), ('dct-off-grid', 0.6))
      for seed in (0, 1)
  ]


def test_rungs_are_sorted_and_compared_with_the_first(folders):
  content = ladder.collect(folders[::-1])
  assert '"roc"' not in json.dumps(content)
  (table,) = ladder.tables(content)
  assert [row[0] for row in table.rows] == ['`rgb`', '`dct`', '`dct-off-grid`']
  # The mean over images is 0.02 above the pooled AUC.
  assert table.rows[1] == (
      '`dct`',
      'lstm_input=dct',
      '2',
      '0.600',
      '0.825 ± 0.007',
      '0.805 ± 0.007',
      '0.403 ± 0.004',
      '+0.300 [+0.300, +0.300]',
  )
  assert table.rows[0][1] == table.rows[0][-1] == typeset.DASH
  assert 'window_grid=1' in table.rows[2][1]
  assert table.notes[0].endswith(
      '0.525 ± 0.007 on the test images. Of the rungs that read 64x64 windows'
      ' alone and the quantization table, validation chooses `dct`, which'
      ' reaches 0.825 ± 0.007.'
  )


def test_rungs_with_context_are_chosen_apart(folders, tmp_path):
  odds = write_run(tmp_path, 'dct+odds', 0, 0.7)
  (table,) = ladder.tables(ladder.collect([*folders, odds]))
  assert table.notes[0].endswith('chooses `dct+odds`, which reaches 0.720.')


def test_the_command_gathers_draws_and_the_documents_show(
    folders, tmp_path, monkeypatch, capsys
):
  path = tmp_path / 'ladder.json'
  assert not cli.main(['report', *folders, '--ladder', str(path)])
  assert capsys.readouterr().out.split() == [
      str(path),
      str(path.with_suffix('.png')),
  ]
  monkeypatch.setattr(generated_blocks, 'LADDER', path)
  assert '| `dct` |' in generated_blocks.ladder_block()
  monkeypatch.setattr(generated_blocks, 'LADDER', tmp_path / 'none.json')
  assert not generated_blocks.ladder_block()


def other_images(result):
  result['data']['split_digest'] = 'of others'


@pytest.mark.parametrize(
    'remove, change, match',
    [
        (lambda folders: folders[2:], None, "rung 'rgb'"),
        (lambda folders: [], None, 'no runs'),
        (lambda folders: folders, other_images, 'different images'),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(
    folders, tmp_path, remove, change, match
):
  runs = remove(folders)
  if change:
    runs = [*runs, write_run(tmp_path, 'odds', 0, 0.7, change)]
  with pytest.raises(errors.UserError, match=match):
    ladder.collect(runs)


def test_runs_without_a_validation_score_are_refused(folders, tmp_path):
  (tmp_path / 'dct-0/metrics.jsonl').unlink()
  with pytest.raises(errors.UserError, match='validation'):
    ladder.collect(folders)
