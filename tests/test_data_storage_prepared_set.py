"""A prepared set is read once, and its methods answer from memory."""

import json
import pathlib
import shutil

import pytest

from manloc_jax.benchmarks import random_set
from manloc_jax.data import spec
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage.prepared_set import PreparedSet

OLD = pathlib.Path(__file__).parent / 'fixtures/version_0_1/prepared'


@pytest.fixture
def prepared():
  return PreparedSet.open(OLD / 'folder-random-c0bb84410382')


def test_the_manifest_is_read_once(tmp_path, monkeypatch):
  prepared = random_set.write(
      tmp_path / 'set', 'train', patches=6, backend='memory', num_shards=1
  )
  monkeypatch.delattr(manifest, 'read')
  (batch,) = backend.eval_batches(prepared, 'train', batch_size=6)
  assert len(batch['image']) == prepared.count('train')


def test_its_images_have_records(prepared):
  assert len(prepared.image_ids('train')) == len(prepared.records('train', '/'))


def test_it_names_what_version_0_1_called_otherwise(prepared):
  assert prepared.manifest['settings']['source'] == 'resident'
  assert prepared.backend == backend_names.MEMORY
  assert backend_names.of_settings({}) == backend_names.TFRECORD
  assert prepared.facts('test')['training_patches'] == 6


def test_what_is_not_there_is_named(prepared, tmp_path):
  with pytest.raises(spec.DataError, match="no split 'tset'; choose .*train"):
    prepared.count('tset')
  with pytest.raises(spec.DataError, match='lower --config.batch_size'):
    prepared.epoch_steps('train', batch_size=1000)
  with pytest.raises(spec.DataError, match='no prepared folder'):
    PreparedSet.open(tmp_path)


@pytest.mark.parametrize(
    'name',
    ['../train-image.npy', '/etc/passwd', '..', '', 'a/b', 'a\0b', 'é\n'],
)
def test_shards_lie_in_their_folder(name, tmp_path):
  folder = tmp_path / 'set'
  shutil.copytree(OLD / 'folder-random-c0bb84410382', folder)
  content = json.loads((folder / manifest.FILE).read_text())
  content['splits']['train']['shards'][0]['name'] = name
  (folder / manifest.FILE).write_text(json.dumps(content))
  with pytest.raises(spec.DataError, match='is no name of a file'):
    PreparedSet.open(folder)


def test_images_lie_below_their_root(tmp_path):
  folder = tmp_path / 'set'
  shutil.copytree(OLD / 'folder-random-c0bb84410382', folder)
  content = json.loads((folder / manifest.FILE).read_text())
  content['splits']['train']['images'][0]['image'] = '../../etc/passwd'
  (folder / manifest.FILE).write_text(json.dumps(content))
  prepared = PreparedSet.open(folder)
  with pytest.raises(spec.DataError, match='passwd.*lies outside'):
    prepared.records('train', tmp_path / 'tree')
  assert prepared.records('train', tmp_path / 'tree', allow_outside=True)
