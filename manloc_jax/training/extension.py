"""Goes on with a run under other settings: more steps, another schedule."""

import pathlib
from typing import Any

import ml_collections

from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.training import checkpoint
from manloc_jax.training import run_history

# Fields that an extension may change, and beginnings of their names.
_EXTENDABLE = (
    'num_steps',
    'optim.',
    'train.log_every_steps',
    'train.eval_every_steps',
    'train.checkpoint_every_steps',
    'train.patience_evals',
)


def extend(workdir: str, config: ml_collections.ConfigDict) -> None:
  """Gives a run other settings to go on with, and writes them down.

  Its parameters and the state of the optimizer stay. A run that has these
  settings already is left alone, so that an extension that was killed
  continues by the same command. The report of before is deleted, for it would
  seem to be of the extended run; its scores are kept.

  Args:
    workdir: The run's folder.
    config: The config to go on with.

  Raises:
    UserError: There is no run or no checkpoint to go on from, the settings
      differ in what cannot change, or no step would be left.
  """
  theirs = run_config.read(workdir)
  changed = run_config.differences(config, theirs)
  if not changed:
    return
  fixed = [key for key in changed if not key.startswith(_EXTENDABLE)]
  if fixed:
    raise errors.UserError(
        f'--extend cannot change {run_config.shown(changed, fixed)}; it may'
        ' change num_steps, optim and how often to evaluate. For anything else'
        f' start another run, with --config.train.init_from={workdir}.'
    )
  step = checkpoint.latest_step(workdir)
  if step is None:
    raise errors.UserError(
        f'The run in {workdir!r} has no checkpoint to go on from; run it'
        ' without --extend first.'
    )
  if config.num_steps <= step:
    raise errors.UserError(
        f'The run in {workdir!r} has done {step} steps and --config.num_steps'
        f' is {config.num_steps}; give more.'
    )
  history = run_history.read(workdir)
  phases = history['phases'] or [_phase(0, theirs)]
  kept = [phase for phase in phases if phase['first_step'] < step]
  phases = [*kept, _phase(step, config)]
  # Before the config: until that is written, the extension has not begun.
  run_history.write(workdir, {**history, 'phases': phases})
  (pathlib.Path(workdir) / 'report.md').unlink(missing_ok=True)
  run_config.write(workdir, config)


def _phase(step: int, config: ml_collections.ConfigDict) -> dict[str, Any]:
  flat = run_config.flatten(run_config.plain(config))
  settings = {k: v for k, v in flat.items() if k.startswith(_EXTENDABLE)}
  return {'first_step': step, 'settings': settings}
