"""Files of weights, of the fusion and of networks, and hostile ones."""

import dataclasses
import json
import os
import pickle

import numpy as np
import pytest
from safetensors import numpy as safetensors_numpy
import small
import test_localization_fusion

from manloc_jax import checkpoint
from manloc_jax import errors
from manloc_jax import models
from manloc_jax import pretrained
from manloc_jax.data import compression
from manloc_jax.localization.fusion import weights as fusion_weights
from manloc_jax.training import network_weights
from manloc_jax.training import weight_files

LOADERS = {'fusion': fusion_weights.load, 'network': network_weights.load}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
  """One file of weights of each kind."""
  folder = tmp_path_factory.mktemp('files')
  paths = {kind: folder / f'{kind}.safetensors' for kind in LOADERS}
  fusion = test_localization_fusion.random_weights()
  fusion_weights.save(paths['fusion'], fusion)
  run = small.untrained_run(folder / 'run', **{'model.lstm_hidden': (4, 256)})
  network_weights.save(paths['network'], network_weights.of_run(run))
  return paths


def with_facts(content: bytes, **changes) -> bytes:
  """Returns the bytes of a weights file with other facts."""
  size = int.from_bytes(content[:8], 'little')
  header = json.loads(content[8 : 8 + size])
  facts = json.loads(header['__metadata__']['manloc']) | changes
  return with_text(content, json.dumps(facts))


def with_text(content: bytes, facts: str) -> bytes:
  """Returns the bytes of a weights file with a text in place of its facts."""
  size = int.from_bytes(content[:8], 'little')
  header = json.loads(content[8 : 8 + size])
  header['__metadata__']['manloc'] = facts
  text = json.dumps(header).encode()
  return len(text).to_bytes(8, 'little') + text + content[8 + size :]


def with_tensors(content: bytes, change) -> bytes:
  """Returns the bytes of a weights file after `change(tensors)`."""
  size = int.from_bytes(content[:8], 'little')
  metadata = json.loads(content[8 : 8 + size])['__metadata__']
  tensors = safetensors_numpy.load(content)
  change(tensors)
  return safetensors_numpy.save(tensors, metadata=metadata)


def add_deep(tensors) -> None:
  tensors['params' + 2000 * '/x'] = np.zeros(1, np.float32)


def diverge(tensors) -> None:
  name = max(tensors)
  tensors[name] = np.full_like(tensors[name], np.nan)


_NOT_WEIGHTS = 'does not hold the weights of a {kind}'
_MODEL = 'does not hold the model'


def _assert_refused(kind, content, words, folder):
  bad = folder / 'bad.safetensors'
  bad.write_bytes(content)
  match = f'bad.safetensors.* {words.format(kind=kind)}'
  with pytest.raises(errors.UserError, match=match) as error:
    LOADERS[kind](bad)
  assert '\n' not in str(error.value)
  assert len(str(error.value)) < 700


@pytest.mark.parametrize('kind', LOADERS)
@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda content: b'', _NOT_WEIGHTS),
        (lambda content: pickle.dumps({'params': 1}), _NOT_WEIGHTS),
        (
            lambda content: safetensors_numpy.save({'params/x': np.zeros(3)}),
            _NOT_WEIGHTS,
        ),
        (lambda content: content[:-100], _NOT_WEIGHTS),
        (lambda content: with_text(content, '3'), _NOT_WEIGHTS),
        (lambda content: with_text(content, 9**5 * '['), _NOT_WEIGHTS),
        (lambda content: with_facts(content, model=3), _NOT_WEIGHTS),
        (lambda content: with_facts(content, origin=3), _NOT_WEIGHTS),
        (lambda content: with_facts(content, threshold=None), _NOT_WEIGHTS),
        (lambda content: with_facts(content, threshold=10**400), _NOT_WEIGHTS),
        (
            lambda content: with_facts(content, threshold=float('nan')),
            _NOT_WEIGHTS,
        ),
        (
            lambda content: with_facts(content, format='manloc 9\n' * 99),
            'has the format .manloc 9',
        ),
        (lambda content: with_tensors(content, add_deep), _MODEL),
        (lambda content: with_tensors(content, dict.popitem), _MODEL),
        (lambda content: with_tensors(content, diverge), 'not finite'),
        (lambda content: content + bytes(64_000_000), 'is larger than'),
    ],
)
def test_foreign_files_are_refused_in_a_sentence(
    change, words, kind, files, tmp_path
):
  content = files[kind].read_bytes()
  _assert_refused(kind, change(content), words, tmp_path)


@pytest.mark.parametrize(
    ('facts', 'words'),
    [
        ({'model': {'width': -1, 'dilations': [1]}}, _NOT_WEIGHTS),
        ({'model': {'width': 8, 'dilations': [40]}}, _NOT_WEIGHTS),
        ({'model': {'width': 9, 'dilations': [1, 1, 2, 4]}}, _MODEL),
        ({'evidence': ['luma']}, 'was written for other features'),
    ],
)
def test_foreign_facts_of_a_fusion_are_refused(facts, words, files, tmp_path):
  content = with_facts(files['fusion'].read_bytes(), **facts)
  _assert_refused('fusion', content, words, tmp_path)


@pytest.mark.parametrize(
    ('facts', 'words'),
    [
        ({'threshold': True}, _NOT_WEIGHTS),
        ({'threshold_from': 'a friend'}, _NOT_WEIGHTS),
        ({'threshold_from': {}}, _NOT_WEIGHTS),
        ({'smooth_sigma': -1}, _NOT_WEIGHTS),
        ({'smooth_sigma': 'x'}, _NOT_WEIGHTS),
        ({'smooth_sigma': float('inf')}, _NOT_WEIGHTS),
        ({'origin': {}}, _NOT_WEIGHTS),
        ({'origin': {'step': 1, 'data': 3}}, _NOT_WEIGHTS),
    ],
)
def test_foreign_facts_of_a_network_are_refused(facts, words, files, tmp_path):
  content = with_facts(files['network'].read_bytes(), **facts)
  _assert_refused('network', content, words, tmp_path)


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('network', 'unet', "describes no network .*'unet'"),
        ('network', [], 'describes no network'),
        ('kinds', {'conv_lstm': 'os.system'}, 'describes no network'),
        ('widht', 3, 'describes no network .*widht'),
        ('conv1_filters', 'four', 'describes no network .*conv1_filters'),
        ('conv1_filters', 10**12, 'describes no network .*beyond 4096'),
        ('kernel', 1023, 'describes no network .*beyond 64'),
        ('lstm_hidden', 99 * [4], 'describes no network .*longer than 64'),
        ('lstm_hidden', [10**9, 256], 'describes no network .*beyond 4096'),
        ('lstm_input', 9**5 * 'dct+', 'describes no network .*longer'),
        ('dtype', 9**5 * 'f', 'describes no network .*longer'),
        ('conv3_filters', 5, _MODEL),
        ('lstm_hidden', [4096, 4096, 256], _MODEL),
    ],
)
def test_foreign_models_are_refused(field, value, words, files, tmp_path):
  content = files['network'].read_bytes()
  model = network_weights.load(files['network']).fields | {field: value}
  content = with_facts(content, model=model)
  _assert_refused('network', content, words, tmp_path)


def test_parameters_of_a_network_are_float32(files, tmp_path):
  def change(tensors):
    tensors.update({k: x.astype(np.float64) for k, x in tensors.items()})

  content = with_tensors(files['network'].read_bytes(), change)
  _assert_refused('network', content, _NOT_WEIGHTS, tmp_path)


@pytest.mark.parametrize('kind', LOADERS)
def test_what_is_no_file_of_weights_is_refused(kind, files, tmp_path):
  os.mkfifo(tmp_path / 'pipe')
  for path, words in (
      (tmp_path / 'missing', 'There is no file .*missing'),
      (files[kind] / 'below', 'There is no file .*below'),
      (tmp_path, 'no regular file'),
      (tmp_path / 'pipe', 'no regular file'),
      (tmp_path / ('x' * 300), 'cannot be read .File name too long'),
  ):
    for load in (LOADERS[kind], weight_files.read_kind):
      with pytest.raises(errors.UserError, match=words):
        load(path)


def test_files_say_what_they_are_of(files, tmp_path):
  for kind, path in files.items():
    assert weight_files.read_kind(path).method == kind
  other = tmp_path / 'other.safetensors'
  content = files['network'].read_bytes()
  other.write_bytes(with_facts(content, format='manloc network 9'))
  with pytest.raises(errors.UserError, match="format 'manloc network 9'"):
    weight_files.read_kind(other)
  with pytest.raises(errors.UserError, match='name a file that manloc fusion'):
    fusion_weights.load(files['network'])


def test_the_packaged_fusion_is_written_byte_for_byte(tmp_path):
  path = tmp_path / 'fusion.safetensors'
  fusion_weights.save(path, fusion_weights.load(pretrained.FUSION))
  assert path.read_bytes() == pretrained.FUSION.read_bytes()


def test_what_could_not_be_read_is_not_written(files, tmp_path, monkeypatch):
  weights = network_weights.load(files['network'])
  path = tmp_path / 'a.safetensors'
  monkeypatch.setattr(weight_files, '_MAX_BYTES', 1000)
  with pytest.raises(errors.UserError, match='take a smaller network'):
    network_weights.save(path, weights)
  assert not any(tmp_path.iterdir())


def test_a_network_comes_back(files, tmp_path):
  loaded = network_weights.load(files['network'])
  path = tmp_path / 'again.safetensors'
  network_weights.save(path, loaded)
  assert path.read_bytes() == files['network'].read_bytes()
  changed = dataclasses.replace(
      loaded, threshold=0.25, threshold_from='validation'
  )
  network_weights.save(path, changed)
  assert network_weights.load(path).threshold == 0.25


def test_a_file_is_loaded_for_analysis_as_a_run_is(files):
  run = checkpoint.load(str(files['network']))
  weights = network_weights.load(files['network'])
  assert network_weights.digest(run.params) == network_weights.digest(
      weights.params
  )
  assert models.make(run.config) == run.model
  assert (run.step, run.config.data.name) == (
      weights.provenance['step'], weights.provenance['data']['name']
  )
  with pytest.raises(errors.UserError, match='leave the step out'):
    checkpoint.load(str(files['network']), step=3)


def test_the_packaged_network_is_loaded_by_its_name():
  run = checkpoint.load('pretrained')
  windows = np.zeros((2, 64, 64, 3), np.uint8)
  found = run.features(windows, np.tile(compression.NONE, (2, 1, 1, 1)))
  assert found.outputs[2].shape == (2, 64, 64)
