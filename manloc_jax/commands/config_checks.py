"""Checks the config of a run before anything is computed."""

from collections.abc import Mapping
import math
from typing import Any

import ml_collections

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.data.storage import manifest
from manloc_jax.training import network_weights
from manloc_jax.training import trackers

# Fields that count something.
_POSITIVE = (
    'batch_size',
    'num_steps',
    'train.log_every_steps',
    'train.eval_every_steps',
    'train.checkpoint_every_steps',
    'eval.batch_size',
    'eval.bins',
    'eval.examples',
    'data.num_shards',
)
# Fields that may be zero, which turns something off.
_NOT_NEGATIVE = (
    'seed',
    'data.seed',
    'loss.patch_weight',
    'loss.mask_weight',
    'optim.learning_rate',
    'optim.warmup_steps',
    'optim.final_fraction',
    'optim.clip_norm',
    'optim.weight_decay',
    'train.patience_evals',
)
_CLASS_WEIGHTS = ('loss.patch_class_weights', 'loss.pixel_class_weights')


def check(config: ml_collections.ConfigDict, mode: str) -> None:
  """Raises UserError where fields are out of range or contradict each other.

  Args:
    config: The whole config.
    mode: Value of `--mode` of `manloc_jax.main`.
  """
  if 'method' not in config:
    raise errors.UserError(
        'The config has no field "method", which every config that starts from'
        ' configs/default.py has; choose such a one, or train the fusion with'
        ' manloc fusion.'
    )
  _check_method(config.method, mode)
  models.make_checked(
      config.model, '--config.model', 'set its fields to what fits together'
  )
  flat = run_config.flatten(config.to_dict())
  _check_numbers(flat)
  _check_class_weights(flat)
  _check_splits(config.eval.splits)
  if config.eval.smooth_sigma < 0:
    raise errors.UserError(
        f'--config.eval.smooth_sigma is {config.eval.smooth_sigma}; give the'
        ' pixels of a standard deviation, or 0 for no smoothing.'
    )
  trackers.check(config.train.get('tracker'))
  if config.train.init_from:
    _check_init_from(config)


def check_extends(method: str, mode: str) -> None:
  """Raises UserError where there is no training that could be extended."""
  if method != run_config.NETWORK or mode not in ('all', 'train'):
    raise errors.UserError(
        '--extend goes on with the training of a network, and'
        f' --config.method={method} with --mode={mode} has none; leave it out,'
        ' or choose --mode=all or train.'
    )


def _check_method(method: str, mode: str) -> None:
  """Raises UserError unless the method exists and has a stage `mode`."""
  if method == run_config.NETWORK:
    return
  if method not in run_config.METHODS:
    raise errors.UserError(
        f'--config.method is {method!r}; choose one of'
        f' {", ".join(run_config.METHODS)}.'
    )
  if mode in ('train', 'robustness'):
    raise errors.UserError(
        f'--mode={mode} is for networks, and {method} has nothing to train;'
        ' choose --mode=evaluate.'
    )


def _check_numbers(flat: Mapping[str, Any]) -> None:
  """Raises UserError where a number is out of the range of its field."""
  rules = {
      'finite numbers': lambda key, value: _is_finite(value),
      'at least 1': lambda key, value: key not in _POSITIVE or value >= 1,
      'at least 0': lambda key, value: key not in _NOT_NEGATIVE or value >= 0,
  }
  for wanted, holds in rules.items():
    broken = {k: value for k, value in flat.items() if not holds(k, value)}
    if broken:
      raise errors.UserError(
          f'These fields of the config must be {wanted}: {broken}; set them'
          ' with --config.NAME=VALUE.'
      )


def _is_finite(value: Any) -> bool:
  """Tells whether no number in a value is infinite or NaN."""
  values = value if isinstance(value, (tuple, list)) else [value]
  return all(math.isfinite(x) for x in values if isinstance(x, float))


def _check_class_weights(flat: Mapping[str, Any]) -> None:
  """Raises UserError unless there is a weight for each class of the losses."""
  for key in _CLASS_WEIGHTS:
    weights = flat[key]
    if len(weights) != 2 or min(weights) < 0:
      raise errors.UserError(
          f'--config.{key} is {weights}; give two weights from 0 on, of'
          ' pristine and of manipulated.'
      )


def _check_splits(splits: tuple[str, ...]) -> None:
  """Raises UserError unless each split is one that an evaluation knows."""
  unknown = [name for name in splits if name not in manifest.EVALUATED]
  if unknown or not splits:
    raise errors.UserError(
        f'--config.eval.splits is {splits}; choose from'
        f' {", ".join(manifest.EVALUATED)}.'
    )


def _check_init_from(config: ml_collections.ConfigDict) -> None:
  """Raises UserError unless there are weights of this network to start from."""
  flag = f'--config.train.init_from={config.train.init_from}'
  path = network_weights.file_of(config.train.init_from)
  if path is None:
    where = f'The run of {flag}'
    params = _params_of_run(config.train.init_from, flag, where)
  else:
    where, params = f'The file of {flag}', network_weights.load(path).params
  models.check_shapes(
      params, models.abstract_params(models.make(config)), where
  )


def _params_of_run(workdir: str, flag: str, where: str) -> Any:
  """Returns the shapes of a run's parameters; no checkpoint is read."""
  try:
    theirs = run_config.read(workdir)
  except errors.UserError as error:
    raise errors.UserError(
        f'{flag} is no run to start from; train that one first, name'
        ' another, or give nothing (--config.train.init_from=) to start from'
        ' scratch.'
    ) from error
  _, params = models.make_checked(theirs.model, where, 'choose another run')
  return params
