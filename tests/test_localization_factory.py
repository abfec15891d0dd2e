"""Localizers by method, by run and by default."""

import json
import shutil

import pytest
import small

from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.localization import factory
from manloc_jax.localization import network
from manloc_jax.localization.classical import localizer
from manloc_jax.localization.fusion import localizer as fusion


def test_nothing_named_is_the_fusion_of_the_package():
  made = factory.make()
  assert isinstance(made, fusion.FusionLocalizer)
  assert made.provenance == factory.make('fusion').provenance
  assert made.threshold == made.provenance['threshold']


def test_a_run_says_what_it_is_of(tmp_path):
  run = small.untrained_run(tmp_path / 'network')
  assert isinstance(factory.make(workdir=run), network.NetworkLocalizer)
  (tmp_path / 'fusion').mkdir()
  shutil.copy(
      pretrained.FUSION, tmp_path / 'fusion' / run_config.FUSION_WEIGHTS
  )
  made = factory.make(workdir=str(tmp_path / 'fusion'), threshold=0.9)
  assert isinstance(made, fusion.FusionLocalizer)
  assert made.threshold == 0.9


def test_weights_are_loaded_by_name():
  digests = [
      factory.make(weights=name).provenance['weights_sha256']
      for name in ('v2', 'v1', None)
  ]
  assert digests[0] != digests[1]
  assert digests[0] == digests[2]


def test_classical_methods_need_nothing():
  assert isinstance(factory.make('ela'), localizer.ClassicalLocalizer)


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ({'method': 'magic'}, "method is 'magic'; choose one of fusion"),
        ({'method': 'fusion', 'stride': 8}, 'takes no stride'),
        ({'gate': 'soft'}, 'takes no gate'),
        ({'method': 'ela', 'workdir': 'run'}, 'takes no workdir'),
        ({'method': 'fusion', 'workdir': 'nowhere'}, 'There is no file'),
        ({'workdir': 'nowhere'}, 'There is no run'),
        ({'workdir': ''}, 'There is no run'),
        ({'workdir': __file__}, 'There is no run'),
        ({'workdir': 'x' * 300}, 'There is no run'),
        ({'weights': 'v0'}, "weights are 'v0'; choose one of v2, v1"),
        ({'method': 'ela', 'weights': 'v1'}, 'takes no weights'),
        ({'workdir': 'run', 'weights': 'v1'}, 'has its own'),
        ({'threshold': 2.0}, 'scale of the heat maps'),
        ({'threshold': float('nan')}, 'scale of the heat maps'),
        ({'threshold': '0.5'}, 'scale of the heat maps'),
        ({'method': 'ela', 'threshold': -1}, 'scale of the heat maps'),
        ({'device': 'tpu'}, 'no device'),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, words):
  with pytest.raises(errors.UserError, match=words):
    factory.make(**arguments)


@pytest.mark.parametrize(
    ('arguments', 'change', 'words'),
    [
        ({'stride': 0}, {}, 'stride of 0 pixels'),
        ({'stride': 1.5}, {}, 'stride of 1.5 pixels'),
        ({'gate': 'magic'}, {}, "gate is 'magic'"),
        ({}, {'model': {'network': 'magic'}}, "Unknown network 'magic'"),
        ({}, {'method': 'ela'}, 'or that method without a run'),
        ({}, {'method': 'magic'}, "method is 'magic'"),
        ({}, {'data': 3}, 'not the JSON that a run writes'),
    ],
)
def test_what_a_run_does_not_allow_is_refused(
    arguments, change, words, tmp_path
):
  workdir = small.untrained_run(tmp_path)
  path = tmp_path / 'config.json'
  path.write_text(json.dumps(json.loads(path.read_text()) | change))
  with pytest.raises(errors.UserError, match=words):
    factory.make(workdir=workdir, **arguments)
