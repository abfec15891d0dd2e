"""Studies: runs of the paper's systems gathered, judged, and set as tables."""

import copy
import json
import math
import statistics

import numpy as np
import pytest

from configs import ablation
from manloc_jax import errors
from manloc_jax import report
from manloc_jax import runs
from manloc_jax import settings
from manloc_jax import study
from manloc_jax.plots import claims
from manloc_jax.plots import paper
from manloc_jax.plots import study_scores
from manloc_jax.plots import study_tables
from manloc_jax.plots import typeset

CURVE = {'fpr': [0.0, 0.0, 0.5, 1.0], 'tpr': [0.0, 0.2, 0.8, 1.0]}
COUNTS = {
    'images': 4,
    'images_of_both_classes': 4,
    'patches_pristine': 60,
    'patches_manipulated': 40,
    'pixels_pristine': 8000,
    'pixels_manipulated': 2000,
}


def make_result(system: str, seed: int, dataset: str, quality: float) -> dict:
  """The JSON of one split as an evaluation writes it, as far as needed."""
  config = ablation.get_config(f'nist/{system}')
  config.seed, config.data.name = seed, dataset
  tasks = {'p': ('patch',), 's': ('pixel',), 'f': ('pixel',)}.get(
      system[0], ('patch', 'pixel')
  )
  scores = {
      'patch': {'patch_accuracy': quality, 'patch_auc': quality},
      'pixel': {
          'pixel_accuracy': quality,
          'pixel_auc_pooled': quality,
          'pixel_auc_image_mean': quality,
          'pixel_f1_at_half_pooled': 0.4,
      },
  }
  blind = {
      name: {f'{task}_{k}': v for task in scores for k, v in values.items()}
      for name, values in {
          'all_pristine': {'accuracy': 0.6, 'auc': 0.5},
          'random': {'accuracy': 0.5, 'auc': 0.5},
      }.items()
  }
  return {
      'scores': {k: v for task in tasks for k, v in scores[task].items()},
      'trivial': {**blind, 'mean_mask': {'pixel_auc': 0.55}},
      'counts': COUNTS,
      'roc': {task: CURVE for task in tasks},
      'postprocessed': {'hard': {'pixel_accuracy': quality + 0.01}}
      if 'pixel' in tasks
      else {},
      'val_threshold': 0.3,
      'data': {'training_patches': 1234},
      'step': 100,
      'prepared': 'of the images',
      'config': settings.plain(config),
      'config_sha256': f'{system}-{seed}',
      'device': 'cpu',
      'devices': 1,
  }


def write_run(
    folder, system, seed, quality, *, dataset='nist16', change=None
) -> runs.Run:
  """Writes the results of a run, changed by `change`, and reads them."""
  workdir = folder / f'{dataset}-{system}-{seed}'
  result = copy.deepcopy(make_result(system, seed, dataset, quality))
  if change:
    change(result)
  (workdir / 'results').mkdir(parents=True)
  for split in ('test', 'test_grid'):
    path = workdir / 'results' / f'{split}.json'
    path.write_text(json.dumps({'split': split, **result}))
  return runs.read(workdir)


@pytest.fixture
def members(tmp_path) -> list[runs.Run]:
  """The joint network above P-Conv-LSTM, on two datasets."""
  found = []
  for seed, joint, patch in ((0, 0.80, 0.70), (1, 0.82, 0.71), (2, 0.81, 0.7)):
    found.append(write_run(tmp_path, paper.JOINT, seed, joint))
    found.append(write_run(tmp_path, 'p-conv-lstm', seed, patch))
  found.append(write_run(tmp_path, paper.JOINT, 0, 0.7, dataset='casia1'))
  return found


def test_seeds_are_averaged(members):
  found = study.collect(members)
  entry = found['datasets']['nist16']['systems'][paper.JOINT]
  assert entry['seeds'] == [0, 1, 2]
  assert entry['training_patches'] == 1234
  part = entry['splits']['test']
  assert part['scores']['patch_auc'] == [0.80, 0.82, 0.81]
  assert part['mean']['patch_auc'] == pytest.approx(0.81)
  assert part['deviation']['patch_auc'] == pytest.approx(0.01)
  assert part['postprocessed']['hard']['mean']['pixel_accuracy'] == (
      pytest.approx(0.82)
  )
  # On the line from (0, 0.2) to (0.5, 0.8).
  at = np.searchsorted(found['fpr'], 0.25)
  for tpr in part['roc']['patch']:
    assert tpr[at] == pytest.approx(0.2 + 1.2 * found['fpr'][at], abs=1e-4)


def test_a_single_task_has_one_curve(members):
  part = study_scores.part(
      study.collect(members), 'nist16', 'p-conv-lstm', 'test'
  )
  assert part['roc'].keys() == {'patch'}
  assert 'pixel_auc_pooled' not in part['mean']


def test_a_file_holds_the_study_and_stays_small(tmp_path):
  tree = tmp_path / 'runs'
  members = [
      write_run(tree, system, seed, 0.7)
      for system in paper.SYSTEMS
      for seed in range(3)
  ]
  found = study.collect(members)
  path = tmp_path / 'study.json'
  study.write(path, found)
  assert study.read(path) == json.loads(json.dumps(found))
  assert path.stat().st_size < 300_000
  assert path.read_text().count('\n') < 10_000, 'a line per list'


def test_systems_change_what_the_configs_say():
  assert runs.DEFINES.keys() == ablation.SYSTEMS.keys() == paper.SYSTEMS.keys()
  for system, changed in ablation.SYSTEMS.items():
    assert set(runs.DEFINES[system]) == changed.keys()


def test_runs_that_differ_in_more_than_the_seed_are_refused(tmp_path, members):
  def change(result):
    result['config']['optim']['learning_rate'] = 0.5

  other = write_run(tmp_path, paper.JOINT, 7, 0.8, change=change)
  match = r'more than their seed: optim.learning_rate \(0.0001 and 0.5\)'
  with pytest.raises(errors.UserError, match=match):
    study.collect([*members, other])


def test_a_seed_that_comes_twice_is_refused(tmp_path, members):
  other = write_run(tmp_path / 'again', paper.JOINT, 0, 0.8)
  with pytest.raises(errors.UserError, match='with seed 0; leave out'):
    study.collect([*members, other])


@pytest.mark.parametrize(
    'change, match',
    [
        (lambda r: r['config'].update(num_steps=7), 'num_steps'),
        (lambda r: r['config'].update(batch_size=7), 'batch_size'),
        (lambda r: r['config']['model'].update(head='mean'), 'model.head'),
        (lambda r: r['config']['train'].update(init_from='x'), 'init_from'),
        (lambda r: r.update(prepared='of others'), 'images of train'),
        (lambda r: r['counts'].update(images=5), 'patches of test'),
    ],
)
def test_systems_of_different_protocols_are_refused(
    tmp_path, members, change, match
):
  other = write_run(tmp_path, 'conv1-8f', 0, 0.8, change=change)
  with pytest.raises(errors.UserError, match=match):
    study.collect([*members, other])


def test_another_label_threshold_labels_other_patches(tmp_path, members):
  change = lambda r: r['counts'].update(
      patches_pristine=80, patches_manipulated=20
  )
  other = write_run(tmp_path, 'iou-0.5', 0, 0.8, change=change)
  text = markdown(study.collect([*members, other]), 'table4')
  assert '| all pristine (IoU-0.5) |' in text
  assert '| manipulated share (IoU-0.125) | – | – | 40.0% |' in text
  assert '| manipulated share (IoU-0.5) | – | – | 20.0% |' in text


def test_fine_tuned_runs_may_start_from_different_folders(tmp_path):
  members = [
      write_run(
          tmp_path,
          paper.JOINT,
          seed,
          0.8,
          change=lambda r: r['config']['train'].update(init_from=f'r{seed}'),  # noqa: B023
      )
      for seed in (0, 1)
  ]
  assert 'fine-tuned' in markdown(study.collect(members), 'runs')


def test_unknown_systems_and_files_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match="of the system 'mine'"):
    write_run(
        tmp_path,
        paper.JOINT,
        0,
        0.8,
        change=lambda r: r['config'].update(system='mine'),
    )
  with pytest.raises(errors.UserError, match='no runs'):
    study.collect([])
  for text in ('{', '{}', '[]'):
    (tmp_path / 'no.json').write_text(text)
    with pytest.raises(errors.UserError, match='is not a study'):
      study.read(tmp_path / 'no.json')


def markdown(found: dict, name: str) -> str:
  """A table of a study as text."""
  (table,) = [t for t in study_tables.tables(found) if t.name == name]
  return typeset.markdown(table)


def seeds(*values: float, first: int = 0) -> dict[int, float]:
  return dict(enumerate(values, first))


BLIND = (0.5, 0.5)


def test_paired_differences_confirm_and_contradict():
  # Each seed gains, though the seeds spread wider than the gain.
  better, worse = seeds(0.62, 0.72, 0.82), seeds(0.60, 0.70, 0.81)
  assert claims.judge(better, worse, blind=BLIND).verdict == claims.CONFIRMED
  found = claims.judge(worse, better, blind=BLIND)
  assert found.verdict == claims.CONTRADICTED
  assert found.difference == pytest.approx(-0.05 / 3)
  # By hand: t of 97.5 % with two degrees of freedom is 4.302653.
  spread = statistics.stdev([0.02, 0.02, 0.01]) / math.sqrt(3)
  assert found.interval == pytest.approx((
      -0.05 / 3 - 4.302653 * spread,
      -0.05 / 3 + 4.302653 * spread,
  ))


def test_other_seeds_are_compared_by_welch():
  first, second = seeds(0.62, 0.72, 0.82), seeds(0.60, 0.70, 0.81, first=3)
  found = claims.judge(first, second, blind=BLIND)
  assert found.verdict == claims.NOT_SETTLED
  assert found.reason == 'the interval holds 0'
  # Equal variances and sizes: t of 97.5 % with almost four is 2.776.
  error = math.sqrt(
      sum(statistics.variance(x.values()) / 3 for x in (first, second))
  )
  assert found.interval[1] - found.difference == pytest.approx(
      2.776 * error, rel=1e-2
  )


def test_one_seed_settles_nothing():
  found = claims.judge(seeds(0.9), seeds(0.6), blind=BLIND)
  assert (found.verdict, found.interval) == (claims.NOT_SETTLED, None)
  assert found.reason == 'one seed'


def test_scores_that_need_no_look_settle_nothing():
  better, worse = seeds(0.60, 0.61, 0.60), seeds(0.50, 0.51, 0.51)
  assert claims.judge(better, worse, blind=BLIND).verdict == claims.CONFIRMED
  found = claims.judge(better, worse, blind=(0.7, 0.5))
  assert found.verdict == claims.NOT_SETTLED
  assert found.reason == 'neither beats looking at nothing'
  # It is the higher one that has to: the other is better here.
  found = claims.judge(worse, better, blind=(0.7, 0.5))
  assert found.verdict == claims.CONTRADICTED


def test_scores_without_spread_have_an_interval_of_one_point():
  assert claims.interval(seeds(0.75, 0.75), seeds(0.5, 0.5)) == (0.25, 0.25)
  found = claims.judge(seeds(0.75, 0.75), seeds(0.75, 0.75), blind=BLIND)
  assert found.verdict == claims.NOT_SETTLED


def test_claims_have_lines_with_numbers_and_verdict(members):
  text = markdown(study.collect(members), 'claims')
  assert (
      '| Joint learning helps: J-Conv-LSTM-Conv over P-Conv-LSTM | NIST |'
      ' Patches: accuracy | 81.00 ± 1.00 | 70.33 ± 0.58 | +10.67'
  ) in text
  assert '| +2.62 | confirmed |' in text
  assert '| – | – | – | – | – | – | not settled: not run |' in text
  assert '2 confirmed' in text


def test_tables_stand_beside_the_paper(members):
  found = study.collect(members)
  table1 = markdown(found, 'table1')
  row = '| J-Conv-LSTM-Conv | 3 | 89.38 | 81.00 ± 1.00 | 0.810 ± 0.010 |'
  assert f'| NIST {row}' in table1
  assert '| NIST | P-LSTM | – | 81.05 | – | – |' in table1, 'not run'
  assert '| casia1 | J-Conv-LSTM-Conv | 1 | – | 70.00 | 0.700 |' in table1
  assert '| NIST | all pristine | – | – | 60.00 | 0.500 |' in table1
  assert '| NIST | manipulated share | – | – | 40.0% | – |' in table1
  assert '| NIST | mean training mask | – | – | – | 0.550 |' in markdown(
      found, 'table2'
  )
  assert '| hard | 82.00 ± 1.00 | – | – |' in markdown(found, 'postprocessing')
  assert '| DCT Histograms | 0.5450 | – | – |' in markdown(found, 'table6')
  assert 'typing errors' in markdown(found, 'table5')
  # Where no system of Table 3 but the joint one has a number, none is shown.
  assert '| COVERAGE |' not in markdown(found, 'table3')
  assert 're-created' in study_tables.PROTOCOL


def test_the_papers_numbers_bound_its_share_of_pixels():
  bounds = [paper.share_bound(dataset) for dataset in paper.DATASETS]
  assert bounds == pytest.approx([0.326, 0.404, 0.244], abs=1e-3)


def test_latex_sets_every_letter_as_it_stands():
  assert typeset.escape('50 % of a_b & {c} # $ ~ ^ \\') == (
      r'50 \% of a\_b \& \{c\} \# \$ \textasciitilde{} \textasciicircum{}'
      r' \textbackslash{}'
  )
  assert typeset.escape('0.1 ± 0.2 –') == r'0.1 $\pm$ 0.2 --'


def test_latex_tables_are_complete(members):
  for table in study_tables.tables(study.collect(members)):
    text = typeset.latex(table)
    body = text.split(r'\toprule')[1].split(r'\bottomrule')[0]
    lines = [line for line in body.splitlines() if line.endswith(r'\\')]
    assert len(lines) == 1 + len(table.rows)
    for line in lines:
      assert line.replace(r'\&', '').count('&') == len(table.header) - 1
    assert text.isascii(), [c for c in text if not c.isascii()]
    for name in ('table', 'tabular'):
      assert text.count(rf'\begin{{{name}}}') == 1
      assert text.count(rf'\end{{{name}}}') == 1


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
  report.main([
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


def test_tables_are_made_from_the_file_alone(members, tmp_path, monkeypatch):
  path, folder = tmp_path / 'study.json', tmp_path / 'out'
  report.main([*(str(run.path) for run in members), f'--study={path}'])
  assert not folder.exists()
  found = study.read(path)
  # Drawing all of them takes a while.
  first = study_tables.tables(found)[:1]
  monkeypatch.setattr(study_tables, 'tables', lambda unused: first)
  report.main([f'--study={path}', f'--out={folder}'])
  assert (folder / 'tables.md').read_text().endswith(
      typeset.markdown(first[0])
  )
  assert not (folder / 'examples.png').exists(), 'they need the runs'


def test_the_command_refuses_in_one_sentence(tmp_path, capsys):
  with pytest.raises(SystemExit) as stop:
    report.main([f'--study={tmp_path / "no.json"}', f'--out={tmp_path}'])
  assert stop.value.code == 2
  assert 'is not a study' in capsys.readouterr().err
  with pytest.raises(SystemExit):
    report.main([f'--out={tmp_path}'])
  assert 'name its file with --study' in capsys.readouterr().err
