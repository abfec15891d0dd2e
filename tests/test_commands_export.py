"""`manloc export`: from a run to one file, and what is made of the file."""

import importlib.util
import json
import pathlib

import chex
import numpy as np
import pytest
import small

import manloc_jax
from manloc_jax import cli
from manloc_jax import errors
from manloc_jax import models
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.commands import config_checks
from manloc_jax.localization import factory
from manloc_jax.localization import network
from manloc_jax.metrics import thresholds
from manloc_jax.training import checkpoint
from manloc_jax.training import initialization
from manloc_jax.training import network_weights
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib

IMAGE = np.random.default_rng(0).integers(0, 256, (96, 80, 3), np.uint8)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A run whose network begins windows on JPEG's grid, with a threshold."""
  workdir = small.untrained_run(
      tmp_path_factory.mktemp('run'),
      scale=2.0,
      **{'model.lstm_input': 'conv+dct', 'eval.smooth_sigma': 2.0},
  )
  thresholds.write(workdir, thresholds.Threshold(small.STEP, 0.375, 64))
  return workdir


@pytest.fixture
def file(run, tmp_path, capsys):
  path = tmp_path / 'a.safetensors'
  assert cli.main(['export', run, f'--out={path}']) == 0
  record = json.loads(capsys.readouterr().out)
  assert record['bytes'] == path.stat().st_size
  assert (record['step'], record['threshold']) == (small.STEP, 0.375)
  assert [*tmp_path.iterdir()] == [path]
  return path


@pytest.mark.parametrize('gate', ['none', 'soft'])
def test_maps_are_those_of_the_run(gate, run, file):
  of_run = factory.make(workdir=run, gate=gate, device='cpu')
  of_file = factory.make(workdir=str(file), gate=gate, device='cpu')
  assert isinstance(of_file, network.NetworkLocalizer)
  np.testing.assert_array_equal(
      of_run.score_map(IMAGE), of_file.score_map(IMAGE)
  )
  training = of_file.provenance.pop('training')
  assert of_run.provenance == of_file.provenance
  assert training['data'] == 'casia1' and training['split_digest'] == 'split'
  wanted = {'none': (0.375, 'validation'), 'soft': (0.5, 'default')}[gate]
  made = (of_file.threshold, of_file.provenance['threshold_from'])
  assert made == wanted


def test_the_file_says_where_it_is_from_and_names_no_folder(run, file):
  weights = network_weights.load(file)
  assert weights.smooth_sigma == 2.0
  assert weights.provenance['version'] == manloc_jax.__version__
  assert weights.provenance['data']['sampler']['stride'] == 32
  assert '/' not in json.dumps(weights.provenance)


def test_windows_of_a_file_lie_on_its_grid(file):
  with pytest.raises(errors.UserError, match='a multiple of 8'):
    manloc_jax.load_localizer(workdir=str(file), stride=20)


def test_a_run_without_an_evaluation_has_the_default(tmp_path, capsys, caplog):
  run = small.untrained_run(tmp_path / 'run')
  path = tmp_path / 'a.safetensors'
  assert cli.main(['export', run, f'--out={path}', f'--step={small.STEP}']) == 0
  assert json.loads(capsys.readouterr().out)['threshold_from'] == 'default'
  assert factory.make(workdir=str(path)).threshold == 0.5
  assert 'has no threshold' in caplog.text


def test_the_package_needs_no_run(file, monkeypatch, tmp_path):
  monkeypatch.setattr(pretrained, 'NETWORK', file)
  made = manloc_jax.load_localizer('network', stride=64)
  assert made.provenance['training']['step'] == small.STEP
  monkeypatch.setattr(pretrained, 'NETWORK', tmp_path / 'none.safetensors')
  with pytest.raises(errors.UserError, match='There is no file .*none'):
    factory.make('network')


def test_the_fusion_reads_a_file_as_well():
  path = str(pretrained.FUSION)
  of_file, of_package = factory.make(workdir=path), factory.make('fusion')
  assert of_file.provenance == of_package.provenance
  with pytest.raises(errors.UserError, match='not one of the weights'):
    factory.make('network', path)


@pytest.mark.skipif(
    not pretrained.NETWORK.is_file(),
    reason='The package has no weights of the network yet.',
)
def test_the_packaged_network_localizes():
  made = factory.make('network', device='cpu')
  score = made.score_map(IMAGE)
  assert score.shape == IMAGE.shape[:2]
  origin = network_weights.load(pretrained.NETWORK).provenance
  assert '/' not in json.dumps(origin)
  assert pretrained.NETWORK.stat().st_size < 16_000_000


@pytest.mark.parametrize(
    ('change', 'arguments', 'words'),
    [
        ({}, ['--out=a.bin'], 'ends in .safetensors, .stablehlo or .onnx'),
        ({}, ['--out=run/config.json/'], 'run/config.json: File exists'),
        ({}, ['--out=a.onnx', '--weights=v2'], "'v2' come with the package"),
        ({}, ['--out=a.safetensors', '--step=3'], 'no checkpoint of step 3'),
        ({}, ['--out=no/a.safetensors'], 'no/a.safetensors: No such file'),
        ({'method': 'ela'}, ['--out=a.safetensors'], 'of the method ela, w'),
        (
            {'model': {'width': 8, 'dilations': [1]}},
            ['--out=a.safetensors'],
            "is of the method 'fusion'",
        ),
        ({'eval': {'smooth_sigma': 'x'}}, ['--out=a.safetensors'], 'eval.smo'),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    change, arguments, words, tmp_path, monkeypatch, capsys
):
  run = pathlib.Path(small.untrained_run(tmp_path / 'run'))
  config = run / run_config.CONFIG
  config.write_text(json.dumps(json.loads(config.read_text()) | change))
  monkeypatch.chdir(tmp_path)
  assert cli.main(['export', str(run), *arguments]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line
  assert [*tmp_path.iterdir()] == [run]


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--method=network', '--step=3'], '--step=3 is of a checkpoint'),
        (['--method=network', '--weights=v2'], 'network takes no weights'),
        (['none.safetensors'], 'There is no file none.safetensors'),
        (['--out=no/a.stablehlo'], 'no/a.stablehlo: No such file'),
        (['--out=no/a.onnx'], 'no/a.onnx: No such file'),
    ],
)
def test_packaged_weights_that_cannot_be_written_are_one_sentence(
    arguments, words, tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(tmp_path)
  assert cli.main(['export', '--out=a.stablehlo', *arguments]) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line
  assert not [*tmp_path.iterdir()]


def test_onnx_is_an_extra(tmp_path, monkeypatch, capsys):
  find = importlib.util.find_spec
  monkeypatch.setattr(
      importlib.util,
      'find_spec',
      lambda name: None if name == 'onnx' else find(name),
  )
  path = tmp_path / 'a.onnx'
  assert cli.main(['export', '--method=network', f'--out={path}']) == 2
  assert "pip install '.[onnx]'" in capsys.readouterr().err
  assert not path.exists()


@pytest.mark.parametrize('is_packaged', [False, True])
@pytest.mark.slow
def test_training_starts_from_a_file(
    is_packaged, run, file, tmp_path, monkeypatch
):
  monkeypatch.setattr(pretrained, 'NETWORK', file)
  init_from = network_weights.PRETRAINED if is_packaged else str(file)
  config = small.config(
      **{'train.init_from': init_from, 'model.lstm_input': 'conv+dct'}
  )
  config_checks.check(config, 'train')
  model = models.make(config)
  tx, _ = state_lib.make_optimizer(num_steps=1, **config.optim)
  with checkpoint.make_manager(str(tmp_path / 'new')) as manager:
    start = lambda: initialization.restore_or_initialize(
        config, model, tx, sharding.make_mesh(), manager
    )
    state, _ = start()
    chex.assert_trees_all_equal(state.params, checkpoint.load(run).params)
    file.unlink()
    config.train.init_from = str(file)
    with pytest.raises(errors.UserError, match='There is no file'):
      start()
  with pytest.raises(errors.UserError, match='There is no file'):
    config_checks.check(config, 'train')


def test_a_file_of_another_network_is_no_start(file):
  config = small.config(**{'train.init_from': str(file)})
  with pytest.raises(errors.UserError, match='does not hold the model'):
    config_checks.check(config, 'train')
