"""Studies: runs of the paper's systems gathered, and refused."""

import json

import numpy as np
import pytest
import studies
from studies import markdown
from studies import write_fusion
from studies import write_method
from studies import write_run

from configs import ablation
from manloc_jax import errors
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import score_columns
from manloc_jax.reports.study import study


def test_seeds_are_averaged(members):
  content = studies.collect(members)
  entry = content['datasets']['nist16']['systems'][paper.JOINT]
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
  at = np.searchsorted(content['fpr'], 0.25)
  for tpr in part['roc']['patch']:
    assert tpr[at] == pytest.approx(0.2 + 1.2 * content['fpr'][at], abs=1e-4)


def test_a_single_task_has_one_curve(members):
  part = score_columns.find_split(
      studies.collect(members), 'nist16', 'p-conv-lstm', 'test'
  )
  assert part['roc'].keys() == {'patch'}
  assert 'pixel_auc_pooled' not in part['mean']


def test_a_file_holds_the_study_and_stays_small(tmp_path):
  tree = tmp_path / 'runs'
  members = [
      write_run(tree, system, seed, 0.7)
      for system in ablation.SYSTEMS
      for seed in range(3)
  ]
  content = studies.collect(members)
  path = tmp_path / 'study.json'
  study.write(path, content)
  assert study.read(path) == json.loads(json.dumps(content))
  assert path.stat().st_size < 300_000
  assert path.read_text().count('\n') < 10_000, 'a line per list'


def test_a_name_over_other_settings_is_refused(tmp_path):
  def change(result):
    result['config']['model']['conv1_filters'] = 64

  with pytest.raises(errors.UserError, match='conv1_filters is 64'):
    write_run(tmp_path, 'conv1-8f', 0, 0.8, change=change)
  change = lambda r: r['config']['model'].update(lstm_hidden=[64, 64, 64])
  with pytest.raises(errors.UserError, match='called j-conv-lstm-conv, but'):
    write_run(tmp_path, paper.JOINT, 0, 0.8, change=change)


def test_runs_that_differ_in_more_than_the_seed_are_refused(tmp_path, members):
  def change(result):
    result['config']['optim']['learning_rate'] = 0.5

  other = write_run(tmp_path, paper.JOINT, 7, 0.8, change=change)
  match = r'more than their seed: optim.learning_rate \(0.0001 and 0.5\)'
  with pytest.raises(errors.UserError, match=match):
    studies.collect([*members, other])


def test_a_seed_that_comes_twice_is_refused(tmp_path, members):
  other = write_run(tmp_path / 'again', paper.JOINT, 0, 0.8)
  with pytest.raises(errors.UserError, match='with seed 0; leave out'):
    studies.collect([*members, other])


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
  with pytest.raises(errors.UserError, match=match):
    other = write_run(tmp_path, 'conv1-8f', 0, 0.8, change=change)
    studies.collect([*members, other])


def test_another_label_threshold_labels_other_patches(tmp_path, members):
  change = lambda r: r['counts'].update(
      patches_pristine=80, patches_manipulated=20
  )
  other = write_run(tmp_path, 'iou-0.5', 0, 0.8, change=change)
  text = markdown(studies.collect([*members, other]), 'table4')
  assert '| all pristine (IoU-0.5) |' in text
  assert '| manipulated fraction (IoU-0.125) | – | – | 40.0% |' in text
  assert '| manipulated fraction (IoU-0.5) | – | – | 20.0% |' in text


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
  assert 'fine-tuned' in markdown(studies.collect(members), 'runs')


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
    studies.collect([])
  for text in ('{', '{}', '[]'):
    (tmp_path / 'no.json').write_text(text)
    with pytest.raises(errors.UserError, match='is not a study'):
      study.read(tmp_path / 'no.json')


def test_classical_methods_stand_beside_systems(tmp_path, members):
  ela = write_method(tmp_path, 'ela', 0.43)
  dct = write_method(tmp_path, 'dct', 0.6, dataset='coverage', left_out=3)
  content = studies.collect([ela, *members, dct])
  entry = content['datasets']['nist16']
  assert entry['methods'].keys() == {'ela'}
  assert entry['systems'] == studies.collect(members)['datasets']['nist16'][
      'systems'
  ]
  part = entry['methods']['ela']['splits']['test_images']
  assert part['mean']['pixel_auc_pooled'] == 0.43
  assert part['val_threshold'] == 1e-9
  assert content['datasets']['coverage']['systems'] == {}
  path = tmp_path / 'study.json'
  study.write(path, content)
  assert study.read(path) == json.loads(json.dumps(content))


def test_the_fusion_is_told_by_what_it_was_trained_on(tmp_path, members):
  ours = [write_fusion(tmp_path, 0.8 + s / 50, seed=s) for s in (1, 0)]
  other = write_fusion(tmp_path, 0.7, data='casia1')
  content = studies.collect([*ours, other, *members])
  fusions = content['datasets']['nist16']['fusions']
  assert fusions.keys() == {'synthetic', 'casia1'}
  assert [one['seed'] for one in fusions['synthetic']['training']] == [0, 1]
  part = fusions['synthetic']['splits']['test_images']
  assert part['scores']['pixel_auc_pooled'] == [0.8, 0.82]
  text = markdown(content, 'table6')
  assert '| Fusion, trained on forged photographs | – | 0.810 ± 0.014' in text
  assert '| Fusion, trained on the training split of casia1 | – | 0.700' in text
  with pytest.raises(errors.UserError, match='one more of the fusion'):
    studies.collect([*ours, ours[0]])
  leaking = write_fusion(tmp_path, 0.9, data='nist16')
  leaking.first['detector']['training']['split_digest'] = 'another'
  with pytest.raises(errors.UserError, match='trained on nist16, split in an'):
    studies.collect([leaking])


def test_methods_on_other_images_or_twice_are_refused(tmp_path, members):
  change = lambda r: r.update(prepared='of others')
  other = write_method(tmp_path, 'ela', 0.43, change=change)
  with pytest.raises(errors.UserError, match='scored on different images'):
    studies.collect([*members, other])
  twice = [write_method(tmp_path / x, 'dct', 0.5) for x in 'ab']
  with pytest.raises(errors.UserError, match='one more of dct on nist16'):
    studies.collect(twice)
