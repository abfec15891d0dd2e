r"""Reports the memory that the compiler plans for a train step.

  python -m manloc_jax.benchmarks.memory --batches=16,64,256,1024

Nothing runs: each step is compiled for its shapes alone.
"""

import sys

from absl import flags
import jax
import jax.numpy as jnp

from manloc_jax import argument_types
from manloc_jax import models
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import results
from manloc_jax.benchmarks import workload
from manloc_jax.commands import flag_commands
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps

_BATCHES = flags.DEFINE_list(
    'batches', ['16', '64', '256', '1024'], 'Patches in each.'
)
_MICROBATCH_SIZE = command.define_microbatch_size()


def main(argv: list[str]) -> None:
  """Compiles, prints a line for each batch and writes JSON."""
  del argv
  config = command.read_config()
  sizes = results.read_numbers(
      '--batches', _BATCHES.value, argument_types.positive
  )
  mesh = candidates.start(config, command.PRECISION.value)
  rows = [
      {'batch_size': size, **plan(config, mesh, size, _MICROBATCH_SIZE.value)}
      for size in sizes
  ]
  result = {'rows': rows, 'chunk': _MICROBATCH_SIZE.value}
  command.finish('memory', result, lines)


def plan(
    config, mesh, batch_size: int, microbatch_size: int | None
) -> dict[str, float]:
  """Returns the MiB that a train step takes on each device.

  Args:
    config: Config of the network and the optimizer.
    mesh: Devices.
    batch_size: Patches over all devices.
    microbatch_size: See `steps.make_train_step`.
  """
  model = models.make(config)
  tx, _ = state_lib.make_optimizer(num_steps=config.num_steps, **config.optim)
  create = lambda key: state_lib.create(model, tx, models.SIDE, key)
  state = jax.eval_shape(create, jax.random.key(0))
  abstract = lambda tree, layout: jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=layout), tree
  )
  batch = jax.eval_shape(
      lambda: jax.tree.map(jnp.asarray, workload.random_batch(batch_size))
  )
  step = steps.make_train_step(
      model, tx, mesh, loss=config.loss, microbatch_size=microbatch_size
  )
  memory = step.lower(
      abstract(state, sharding.replicated(mesh)),
      abstract(batch, sharding.sharded(mesh)),
  ).compile().memory_analysis()
  return {
      'temporary_mib': memory.temp_size_in_bytes / 2**20,
      'argument_mib': memory.argument_size_in_bytes / 2**20,
  }


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  out = [f'memory of a train step on each device, {result["device"]}']
  for row in result['rows']:
    out.append(
        f'  batch {row["batch_size"]:5d} {row["temporary_mib"]:9.0f} MiB'
        f' temporary, {row["argument_mib"]:6.0f} MiB state and batch'
    )
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
