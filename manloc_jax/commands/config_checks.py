"""Do the settings of a run make sense? Asked before anything is done."""

import ml_collections

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config

# Settings that count something.
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


def check(config: ml_collections.ConfigDict, mode: str) -> None:
  """Raises UserError where settings contradict each other or make no sense.

  Args:
    config: All settings.
    mode: Of `main`.
  """
  if config.method != run_config.NETWORK:
    if config.method not in run_config.METHODS:
      raise errors.UserError(
          f'--config.method is {config.method!r}; choose one of'
          f' {", ".join(run_config.METHODS)}.'
      )
    if mode in ('train', 'robustness'):
      raise errors.UserError(
          f'--mode={mode} is for networks, and {config.method} has nothing to'
          ' train; choose --mode=evaluate.'
      )
  try:
    models.abstract_params(models.make(**config.model))
  except (TypeError, ValueError, ZeroDivisionError) as error:
    raise errors.UserError(
        f'The settings --config.model do not fit together: {error}'
    ) from error
  positive = {
      key: value
      for key, value in run_config.flatten(config.to_dict()).items()
      if key in _POSITIVE and value < 1
  }
  if positive:
    raise errors.UserError(
        f'These settings must be at least 1: {positive}; set them with'
        ' --config.NAME=VALUE.'
    )
  if config.eval.smooth_sigma < 0:
    raise errors.UserError(
        f'--config.eval.smooth_sigma is {config.eval.smooth_sigma}; give the'
        ' pixels of a standard deviation, or 0 for no smoothing.'
    )
  if config.train.init_from:
    _check_init_from(config)


def _check_init_from(config: ml_collections.ConfigDict) -> None:
  """Raises UserError unless there is a run of this network to start from."""

  setting = f'--config.train.init_from={config.train.init_from}'
  try:
    theirs = run_config.read(config.train.init_from)
  except errors.UserError as error:
    raise errors.UserError(
        f'{setting} is no run to start from; train that one first, name'
        ' another, or give nothing (--config.train.init_from=) to start from'
        ' scratch.'
    ) from error
  params = [
      models.abstract_params(models.make(**one.model))
      for one in (theirs, config)
  ]
  models.check_shapes(*params, f'The run of {setting}')
