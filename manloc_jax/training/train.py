"""The training loop: updates, validation, checkpoints and early stopping."""

from collections.abc import Callable, Iterator
import itertools
import sys
import types
from typing import Any

import jax
import ml_collections
import optax
from orbax import checkpoint as ocp

from manloc_jax import models
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import prepared_set
from manloc_jax.metrics import summary
from manloc_jax.training import checkpoint
from manloc_jax.training import device_dataset
from manloc_jax.training import divergence
from manloc_jax.training import evaluator
from manloc_jax.training import initialization
from manloc_jax.training import metric_writer
from manloc_jax.training import preemption
from manloc_jax.training import progress_reporter
from manloc_jax.training import run_history
from manloc_jax.training import sharding
from manloc_jax.training import startup_timer
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps

# The validation score that picks a checkpoint, of the first task there is.
SELECTION = {models.MASK: 'pixel_auc_pooled', models.PATCH: 'patch_auc'}


def train(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    workdir: str,
    mesh,
    timer: startup_timer.StageTimer | None = None,
) -> None:
  """Trains to `num_steps` or until the validation score stops growing.

  Everything random is a function of the seed and the step, so that a run that
  was killed continues, from its last checkpoint, to the very parameters of an
  unbroken run on the same machine and device count.

  Args:
    config: The config.
    prepared: The prepared set.
    workdir: The run's folder.
    mesh: Devices.
    timer: Times the stages before the first update, and is printed after it.

  Raises:
    UserError: The config does not fit, conv2 is zero everywhere, or the
      training diverges.
    TemporaryError: The cluster has asked it to leave; the step is saved.
  """
  timer = timer or startup_timer.StageTimer('restore')
  sharding.check_batch_size(config.batch_size, mesh)
  model = models.make(config)
  phase_start = run_history.first_step(workdir)
  tx, schedule = state_lib.make_optimizer(
      num_steps=config.num_steps, first_step=phase_start, **config.optim
  )
  train_step = steps.make_train_step(
      model, tx, mesh, loss=config.loss, symmetries=config.train.symmetries
  )
  validate = _make_validation(model, mesh, config, prepared)
  selection = next(SELECTION[task] for task in SELECTION if task in model.tasks)

  with checkpoint.make_manager(
      workdir, config.train.checkpoint_every_steps
  ) as manager:
    state, progress = initialization.restore_or_initialize(
        config, model, tx, mesh, manager
    )
    if progress.done and int(state.step) > phase_start:
      return  # A finished run stays as it is.
    progress.done = False  # It was extended.
    batches = _batches(config, prepared, mesh, int(state.step), timer)
    train_step, batches = _compile(train_step, model, state, batches, timer)
    _update_to_the_end(
        config, workdir, manager, state, progress, timer,
        train_step=train_step,
        batches=batches,
        schedule=schedule,
        validate=validate,
        selection=f'val_{selection}',
        phase_start=phase_start,
    )


def _update_to_the_end(
    config: ml_collections.ConfigDict,
    workdir: str,
    manager: ocp.CheckpointManager,
    state: state_lib.TrainState,
    progress: checkpoint.Progress,
    timer: startup_timer.StageTimer,
    *,
    train_step: Callable,
    batches: Iterator[Any],
    schedule: optax.Schedule,
    validate: Callable[[Any, int], dict[str, float]],
    selection: str,
    phase_start: int,
) -> None:
  """Updates, logs, validates and saves until training ends or is preempted.

  Args:
    config: The config.
    workdir: The run's folder.
    manager: Of the run's checkpoints.
    state: The state to go on from; donated to the first update.
    progress: Of the run so far; `done` is set where training ends.
    timer: Printed after the first update.
    train_step: Of `steps.make_train_step`, compiled.
    batches: The batches of all further updates, on the devices.
    schedule: The learning rate, by step.
    validate: Of `_make_validation`.
    selection: The score of `validate` that picks the checkpoint.
    phase_start: Updates before the last extension; patience begins there.

  Raises:
    UserError: The training diverges.
    TemporaryError: The cluster has asked it to leave; the step is saved.
  """
  first, is_writer = int(state.step), jax.process_index() == 0
  reporter = progress_reporter.ProgressReporter(
      first, config.num_steps, config.batch_size, show=is_writer
  )
  watch = divergence.Watch()
  with (
      metric_writer.Writer(
          workdir, first_step=first, enabled=is_writer, config=config
      ) as writer,
      preemption.noticed(manager) as is_preempted,
  ):
    for step in range(first + 1, config.num_steps + 1):
      with reporter.waiting():
        batch = next(batches)
      with jax.profiler.StepTraceAnnotation('train', step_num=step):
        state, scalars = train_step(state, batch)
      watch.add(step, scalars)
      if step == first + 1 and is_writer:
        _print_startup_times(timer, scalars)
      last = step == config.num_steps
      if step % config.train.log_every_steps == 0 or last:
        # Here and before a checkpoint the host waits for the devices.
        watch.check()
        writer.write(step, _fetch(scalars, step, schedule, reporter))
      evaluated = step % config.train.eval_every_steps == 0 or last
      if evaluated:
        with reporter.paused():
          scores = validate(state.params, step)
        writer.write(step, scores)
        reporter.set_note(f'{selection} {scores[selection]:.3f}')
        progress.add(step, scores[selection])
        progress.done = last or _is_stale(
            progress, config.train.patience_evals, phase_start
        )
      leaves = is_preempted(step) and not progress.done
      if evaluated or leaves or manager.should_save(step):
        watch.check()
        checkpoint.save(manager, step, state, progress)
      if leaves:
        reporter.close()
        raise preemption.left(step)
      if progress.done:
        break
  reporter.close()


def _make_validation(
    model,
    mesh,
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
) -> Callable[[Any, int], dict[str, float]]:
  """Returns `validate(params, step)`, the scores `val_...` of the split `val`.

  The terms of the objective are named as in training.
  """
  evaluate = evaluator.make_split_evaluator(model, mesh, config, prepared)

  def validate(params: Any, step: int) -> dict[str, float]:
    totals = evaluate(params, 'val', f'The network at step {step}')
    scores = summary.objective(totals)
    scores |= summary.network(totals, model.tasks)
    return {f'val_{name}': value for name, value in scores.items()}

  return validate


def _batches(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    mesh,
    start_step: int,
    timer: startup_timer.StageTimer,
):
  """Returns the batches after `start_step`, on the devices."""
  timer.begin('input')
  order = {'seed': config.seed, 'start_step': start_step}
  if prepared.backend == backend_names.MEMORY:
    return device_dataset.train_batches(
        prepared, mesh, batch_size=config.batch_size, **order
    )
  timer.begin('imports')
  reader: types.ModuleType
  if prepared.backend == backend_names.ONLINE:
    from manloc_jax.data.input import online

    reader = online
    order.update(config.data.get('online', {}))
    order['root'] = config.data.root
  else:
    from manloc_jax.data.input import pipeline  # With TensorFlow.

    reader = pipeline

  batches = reader.train_batches(
      prepared,
      batch_size=config.batch_size // jax.process_count(),
      process=(jax.process_index(), jax.process_count()),
      **order,
  )
  return sharding.prefetch(batches, mesh)


def _compile(train_step, model, state, batches, timer):
  """Compiles the step for the first batch; returns it and all batches."""
  timer.begin('input')
  batch = next(batches)
  timer.begin('program')
  if state.step == 0:
    initialization.check_conv2_is_active(model, state.params, batch['image'])
  program = train_step.lower(state, batch).compile()
  timer.begin('first step')
  return program, itertools.chain([batch], batches)


def _print_startup_times(timer: startup_timer.StageTimer, scalars) -> None:
  """Prints the seconds of each stage up to the end of the first update."""
  jax.block_until_ready(scalars)
  timer.begin(None)
  print(f'{startup_timer.FIRST_STEP} {timer}', file=sys.stderr, flush=True)


def _fetch(
    scalars: dict[str, jax.Array],
    step: int,
    schedule: optax.Schedule,
    reporter: progress_reporter.ProgressReporter,
) -> dict[str, float]:
  """Fetches the scalars of an update, and reports its loss and the rates."""
  terms = {f'train_{k}': float(v) for k, v in scalars.items()}
  rates = reporter.report(step, terms['train_total'])
  return {**terms, 'learning_rate': float(schedule(step - 1)), **rates}


def _is_stale(
    progress: checkpoint.Progress, patience: int, phase_start: int
) -> bool:
  in_vain = progress.evaluations_since_best(phase_start)
  return bool(patience) and in_vain >= patience
