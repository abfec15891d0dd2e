"""Configs of runs: read, compared, and brought up to date."""

import json

import pytest
import small

from manloc_jax import errors
from manloc_jax import run_config


@pytest.mark.parametrize(
    'stored, backend',
    [('tfrecord', 'tfrecord'), ('resident', 'memory'), ('stream', 'online')],
)
def test_a_config_of_version_0_1_is_one_of_today(tmp_path, stored, backend):
  today = small.config(**{'data.backend': backend})
  if backend == 'online':
    today.data.online = {'images_per_group': 4, 'workers': 2}
  older = json.loads(today.to_json())
  older['data']['source'] = stored
  del older['data']['backend'], older['data']['sampler']['window_grid']
  if backend == 'online':
    older['data']['stream'] = older['data'].pop('online')
  (tmp_path / run_config.CONFIG).write_text(json.dumps(older))
  (tmp_path / run_config.SPLIT).write_text('split')
  run_config.check_same(str(tmp_path), today, 'split')
  other = small.config(**{'data.backend': 'memory', 'seed': 1})
  with pytest.raises(errors.UserError, match='another config: .*seed'):
    run_config.check_same(str(tmp_path), other, 'split')


@pytest.mark.parametrize('section', ['train', 'eval', 'loss', 'optim'])
@pytest.mark.parametrize('content', [None, [1], 'x'])
def test_a_section_that_is_none_is_named(tmp_path, section, content):
  stored = json.loads(small.config().to_json()) | {section: content}
  (tmp_path / run_config.CONFIG).write_text(json.dumps(stored))
  with pytest.raises(errors.UserError, match=f'{section} is no section'):
    run_config.read(str(tmp_path))
  del stored[section]  # As older versions and other methods write it.
  (tmp_path / run_config.CONFIG).write_text(json.dumps(stored))
  assert section not in run_config.read(str(tmp_path))


def test_what_is_scored_changes_no_score():
  config = small.config()
  other = small.config(**{'eval.splits': ('val_images',)})
  assert run_config.scored(config) == run_config.scored(other)
  other = small.config(**{'eval.bins': 32})
  assert run_config.scored(config) != run_config.scored(other)
