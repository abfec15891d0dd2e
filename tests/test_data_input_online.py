"""Forgeries made online: batches, resume, bounds, no TensorFlow."""

import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from forged_trees import write
import numpy as np
import pytest
import trees

from manloc_jax.data import forge
from manloc_jax.data import prepare
from manloc_jax.data import spec
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import tree
from manloc_jax.data.input import online
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import backend
from manloc_jax.data.storage.prepared_set import PreparedSet

ROOT = pathlib.Path(__file__).parents[1]
OPTIONS = {
    'batch_size': 7,
    'seed': 5,
    'images_per_group': 3,
    'patches_per_image': 5,
    'workers': 1,
}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  root = tmp_path_factory.mktemp('synthetic') / 'tree'
  write(root, workers=1)
  return root


@pytest.fixture(scope='module')
def prepared(root, tmp_path_factory):
  folder = prepare.prepare(
      dataset='synthetic',
      root=root,
      out=tmp_path_factory.mktemp('prepared'),
      seed=0,
      split_rule='given',
      backend='online',
      workers=1,
  )
  return PreparedSet.open(folder)


def take(prepared, count, **options):
  batches = online.train_batches(prepared, **{**OPTIONS, **options})
  return list(itertools.islice(batches, count))


def assert_equal(ours, theirs):
  assert len(ours) == len(theirs)
  for one, other in zip(ours, theirs, strict=True):
    assert one.keys() == other.keys()
    for name in one:
      np.testing.assert_array_equal(one[name], other[name])


def test_evaluation_parts_are_arrays(prepared):
  assert prepared.backend == 'online'
  batches = backend.eval_batches(prepared, 'test', batch_size=8)
  rows = sum(int(batch['weight'].sum()) for batch in batches)
  assert rows == prepared.count('test') > 0


def test_batches_have_their_shape_and_balance(prepared):
  (batch,) = take(
      prepared, 1, batch_size=240, images_per_group=16, patches_per_image=15
  )
  assert batch['image'].shape == (240, 64, 64, 3)
  assert batch['mask'].shape == (240, 64, 64)
  assert batch['label'].dtype == np.int32
  assert batch['weight'].sum() == 240
  assert 0.35 < batch['label'].mean() <= 0.55
  native = batch['mask'].mean(axis=(1, 2)) > 0.125
  # Labels count before the resize of boxes.
  assert (native == batch['label']).mean() > 0.95


def test_resumed_generation_equals_the_uninterrupted_one(prepared):
  # Groups of 15 patches, batches of 7: batches cross groups.
  whole = take(prepared, 9)
  for start in (1, 2, 4, 7):
    assert_equal(take(prepared, 9 - start, start_step=start), whole[start:])
  assert_equal(take(prepared, 9, workers=2), whole)
  other = take(prepared, 1, seed=6)
  assert (other[0]['image'] != whole[0]['image']).any()


def test_processes_have_groups_of_their_own(prepared):
  # One batch is one group here.
  alone = take(prepared, 4, batch_size=15)
  first = take(prepared, 2, batch_size=15, process=(0, 2))
  second = take(prepared, 2, batch_size=15, process=(1, 2))
  assert_equal([first[0], second[0], first[1], second[1]], alone)
  resumed = take(prepared, 1, batch_size=15, process=(1, 2), start_step=1)
  assert_equal(resumed, second[1:])


def test_only_training_photographs_are_forged(prepared, root):
  names = {one.name for one in tree.listed(root, 'train')}
  held_out = {
      name
      for line in synthetic.read_histories(root)
      if line['split'] != 'train'
      for name in line['photographs'].values()
  }
  assert names and not names & held_out


def test_regions_too_small_for_a_label_give_pristine_patches():
  plan = online.Plan((), (96, 96), patches.Sampler(), 1, 4, 0)
  mask = np.zeros((128, 128), np.uint8)
  mask[:10, :10] = 1
  candidates = [patches.candidates(mask, plan.sampler)]
  counts = online._patch_counts(candidates, plan, np.random.default_rng(0))
  assert counts == [(0, 4)]


@pytest.mark.parametrize(
    'options',
    [
        {'images_per_group': 0},
        {'patches_per_image': -1},
        {'images_per_group': 2.5},
        {'seed': -1},
        {'seed': float('nan')},
        {'workers': 0},
        {'batch_size': 0},
        {'start_step': -1},
    ],
)
def test_senseless_settings_are_refused(prepared, options):
  with pytest.raises(spec.DataError, match=next(iter(options)).split('_')[0]):
    take(prepared, 1, **options)


def test_the_tree_is_read_where_it_lies_now(prepared, root, tmp_path):
  whole = take(prepared, 2)
  moved = tmp_path / 'moved'
  shutil.copytree(root, moved)
  aside = root.with_name('aside')
  root.rename(aside)
  try:
    assert_equal(take(prepared, 2, root=moved), whole)
    assert_equal(take(prepared, 2, root=str(moved)), whole)
    for gone in (None, root, tmp_path):
      with pytest.raises(spec.DataError, match='are not in .*data.root'):
        take(prepared, 1, root=gone)
  finally:
    aside.rename(root)


def test_other_sets_are_refused(prepared, root, tmp_path):
  write(tmp_path / 'other', workers=1, counts=(1, 1, 1))
  with pytest.raises(spec.DataError, match='holds other forgeries'):
    take(prepared, 1, root=tmp_path / 'other')
  casia1 = trees.prepared(trees.casia1(tmp_path / 'casia1'), tmp_path)
  with pytest.raises(spec.DataError, match='prepared set of casia1'):
    take(PreparedSet.open(casia1), 1)


def test_broken_photographs_are_told_once(prepared, tmp_path, caplog):
  broken = tmp_path / 'broken.jpg'
  broken.write_bytes(b'none')
  bad = forge.Photograph(broken, 'broken', 'broken')
  listed = (*forge.packaged().listed[:2], bad)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(tree, 'listed', lambda root, split: listed)
    take(prepared, 9)
  (record,) = caplog.records
  assert 'broken.jpg is not an image' in record.getMessage()


@pytest.mark.parametrize('ending', ['closed', 'killed'])
def test_workers_end_with_the_generation(prepared, ending):
  """Generates without TensorFlow; leaves no process behind."""
  code = f"""
import itertools, multiprocessing, os, sys, time
from manloc_jax.data.input import online
from manloc_jax.data.storage.prepared_set import PreparedSet
if __name__ == '__main__':
  prepared = PreparedSet.open({str(prepared.folder)!r})
  batches = online.train_batches(prepared, batch_size=8, seed=0,
      images_per_group=2, patches_per_image=4, workers=2)
  next(batches)
  print(*(p.pid for p in multiprocessing.active_children()), flush=True)
  assert 'tensorflow' not in sys.modules and 'jax' not in sys.modules
  if {ending!r} == 'killed':
    time.sleep(60)
  batches.close()
"""
  script = prepared.folder.parent / f'{ending}.py'
  script.write_text(code)
  with subprocess.Popen(
      [sys.executable, script],
      cwd=ROOT,
      env={**os.environ, 'PYTHONPATH': str(ROOT)},
      stdout=subprocess.PIPE,
      text=True,
  ) as run:
    workers = [int(pid) for pid in run.stdout.readline().split()]
    if ending == 'killed':
      run.send_signal(signal.SIGKILL)
    assert run.wait(30) == (-signal.SIGKILL if ending == 'killed' else 0)
  assert len(workers) == 2
  end = time.monotonic() + 20
  while any(map(_runs, workers)) and time.monotonic() < end:
    time.sleep(0.1)
  assert not any(map(_runs, workers))


def _runs(pid: int) -> bool:
  """Tells whether a process lives, and is no zombie that nobody reaped."""
  try:
    stat = pathlib.Path(f'/proc/{pid}/stat').read_text()
  except FileNotFoundError:
    return False
  return stat.rpartition(')')[2].split()[0] != 'Z'
