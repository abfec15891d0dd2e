"""Runs that cannot be loaded say why in one sentence."""

import json

import pytest
import small

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.training import checkpoint


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
