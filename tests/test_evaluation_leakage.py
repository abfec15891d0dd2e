"""No run is scored on its training images unless that is asked for."""

import functools
import json
import pathlib
import shutil

import numpy as np
from PIL import Image
import pytest
import small
import trees

from manloc_jax import cli
from manloc_jax import evaluation
from manloc_jax import run_config
from manloc_jax.data import spec
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import leakage
from manloc_jax.evaluation import training_images
from manloc_jax.training import network_weights


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
  return trees.casia1(tmp_path_factory.mktemp('casia'))


@pytest.fixture(scope='module')
def workdir(tree, tmp_path_factory):
  """A run on the tree, with its prepared set."""
  out = tmp_path_factory.mktemp('prepared')
  folder = trees.prepared(tree, out)
  run = small.untrained_run(
      tmp_path_factory.mktemp('run') / 'net',
      scale=2.0,
      **{'data.root': str(tree), 'data.prepared': str(out)},
  )
  digest = prepared_set.PreparedSet.open(folder).digest
  (pathlib.Path(run) / run_config.SPLIT).write_text(digest)
  return run


@pytest.fixture
def training(workdir):
  return training_images.training_of('network', workdir)


def folder_of(paths, root) -> evaluation.open_set:
  """Opens a folder with copies of images that are called pristine."""
  root.mkdir()
  rows = ['image,mask']
  for i, path in enumerate(paths):
    shutil.copy(path, root / f'{i}{path.suffix}')
    rows.append(f'{i}{path.suffix},')
  (root / 'images.csv').write_text('\n'.join(rows))
  return evaluation.open_set('folder', root)


def test_the_images_of_a_run(training, tree):
  assert training.dataset == 'casia1' and training.root == tree
  assert len(training.records) == 9 and len(training.test_ids) == 3


def test_without_the_prepared_set_the_tree_is_split_again(
    workdir, training, tmp_path
):
  copy = tmp_path / 'net'
  shutil.copytree(workdir, copy)
  config = json.loads((copy / 'config.json').read_text())
  config['data'] |= {
      'prepared': str(tmp_path),
      'seed': 3,
      'split_rule': 'group',
      'fractions': [0.5, 0.25, 0.25],
  }
  (copy / 'config.json').write_text(json.dumps(config))
  again = training_images.training_of('network', str(copy))
  assert sorted(again.test_ids) == sorted(training.test_ids)
  assert len(again.records) == len(training.records)
  (copy / run_config.SPLIT).write_text('another')
  assert not training_images.training_of('network', str(copy)).records


def test_training_images_are_refused(training, tree):
  every = evaluation.open_set('casia1', tree)
  with pytest.raises(spec.DataError, match='Of 14 images 9 are training or v'):
    leakage.check(training, every, is_allowed=False)
  allowed = leakage.check(training, every, is_allowed=True)
  assert allowed['allowed'] and allowed['images']['image_id'] == 9
  # An authentic image is the base of a training image.
  assert allowed['images']['group'] == 1
  assert len(allowed['image_ids']) == 10
  choose = functools.partial(leakage.choose_test, [training])
  test = evaluation.open_set('casia1', tree, split='test', choose_test=choose)
  # One authentic image is of no training photograph.
  assert [x.mask is None for x in test.records].count(True) == 1
  assert {x.image_id for x in test.records if x.mask} == {*training.test_ids}
  fine = leakage.check(training, test, is_allowed=False)
  assert not fine['allowed'] and not fine['image_ids']
  assert fine['unchecked'] == ''


def test_images_of_a_training_photograph_are_refused(training, tree, tmp_path):
  copy = tmp_path / 'casia'
  shutil.copytree(tree, copy)
  base = training.records[0].image_id.split('_')[4]
  new = trees.splice(copy, base, 'nat0001', 77)
  listed = tmp_path / 'list'
  listed.write_text(new)
  image_set = evaluation.open_set('casia1', copy, split=str(listed))
  with pytest.raises(spec.DataError, match='1 share their photograph'):
    leakage.check(training, image_set, is_allowed=False)


def test_the_same_pixels_under_another_name_are_refused(
    training, tree, tmp_path
):
  known, other = training.records[0].image, tree / 'Au/Au_ani_0000.jpg'
  png = tmp_path / 'copy.png'
  Image.open(known).save(png)  # Other bytes.
  image_set = folder_of([other, png, known], tmp_path / 'theirs')
  with pytest.raises(spec.DataError, match='Of 3 images 2 are training'):
    leakage.check(training, image_set, is_allowed=False)


def test_near_duplicates_are_noted(training, tmp_path):
  smooth = np.kron(
      np.random.default_rng(0).integers(0, 256, (4, 6, 3)), np.ones((32, 32, 1))
  ).astype(np.uint8)
  trees.save(tmp_path / 'trained.png', smooth)
  Image.fromarray(smooth).save(tmp_path / 'resaved.jpg', quality=60)
  record = spec.Record('x', tmp_path / 'trained.png', None, 'x', 'none')
  made = training_images.Training('casia1', '', records=[record])
  image_set = folder_of([tmp_path / 'resaved.jpg'], tmp_path / 'theirs')
  found = leakage.check(made, image_set, is_allowed=False)
  assert found['near_duplicates'] == 1 and not found['image_ids']


def test_what_cannot_be_checked_is_said(tree, tmp_path):
  unknown = training_images.Training('casia1', 'x')
  image_set = evaluation.open_set('casia1', tree)
  found = leakage.check(unknown, image_set, is_allowed=False)
  assert 'not at hand' in found['unchecked']
  gone = spec.Record('x', tmp_path / 'gone.png', None, 'x', 'none')
  unread = training_images.Training('casia1', 'x', records=[gone])
  found = leakage.check(unread, image_set, is_allowed=False)
  assert '1 training images could not be read' in found['unchecked']


def test_exported_weights_know_their_images(workdir, training, tree, tmp_path):
  copy = tmp_path / 'net'
  shutil.copytree(workdir, copy)
  config = json.loads((copy / 'config.json').read_text())
  config['data'] |= {'seed': 3, 'split_rule': 'group'}
  config['data'] |= {'fractions': [0.5, 0.25, 0.25]}
  (copy / 'config.json').write_text(json.dumps(config))
  path = tmp_path / 'weights.safetensors'
  network_weights.save(path, network_weights.of_run(str(copy)))
  made = training_images.training_of('network', str(path))
  assert made.dataset == 'casia1' and not made.records
  every = evaluation.open_set('casia1', tree)
  with pytest.raises(spec.DataError, match='Of 14 images 9 are training'):
    leakage.check(made, every, is_allowed=False)


def test_packaged_weights_know_their_set():
  made = training_images.training_of('fusion', None)
  assert made.dataset == 'synthetic' and made.split_digest
  assert training_images.training_of('ela', None) is None
  assert training_images.training_of('maps', 'somewhere') is None


def test_folders_of_one_name_are_not_one_set(tmp_path):
  image = tmp_path / 'a/0.png'
  trees.save(image, trees.photograph(5))
  record = spec.Record('0', image, None, '0.png', 'none')
  made = training_images.Training(
      'folder', '', records=[record], root=tmp_path / 'a'
  )
  trees.save(tmp_path / 'b.png', trees.photograph(6))
  image_set = folder_of([tmp_path / 'b.png'], tmp_path / 'theirs')
  assert image_set.records[0].image_id == '0'
  assert not leakage.check(made, image_set, is_allowed=False)['image_ids']


@pytest.mark.slow
def test_the_command_refuses_and_allows(workdir, tree, tmp_path, capsys):
  command = [
      'evaluate', f'--workdir={workdir}', f'--data=casia1={tree}',
      f'--out={tmp_path}', '--workers=1',
  ]  # fmt: skip
  assert cli.main(command) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert '9 are training' in line and '--split=test' in line
  assert cli.main([*command, '--split=test', '--method=network,ela']) == 0
  out = capsys.readouterr().out
  assert 'network-net  3 ' in out and 'ela          3 ' in out
  assert cli.main([*command, '--allow_leakage']) == 0
  assert 'network-net (LEAKAGE)' in capsys.readouterr().out
  result = json.loads((tmp_path / 'casia1/network-net.json').read_text())
  assert result['leakage']['images']['image_id'] == 9
