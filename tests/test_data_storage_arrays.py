"""The array format: the patches of the shards, damage, exact evaluation."""

import copy
import errno
import itertools
import pathlib
import shutil

import numpy as np
import pytest
import trees

from manloc_jax.data import spec
from manloc_jax.data.storage import arrays
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import records
from manloc_jax.data.storage.prepared_set import PreparedSet

SHARDS = 3


@pytest.fixture(scope='module')
def sets(tmp_path_factory) -> dict[str, PreparedSet]:
  """The same set in both formats."""
  root = tmp_path_factory.mktemp('arrays')
  tree = trees.casia1(root / 'casia')
  return {
      name: PreparedSet.open(
          trees.prepared(
              tree, root / 'out', backend=name, num_shards=SHARDS
          )
      )
      for name in ('tfrecord', 'memory')
  }


@pytest.fixture
def prepared(sets) -> PreparedSet:
  return sets['memory']


def whole(prepared, split):
  """Returns a split as one batch, read by the reader of its backend."""
  (batch,) = backend.eval_batches(
      prepared, split, batch_size=prepared.count(split)
  )
  return batch


@pytest.mark.parametrize('split', [*spec.SPLITS, 'test_grid'])
def test_both_formats_hold_the_same_patches_in_the_same_order(sets, split):
  assert {name: one.backend for name, one in sets.items()} == {
      'tfrecord': 'tfrecord',
      'memory': 'memory',
  }
  shards, plain = whole(sets['tfrecord'], split), arrays.load(
      sets['memory'], split
  )
  assert shards.keys() == {*plain, 'weight'}
  for name, array in plain.items():
    # Shards are dealt out in turn and read one after another.
    dealt = np.concatenate([array[i::SHARDS] for i in range(SHARDS)])
    assert dealt.dtype == shards[name].dtype
    np.testing.assert_array_equal(dealt, shards[name])


def test_manifests_differ_in_files_only(sets):
  one, other = (
      copy.deepcopy(prepared.manifest) for prepared in sets.values()
  )
  assert one['split_digest'] == other['split_digest']
  assert one['rejected'] == other['rejected']
  for name, part in one['splits'].items():
    for key in part.keys() - {'shards'}:
      assert part[key] == other['splits'][name][key], key
  # The names of version 0.1, which the hashes of folders hold.
  assert one['settings'].pop('source') == 'tfrecord'
  assert other['settings'].pop('source') == 'resident'
  assert one['settings'] == other['settings']


@pytest.mark.parametrize('processes', [1, 2, 3])
@pytest.mark.parametrize('batch_size', [7, 1000])
def test_evaluation_reads_what_shards_give(prepared, processes, batch_size):
  everything = arrays.load(prepared, 'test')
  runs = [
      list(
          backend.eval_batches(
              prepared, 'test', batch_size=batch_size, process=(i, processes)
          )
      )
      for i in range(processes)
  ]
  assert len({len(run) for run in runs}) == 1
  for run in runs:
    for batch in run:
      assert all(len(value) == batch_size for value in batch.values())
      padding = batch['weight'] == 0
      assert not batch['image'][padding].any()
      assert (batch['compression'][padding, ..., 0] == 1).all()
  in_order = [run[k] for k in range(len(runs[0])) for run in runs]
  real = np.concatenate([batch['weight'] for batch in in_order]) > 0
  for name, array in everything.items():
    read = np.concatenate([batch[name] for batch in in_order])[real]
    np.testing.assert_array_equal(read, array)


def test_a_process_without_patches_still_steps(sets):
  total = sets['memory'].count('test')
  options = {'batch_size': 2, 'process': (total, total + 1)}
  for prepared in sets.values():
    (batch,) = backend.eval_batches(prepared, 'test', **options)
    assert batch['weight'].tolist() == [0, 0]


def test_a_split_may_be_empty(tmp_path):
  with arrays.SplitWriter(tmp_path, 'val') as writer:
    pass
  split = {'num_patches': 0, 'shards': writer.shards}
  content = {'format_version': manifest.FORMAT_VERSION}
  empty = PreparedSet(tmp_path, {**content, 'splits': {'val': split}})
  assert list(arrays.eval_batches(empty, 'val', batch_size=2)) == []


@pytest.mark.parametrize('name', arrays.FIELDS)
@pytest.mark.parametrize(
    'spoil, words',
    [
        (lambda content: content[:-1], 'has .* bytes and should have'),
        (lambda content: b'', 'has 0 bytes'),
        (lambda content: None, 'is missing'),
        (lambda content: b'\0' + content[1:], 'is damaged'),
        (lambda content: content.replace(b'(', b'[', 1), 'is damaged'),
        (lambda content: content.replace(b'shape', b'shade', 1), 'is damaged'),
    ],
)
def test_a_spoilt_file_is_refused(prepared, tmp_path, name, spoil, words):
  broken = tmp_path / 'broken'
  shutil.copytree(prepared.folder, broken)
  path = broken / f'val-{name}.npy'
  content = path.read_bytes()
  spoilt = spoil(content)
  path.unlink() if spoilt is None else path.write_bytes(spoilt)
  with pytest.raises(spec.DataError, match=f'{path.name} {words}.*delete'):
    next(
        backend.eval_batches(PreparedSet.open(broken), 'val', batch_size=2)
    )


def test_no_byte_of_a_header_can_be_spoilt_unseen(prepared, tmp_path):
  broken = tmp_path / 'broken'
  shutil.copytree(prepared.folder, broken)
  path = broken / 'val-box.npy'
  content = path.read_bytes()
  for at, flip in itertools.product(range(128), (0x01, 0x20, 0xFF)):
    spoilt = bytearray(content)
    spoilt[at] ^= flip
    path.write_bytes(spoilt)
    try:
      read = arrays.load(PreparedSet.open(broken), 'val')['box']
    except spec.DataError:
      continue
    np.testing.assert_array_equal(read, arrays.load(prepared, 'val')['box'])


def test_a_full_disk_is_an_os_error(tmp_path):
  writer = arrays.SplitWriter(tmp_path, 'train')
  writer._paths['image'] = pathlib.Path('/dev/full')
  patch = spec.Patch(
      trees.photograph(0, (64, 64)), np.zeros((64, 64), np.uint8), 0,
      (0, 0, 64, 64), 'window', np.ones((8, 8, 34), np.uint8),
  )
  with pytest.raises(OSError) as caught, writer:
    for _ in range(20):
      writer.write(patch, 'a', 0)
  assert caught.value.errno == errno.ENOSPC


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
  def fill_up(*unused):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(arrays.SplitWriter, 'write', fill_up)
  monkeypatch.delattr(records.SplitWriter, 'write')  # Would be an error.
  tree = trees.casia1(tmp_path / 'casia')
  with pytest.raises(spec.DataError, match='disk .* is full'):
    trees.prepared(tree, tmp_path / 'out', backend='memory')
  assert list((tmp_path / 'out').iterdir()) == []


def test_an_unknown_backend_is_refused(tmp_path):
  tree = trees.casia1(tmp_path / 'casia', forged=1)
  with pytest.raises(spec.DataError, match="'disk'.*tfrecord, memory"):
    trees.prepared(tree, tmp_path / 'out', backend='disk')
