"""The record format: round trip, tfds, damaged shards."""

import errno
import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds
import trees

from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.input import pipeline
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import records
from manloc_jax.data.storage.prepared_set import PreparedSet


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> pathlib.Path:
  root = tmp_path_factory.mktemp('records')
  return trees.prepared(trees.casia1(root / 'casia'), root / 'out')


def copy(folder, target):
  target.mkdir()
  for path in folder.iterdir():
    (target / path.name).write_bytes(path.read_bytes())
  return target


def test_round_trip():
  image = trees.photograph(0, (64, 64))
  mask = (image[..., 0] > 9).astype(np.uint8)
  told = np.arange(8 * 8 * 34).astype(np.uint8).reshape(8, 8, 34)
  patch = spec.Patch(image, mask, 1, (5, 6, 70, 80), 'slide', told)
  parsed = records.parse([records.serialize(patch, 'näme', 7)] * 3)
  np.testing.assert_array_equal(parsed['image'], np.stack([image] * 3))
  np.testing.assert_array_equal(parsed['mask'], np.stack([mask] * 3))
  np.testing.assert_array_equal(parsed['compression'], np.stack([told] * 3))
  assert parsed['box'].numpy().tolist() == [[5, 6, 70, 80]] * 3
  assert parsed['label'].numpy().tolist() == [1] * 3
  assert parsed['image_index'].numpy().tolist() == [7] * 3
  assert parsed['image_id'][0].numpy().decode() == 'näme'
  assert patches.SOURCES[parsed['source'][0]] == 'slide'


def test_tensorflow_datasets_opens_the_folder(folder):
  builder = tfds.builder_from_directory(folder)
  found = list(tfds.as_numpy(builder.as_dataset(split='test_grid')))
  ids = PreparedSet.open(folder).image_ids('test_grid')
  assert len(found) == PreparedSet.open(folder).count('test_grid')
  for example in found:
    assert ids[example['image_index']] == example['image_id'].decode()
    assert example['image'].shape == (64, 64, 3)


@pytest.mark.parametrize('name', sorted(datasets.DATASETS))
def test_tensorflow_datasets_knows_what_it_opens(folder, tmp_path, name):
  parts = manifest.read(folder)['splits']
  dataset = datasets.get(name)
  shards = {part: content['shards'] for part, content in parts.items()}
  for shard in sum(shards.values(), []):
    (tmp_path / shard['name'].replace('casia1', name)).touch()
  records.write_metadata(tmp_path, dataset, shards)
  info = tfds.builder_from_directory(tmp_path).info
  assert info.name == name
  assert info.citation == dataset.citation
  assert info.description == dataset.description
  if dataset.homepage:  # `folder` is whatever its user has.
    assert info.homepage == dataset.homepage
  assert {part: split.num_examples for part, split in info.splits.items()} == {
      part: content['num_patches'] for part, content in parts.items()
  }
  assert set(info.features) == set(records.FEATURES)
  assert info.features['label'].names == list(records.LABELS)
  assert info.features['source'].names == list(patches.SOURCES)


@pytest.mark.parametrize('keep', [0.5, 0])
def test_a_shard_of_another_size_is_refused(folder, tmp_path, keep):
  broken = copy(folder, tmp_path / 'broken')
  shard = sorted(broken.glob('*train*'))[1]
  content = shard.read_bytes()
  shard.write_bytes(content[: int(len(content) * keep)])
  with pytest.raises(spec.DataError, match=f'{shard.name}.*delete'):
    batches = pipeline.train_batches(
        PreparedSet.open(broken), batch_size=2, seed=0
    )
    next(batches)


def test_a_missing_shard_is_refused(folder, tmp_path):
  broken = copy(folder, tmp_path / 'broken')
  sorted(broken.glob('*val*'))[0].unlink()
  with pytest.raises(spec.DataError, match='is missing'):
    next(pipeline.eval_batches(PreparedSet.open(broken), 'val', batch_size=2))


def test_flipped_bytes_are_refused(folder, tmp_path):
  broken = copy(folder, tmp_path / 'broken')
  shard = sorted(broken.glob('*train*'))[2]
  content = bytearray(shard.read_bytes())
  content[len(content) // 2] ^= 0xFF
  shard.write_bytes(content)
  with pytest.raises(spec.DataError, match=f'{shard.name} is damaged.*delete'):
    list(pipeline.eval_batches(PreparedSet.open(broken), 'train', batch_size=4))


def test_a_foreign_folder_is_refused(tmp_path):
  with pytest.raises(spec.DataError, match='no prepared folder'):
    PreparedSet.open(tmp_path)


def test_an_unknown_split_is_refused(folder):
  with pytest.raises(spec.DataError, match="no split 'tset'"):
    PreparedSet.open(folder).count('tset')


def test_a_full_disk_is_an_os_error(tmp_path):
  writer = records.SplitWriter(tmp_path, 'x', 'train', 1)
  writer._paths = [pathlib.Path('/dev/full')]
  patch = spec.Patch(
      trees.photograph(0, (64, 64)), np.zeros((64, 64), np.uint8), 0,
      (0, 0, 64, 64), 'window', np.ones((8, 8, 34), np.uint8),
  )
  with pytest.raises(OSError) as caught, writer:
    for _ in range(20):
      writer.write(patch, 'a', 0)
  assert caught.value.errno == errno.ENOSPC


def _masked(crc: int) -> int:
  return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc32c(data: bytes) -> int:
  crc = 0xFFFFFFFF
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
  return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize('length', [2**33, 2**62, 10**6])
def test_no_length_of_a_record_is_believed(folder, tmp_path, length):
  """Its checksum is right, so that TensorFlow would take the memory."""
  prepared = PreparedSet.open(copy(folder, tmp_path / 'set'))
  path = prepared.shard_paths('test')[0]
  size = path.stat().st_size
  head = length.to_bytes(8, 'little')
  head += _masked(_crc32c(head)).to_bytes(4, 'little')
  assert _masked(_crc32c(path.read_bytes()[:8])) == int.from_bytes(
      path.read_bytes()[8:12], 'little'
  )
  path.write_bytes(head + bytes(size - len(head)))
  with pytest.raises(spec.DataError, match=f'a record of {length:,} bytes'):
    next(iter(pipeline.eval_batches(prepared, 'test', batch_size=4)))
  with pytest.raises(spec.DataError, match='a record of'):
    records.check_lengths(path)


def test_shards_that_end_early_are_refused(folder, tmp_path):
  prepared = PreparedSet.open(copy(folder, tmp_path / 'set'))
  path = prepared.shard_paths('train')[0]
  records.check_lengths(path)
  path.write_bytes(path.read_bytes()[:-1])
  with pytest.raises(spec.DataError, match='damaged'):
    records.check_lengths(path)
