"""Runs that cannot be loaded say why in one sentence."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
from orbax import checkpoint as ocp
import pytest
import small
import tensorstore

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.training import checkpoint

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    'section, field, value, word',
    [
        ('model', 'network', 'unet', "'unet'"),
        ('model', 'widht', 3, 'widht'),
        ('model', 'conv1_filters', 'four', "conv1_filters is 'four'"),
        ('model', 'grid', None, 'grid is None'),
        ('model', 'dtype', 'float33', 'float33'),
    ],
)
def test_a_run_of_an_unknown_network_is_named(
    tmp_path, section, field, value, word
):
  config = json.loads(small.config().to_json())
  config[section][field] = value
  (tmp_path / run_config.CONFIG).write_text(json.dumps(config))
  with pytest.raises(errors.UserError, match=word) as error:
    checkpoint.load(str(tmp_path))
  assert str(tmp_path) in str(error.value)
  assert '\n' not in str(error.value)


@pytest.mark.parametrize('content', ['[]', '{"model": 3, "data": {}}', '{}'])
def test_a_config_of_other_content_is_named(tmp_path, content):
  (tmp_path / run_config.CONFIG).write_text(content)
  with pytest.raises(errors.UserError, match='sections'):
    run_config.read(str(tmp_path))


@pytest.mark.parametrize(
    'file', ['metrics/metrics', 'state/_METADATA', 'state/manifest.ocdbt']
)
def test_damage_is_told_with_the_folder(file, tmp_path):
  workdir = small.untrained_run(tmp_path / 'run')
  path = tmp_path / f'run/checkpoints/{small.STEP}/{file}'
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
  with pytest.raises(errors.UserError, match='checkpoints.*cannot be read'):
    checkpoint.load(workdir)


def _store(workdir, name):
  state = f'{workdir}/checkpoints/{small.STEP}/state/'
  return tensorstore.KvStore.open({
      'driver': 'ocdbt', 'base': f'file://{state}', 'path': f'{name}/'
  }).result()  # fmt: skip


def _describe(workdir, name, **changes):
  """Changes the description of an array; its data stay as they are."""
  store = _store(workdir, name)
  described = json.loads(store.read('.zarray').result().value)
  store.write('.zarray', json.dumps(described | changes).encode()).result()


_PARAMS, _MOMENT = 'params.conv1.bias', 'opt_state.1.0.mu.conv1.bias'
_HUGE = [500_000_000]
# Loads a run; prints the error, and how much memory that took in MB.
_LOAD = """
import resource, sys
from manloc_jax import errors
from manloc_jax.training import checkpoint
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
checkpoint.load(sys.argv[1])
before = peak()
try:
  checkpoint.load(sys.argv[2])
except errors.UserError as error:
  print(error)
print(peak() - before)
"""


def _load_apart(good, bad) -> tuple[str, int]:
  done = subprocess.run(
      [sys.executable, '-c', _LOAD, good, bad],
      capture_output=True, text=True, check=True, cwd=ROOT, timeout=120,
  )  # fmt: skip
  *said, megabytes = done.stdout.splitlines()
  return ' '.join(said), int(megabytes)


@pytest.mark.parametrize(
    'name, change, words',
    [
        # Half a billion numbers, of which no byte is stored.
        (_MOMENT, {'shape': _HUGE, 'chunks': _HUGE}, 'bytes of arrays'),
        (_MOMENT, {'chunks': _HUGE}, 'bytes of arrays'),
        (_PARAMS, {'chunks': _HUGE}, 'bytes of arrays'),
        (_PARAMS, {'shape': _HUGE, 'chunks': _HUGE}, 'not hold the model'),
        (_PARAMS, {'compressor': {'id': 'zlib', 'level': 1}}, 'its shape'),
    ],
)
def test_no_description_of_an_array_is_believed(
    name, change, words, tmp_path
):
  good = small.untrained_run(tmp_path / 'good')
  bad = str(shutil.copytree(good, tmp_path / 'bad'))
  _describe(bad, name, **change)
  said, megabytes = _load_apart(good, bad)
  assert words in said and len(said.replace(str(tmp_path), '')) < 300
  assert megabytes < 100


def test_data_do_not_become_larger_than_their_array(tmp_path):
  """Sixty kilobytes of compressed zeros would become two gigabytes."""
  huge = tensorstore.open({
      'driver': 'zarr', 'kvstore': 'memory://huge/', 'create': True,
      'metadata': {
          'shape': [50_000_000], 'chunks': [50_000_000], 'dtype': '<f4',
          'compressor': {'id': 'zstd', 'level': 1},
      },
  }).result()  # fmt: skip
  huge.write(np.float32(0)).result()
  zeros = huge.kvstore.read('0').result().value
  if not zeros:  # What equals the value of missing chunks is not stored.
    pytest.skip('This tensorstore stores no zeros.')
  assert len(zeros) < 20_000
  good = small.untrained_run(tmp_path / 'good')
  bad = str(shutil.copytree(good, tmp_path / 'bad'))
  _store(bad, _PARAMS).write('0', zeros).result()
  said, megabytes = _load_apart(good, bad)
  assert 'not those of its shape' in said
  assert megabytes < 100


def test_an_array_that_no_training_saves_is_refused(tmp_path):
  """Neither is it read, for nothing needs it."""
  workdir = small.untrained_run(tmp_path / 'run')
  with checkpoint.make_manager(workdir) as manager:
    tree = manager.restore(
        small.STEP, args=ocp.args.Composite(state=ocp.args.StandardRestore())
    )['state']
  extra = {**tree, 'extra': np.zeros(40_000_000, np.float32)}
  with ocp.StandardCheckpointer() as writer:
    path = tmp_path / f'run/checkpoints/{small.STEP}/state'
    shutil.rmtree(path)
    writer.save(path, extra)
  size = sum(x.stat().st_size for x in path.rglob('*') if x.is_file())
  assert size < 2_000_000
  with pytest.raises(errors.UserError, match='160,[0-9,]* bytes of arrays'):
    checkpoint.load(workdir)


@pytest.mark.parametrize('kind', ['pipe', 'link', 'large'])
def test_only_files_of_checkpoints_are_opened(kind, tmp_path):
  workdir = small.untrained_run(tmp_path / 'run')
  path = tmp_path / f'run/checkpoints/{small.STEP}/metrics/metrics'
  path.unlink()
  if kind == 'pipe':
    os.mkfifo(path)
  elif kind == 'link':
    path.parent.joinpath('more').symlink_to('/usr', True)
  else:
    with path.open('wb') as file:
      file.truncate(17_000_000)
  words = {'pipe': 'regular', 'link': 'link to a folder', 'large': '16,000,000'}
  with pytest.raises(errors.UserError, match=words[kind]):
    checkpoint.load(workdir)
  with pytest.raises(errors.UserError, match=words[kind]):
    checkpoint.make_manager(workdir)
