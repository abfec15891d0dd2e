"""Prepares sets for `manloc prepare` and for the main job.

On this machine, in a Ray cluster, or as one job of an array.
"""

from collections.abc import Mapping
from typing import Any, TYPE_CHECKING

from manloc_jax import errors
from manloc_jax.commands import engine_arguments

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  import ml_collections


def prepare(
    options: Mapping[str, Any],
    *,
    engine: str = engine_arguments.LOCAL,
    address: str | None = None,
    shard: tuple[int, int] | None = None,
    merge: int | None = None,
    workers: int | None = None,
) -> str:
  """Prepares a set where it is missing.

  Args:
    options: Arguments of `preparation_plan.make`.
    engine: As of `engine_arguments`.
    address: The same.
    shard: The job of an array to do the work of, from 0 on, and how many jobs
      there are.
    merge: How many jobs of an array to merge.
    workers: Processes; one per core by default.

  Returns:
    The prepared folder; of a job that does not complete it, what comes next.

  Raises:
    UserError: The tree cannot be read or split like that, there is no such
      engine, or the arguments do not go together.
  """
  if not (shard or merge):
    from manloc_jax.data import prepare as prepare_lib

    with engine_arguments.start(engine, address) as ordered_map:
      return str(
          prepare_lib.prepare(workers=workers, engine=ordered_map, **options)
      )
  if engine != engine_arguments.LOCAL or (shard and merge):
    raise errors.UserError(
        '--shard and --merge are steps of an array of jobs, each on its own'
        ' machine; give one of them, and leave --engine out.'
    )
  from manloc_jax.data import array_job
  from manloc_jax.data import preparation_plan
  from manloc_jax.data import worker_pool

  plan = preparation_plan.make(**options)
  is_done = plan.folder.exists()
  if shard and not is_done:
    index, count = shard
    with worker_pool.ordered_map(workers) as run:
      return array_job.work(plan, index, count, run)
  if merge and not is_done:
    array_job.merge(plan, merge)
  return str(plan.folder)


def options_of(data: 'ml_collections.ConfigDict') -> dict[str, Any]:
  """Returns the arguments of `preparation_plan.make` of a config's data."""
  from manloc_jax.data.sampling import patches

  return {
      'dataset': data.name,
      'root': data.root,
      'out': data.prepared,
      'seed': data.seed,
      'split_rule': data.split_rule,
      'split_list': data.split_list,
      'fractions': data.fractions,
      'sampler': patches.Sampler(**data.sampler),
      'use_pristine': data.use_pristine,
      'size_mismatch': data.size_mismatch,
      'backend': data.backend,
      'num_shards': data.num_shards,
      'allow_outside': data.get('allow_outside', False),
  }
