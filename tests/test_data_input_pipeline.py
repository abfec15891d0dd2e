"""Batches: exact resume, every example once, padding, processes."""

import itertools

import numpy as np
import pytest
import trees

from manloc_jax.data import spec
from manloc_jax.data.input import pipeline
from manloc_jax.data.storage.prepared_set import PreparedSet

BATCH = 5


@pytest.fixture(scope='module')
def prepared(tmp_path_factory) -> PreparedSet:
  root = tmp_path_factory.mktemp('pipeline')
  folder = trees.prepared(trees.casia1(root / 'casia'), root / 'out')
  return PreparedSet.open(folder)


def take(prepared, num, **options):
  options = {'batch_size': BATCH, 'seed': 0, **options}
  batches = pipeline.train_batches(prepared, **options)
  return list(itertools.islice(batches, num))


def key(batch):
  return [image.tobytes() for image in batch['image']]


def assert_equal(one, other):
  for left, right in zip(one, other, strict=True):
    assert left.keys() == right.keys()
    for name in left:
      np.testing.assert_array_equal(left[name], right[name])


def test_shapes_and_dtypes(prepared):
  (batch,) = take(prepared, 1)
  assert {name: (v.shape, v.dtype.name) for name, v in batch.items()} == {
      'image': ((BATCH, 64, 64, 3), 'uint8'),
      'mask': ((BATCH, 64, 64), 'uint8'),
      'compression': ((BATCH, 8, 8, 34), 'uint8'),
      'label': ((BATCH,), 'int32'),
      'weight': ((BATCH,), 'float32'),
  }


@pytest.mark.parametrize('process', [(0, 1), (1, 2)])
def test_a_resumed_stream_equals_the_unbroken_one(prepared, process):
  steps = prepared.count('train') // process[1] // BATCH
  whole = take(prepared, 2 * steps + 2, process=process)
  for start in (1, steps, steps + 1):
    rest = take(
        prepared, len(whole) - start, start_step=start, process=process
    )
    assert_equal(rest, whole[start:])


def test_epochs_and_seeds_differ(prepared):
  steps = prepared.count('train') // BATCH
  batches = take(prepared, 2 * steps)
  epochs = [
      sum(map(key, part), []) for part in (batches[:steps], batches[steps:])
  ]
  assert epochs[0] != epochs[1]
  # No patch occurs twice before the epoch ends.
  assert all(len(set(epoch)) == len(epoch) for epoch in epochs)
  assert key(take(prepared, 1, seed=1)[0]) != key(batches[0])


@pytest.mark.parametrize('processes', [2, 3])
def test_batches_of_several_processes_are_those_of_one(prepared, processes):
  size = 2
  steps = prepared.count('train') // (size * processes)
  one = take(prepared, 2 * steps, batch_size=size * processes)
  shares = [
      take(prepared, 2 * steps, batch_size=size, process=(i, processes))
      for i in range(processes)
  ]
  together = [
      {name: np.concatenate([x[name] for x in batch]) for name in one[0]}
      for batch in zip(*shares, strict=True)
  ]
  assert_equal(together, one)


@pytest.mark.parametrize('processes', [1, 2, 3])
@pytest.mark.parametrize('batch_size', [7, 1000])
def test_evaluation_sees_every_example_once(prepared, processes, batch_size):
  total = prepared.count('test')
  runs = [
      list(
          pipeline.eval_batches(
              prepared, 'test', batch_size=batch_size, process=(i, processes)
          )
      )
      for i in range(processes)
  ]
  assert len({len(run) for run in runs}) == 1
  rows = []
  for batch in itertools.chain(*runs):
    assert len(batch['weight']) == batch_size
    for i in np.flatnonzero(batch['weight']):
      rows.append((batch['image_index'][i], *batch['box'][i]))
    assert not batch['mask'][batch['weight'] == 0].any()
    assert (batch['compression'][batch['weight'] == 0, ..., 0] == 1).all()
  assert len(rows) == len(set(rows)) == total


def test_a_process_without_examples_still_steps(prepared):
  total = prepared.count('test')
  process = (total, total + 1)
  (batch,) = pipeline.eval_batches(
      prepared, 'test', batch_size=2, process=process
  )
  assert batch['weight'].tolist() == [0, 0]


def test_the_order_of_evaluation_is_fixed(prepared):
  one, other = (
      list(pipeline.eval_batches(prepared, 'val', batch_size=4))
      for _ in range(2)
  )
  assert_equal(one, other)


def test_too_few_patches_are_refused(prepared):
  with pytest.raises(spec.DataError, match='--config.batch_size'):
    take(prepared, 1, batch_size=10_000)
