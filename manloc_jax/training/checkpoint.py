"""Saves checkpoints, resumes from them and loads runs for analysis."""

from collections.abc import Iterator
import contextlib
import dataclasses
import math
import pathlib
import shutil
from typing import Any

import jax
from orbax import checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as keep
from orbax.checkpoint.checkpoint_managers import save_decision_policy as when

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.training import checkpoint_files
from manloc_jax.training import trained_run

# Characters of orbax's messages, which may hold whole descriptions of arrays.
_MAX_REASON = 100


@dataclasses.dataclass
class Progress:
  """The progress of a run, saved beside its arrays.

  Attributes:
    scores: Validation score by step, of every evaluation so far.
    done: Whether training has ended, by its last step or by early stopping.
  """

  scores: dict[int, float] = dataclasses.field(default_factory=dict)
  done: bool = False

  def add(self, step: int, score: float) -> None:
    """Adds a score; NaN, of a split with one class only, is the lowest."""
    self.scores[step] = -1.0 if math.isnan(score) else score

  @property
  def best_step(self) -> int | None:
    """Step of the highest score, the later of equals; None without scores."""
    # Older versions may have written NaN, which is neither more nor less.
    known = {k: v for k, v in self.scores.items() if not math.isnan(v)}
    return max(known, key=lambda step: (known[step], step), default=None)

  def evaluations_since_best(self, first_step: int = 0) -> int:
    """Counts evaluations in a row that have not beaten the best.

    Args:
      first_step: Those up to this step do not count.
    """
    since = max(self.best_step or 0, first_step)
    return sum(step > since for step in self.scores)


def make_manager(workdir: str, every_steps: int = 1) -> ocp.CheckpointManager:
  """Makes the manager of a run's checkpoints; it keeps the last and the best.

  Args:
    workdir: The run's folder.
    every_steps: Steps between checkpoints.

  Raises:
    UserError: The checkpoints that are there cannot be read.
  """
  options = ocp.CheckpointManagerOptions(
      save_decision_policy=when.FixedIntervalPolicy(every_steps),
      preservation_policy=keep.AnyPreservationPolicy([
          keep.LatestN(2),
          keep.BestN(get_metric_fn=_score, n=1),
      ]),
      # Also makes orbax write the scores down: a resumed run must know them
      # to delete older checkpoints.
      best_fn=_score,
      cleanup_tmp_directories=True,
  )
  return _open(workdir, ocp.StandardCheckpointHandler(), options)


def _score(metrics: dict[str, float]) -> float:
  return metrics['score']


def _open(
    workdir: str,
    state: ocp.CheckpointHandler,
    options: ocp.CheckpointManagerOptions | None = None,
) -> ocp.CheckpointManager:
  directory = _directory(workdir)
  checkpoint_files.check(directory)
  with _report_damage(directory):  # The scores of all of them are read.
    return ocp.CheckpointManager(
        directory,
        options=options,
        # Named so that shapes can be compared before any array is read.
        item_handlers={
            'state': state,
            'progress': ocp.JsonCheckpointHandler(),
        },
    )


@contextlib.contextmanager
def _report_damage(directory: Any) -> Iterator[None]:
  """Raises UserError for the exceptions of orbax about unreadable files."""
  try:
    yield
  except (errors.UserError, MemoryError):
    raise
  except Exception as error:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise errors.UserError(
        f'The checkpoints in {str(directory)!r} cannot be read'
        f' ({reason[:_MAX_REASON]}); restore the files, or delete the folder of'
        ' the damaged step so that the one before it counts.'
    ) from error


def _check_model(
    manager: ocp.CheckpointManager, step: int, params, *, reads_all: bool
) -> None:
  """Raises UserError unless the saved parameters have the shapes of `params`.

  Only the descriptions of the arrays are believed, so that a checkpoint from a
  stranger cannot fill the memory: neither by an array that is not needed, nor
  by data that become larger than the array.

  Args:
    manager: Of the checkpoints.
    step: Of the checkpoint.
    params: Arrays of the network, or their descriptions.
    reads_all: Whether arrays beside the parameters are read, too.
  """
  with _report_damage(manager.directory):
    saved = manager.item_metadata(step)['state']
  where = f'Checkpoint {step} in {str(manager.directory)!r}'
  tree = saved and saved.tree
  models.check_shapes(tree and tree.get('params'), params, where)
  checkpoint_files.check_arrays(tree, params, where)
  read = jax.tree.leaves(tree if reads_all else tree['params'])
  with _report_damage(manager.directory):
    checkpoint_files.check_chunks(read, where)


def save(
    manager: ocp.CheckpointManager,
    step: int,
    state,
    progress: Progress,
) -> None:
  """Saves `state`, on the schedule of `make_manager` or off it.

  The write is asynchronous and atomic: a killed run leaves either a whole
  checkpoint or a temporary folder that the next run removes.

  Args:
    manager: Of `make_manager`.
    step: `state.step`, which the host knows without waiting for the devices.
    state: The training state.
    progress: Saved beside it.
  """
  if manager.latest_step() == step:
    return
  manager.save(
      step,
      args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          progress=ocp.args.JsonSave(dataclasses.asdict(progress)),
      ),
      # Between evaluations there is no score: such a step is never the best.
      metrics={'score': progress.scores.get(step, -1.0)},
      force=True,
  )


def latest_step(workdir: str) -> int | None:
  """Returns the step of the newest checkpoint; None without one."""
  folder = _directory(workdir)
  steps = ocp.utils.checkpoint_steps(folder) if folder.is_dir() else []
  return max(steps, default=None)


def remove_unfinished(workdir: str) -> None:
  """Removes the temporary files of a failed save; checkpoints stay."""
  for path in _directory(workdir).glob('*.orbax-checkpoint-tmp'):
    shutil.rmtree(path, ignore_errors=True)


def restore_or(
    manager: ocp.CheckpointManager, state
) -> tuple[Any, Progress]:
  """Returns the newest saved state, or `state` and no progress.

  Args:
    manager: Of `make_manager`.
    state: A state of the same tree; its shardings are those of the result.

  Returns:
    The state and the progress of the run.

  Raises:
    UserError: The checkpoint does not hold this model, or it is damaged.
  """
  step = manager.latest_step()
  if step is None:
    return state, Progress()
  _check_model(manager, step, state.params, reads_all=True)
  abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, state)
  with _report_damage(manager.directory):
    saved = manager.restore(
        step,
        args=ocp.args.Composite(
            state=ocp.args.StandardRestore(abstract),
            progress=ocp.args.JsonRestore(),
        ),
    )
    return saved['state'], _progress(saved['progress'])


def _progress(saved: dict[str, Any]) -> Progress:
  scores = {int(step): score for step, score in saved['scores'].items()}
  return Progress(scores=scores, done=saved['done'])


def _directory(workdir: str) -> pathlib.Path:
  return pathlib.Path(workdir).absolute() / 'checkpoints'


def load(workdir: str, step: int | None = None) -> trained_run.Run:
  """Restores a run wherever it was trained.

  Args:
    workdir: The run's folder.
    step: Which checkpoint; by default the best on the validation split.

  Returns:
    The run; its parameters lie on this machine's first device, whatever
    number of devices trained them.

  Raises:
    UserError: There is no such run or checkpoint, it is of another model, or
      it is damaged.
  """
  config = run_config.read(workdir)
  model, abstract_params = models.make_checked(
      config.model,
      f'The {run_config.CONFIG} of the run in {str(workdir)!r}',
      'load it with the version of manloc_jax that trained it',
  )
  # Orbax would create the folder it is to read.
  if not _directory(workdir).is_dir():
    raise _no_checkpoint(workdir, step, [])
  # Reads some of the arrays, which the handler that saves them cannot.
  handler = ocp.PyTreeCheckpointHandler()
  with _open(workdir, handler) as manager, _report_damage(manager.directory):
    latest = manager.latest_step()
    if step is None and latest is not None:
      saved = manager.restore(
          latest, args=ocp.args.Composite(progress=ocp.args.JsonRestore())
      )
      step = _progress(saved['progress']).best_step or latest
    if step is None or step not in manager.all_steps():
      raise _no_checkpoint(workdir, step, manager.all_steps())
    _check_model(manager, step, abstract_params, reads_all=False)
    params = _restore_params(manager, step, abstract_params)

  return trained_run.Run(config, model, params, step)


def _restore_params(
    manager: ocp.CheckpointManager, step: int, abstract: Any
) -> Any:
  """Reads the parameters of a checkpoint, and no other array of it."""
  # The run may have had eight GPUs and this machine none: orbax refuses a
  # topology that it does not know.
  here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  describe = lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here)
  wanted = {'params': jax.tree.map(describe, abstract)}
  restored = manager.restore(
      step,
      args=ocp.args.Composite(
          state=ocp.args.PyTreeRestore(
              item=wanted,
              restore_args=ocp.checkpoint_utils.construct_restore_args(wanted),
              partial_restore=True,
          )
      ),
  )
  return restored['state']['params']


def _no_checkpoint(workdir, step, steps) -> errors.UserError:
  wanted = 'checkpoint' if step is None else f'checkpoint of step {step}'
  remedy = f'it has {sorted(steps)}' if steps else 'train first'
  return errors.UserError(
      f'The run in {str(workdir)!r} has no {wanted}; {remedy}.'
  )
