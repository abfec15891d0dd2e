"""Configs that make no sense are refused before anything is done."""

import math

import pytest
import small

from configs import fusion
from manloc_jax import errors
from manloc_jax.commands import config_checks


def test_a_config_that_makes_sense_passes():
  config_checks.check(small.config(), 'all')


@pytest.mark.parametrize(
    'field, value, words',
    [
        ('method', 'elo', ["'elo'", 'patchmatch']),
        ('model.network', 'unet', ["'unet'", 'conv_lstm', 'fcn']),
        ('model.head', 'first', ["'first'", 'last']),
        ('model.dtype', 'float33', ['--config.model', 'float33']),
        ('model.kernel', 0, ['--config.model']),
        ('eval.splits', ('test', 'tset'), ["'tset'", 'test_images']),
        ('eval.splits', (), ['eval.splits', 'test_grid']),
        ('eval.bins', 0, ['eval.bins', 'at least 1']),
        ('optim.learning_rate', math.nan, ['learning_rate', 'finite']),
        ('optim.learning_rate', -1.0, ['learning_rate', 'at least 0']),
        ('data.fractions', (math.nan,) * 3, ['data.fractions', 'finite']),
        ('loss.mask_weight', math.inf, ['mask_weight', 'finite']),
        ('loss.patch_class_weights', (1.0,), ['patch_class_weights', 'two']),
        ('train.tracker', 'mlflow', ["'mlflow'", 'trackio']),
        ('train.init_from', '/nowhere', ['/nowhere', 'train that one first']),
    ],
)
def test_what_makes_no_sense_is_named(field, value, words):
  config = small.config(**{field: value})
  with pytest.raises(errors.UserError) as error:
    config_checks.check(config, 'all')
  message = str(error.value)
  assert all(word in message for word in words), message
  assert '\n' not in message


def test_a_config_of_another_command_is_refused():
  with pytest.raises(errors.UserError, match='no field "method".*fusion'):
    config_checks.check(fusion.get_config(), 'all')


def test_only_training_is_extended():
  config_checks.check_extends('network', 'train')
  for method, mode in (('network', 'evaluate'), ('ela', 'all')):
    with pytest.raises(errors.UserError, match='--extend goes on with'):
      config_checks.check_extends(method, mode)
