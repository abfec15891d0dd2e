r"""Measures whether a long run stays as fast and as small as it began.

  python -m manloc_jax.benchmarks.endurance --config=configs/small.py \
      --batch_size=16 --steps=10000

Trains on a set of noise as a run does and compares the tenths of the run:
time of a step, and resident memory at the end of the tenth. `drift` is the
last tenth's time over the second's, for the first one warms up.
"""

import pathlib
import sys
import tempfile
import time

from absl import flags
import jax
import numpy as np

from manloc_jax import models
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import pipeline
from manloc_jax.benchmarks import random_set
from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib
from manloc_jax.training import steps

_STEPS = flags.DEFINE_integer('steps', 10_000, 'Updates.', lower_bound=20)
_BACKEND = flags.DEFINE_enum(
    'backend', 'tfrecord', ['tfrecord', 'memory'], 'Where patches come from.'
)
_PATCHES = command.define_patches(10_000)

_TENTHS = 10


def main(argv: list[str]) -> None:
  """Trains, prints a line for each tenth and writes JSON."""
  del argv
  config = command.read_config()
  mesh = candidates.start(config, command.PRECISION.value)
  with tempfile.TemporaryDirectory() as scratch:
    prepared = random_set.write(
        pathlib.Path(scratch) / 'set',
        'train',
        patches=_PATCHES.value,
        backend=_BACKEND.value,
        num_shards=config.data.num_shards,
    )
    tenths = train(config, prepared, mesh, _STEPS.value)
  command.finish(
      'endurance', summarize(tenths, _BACKEND.value, config.batch_size), lines
  )


def train(
    config, prepared: prepared_set.PreparedSet, mesh, num_steps: int
) -> list[dict[str, float]]:
  """Trains for `num_steps` updates; returns the times of each tenth."""
  model = models.make(config)
  tx, _ = state_lib.make_optimizer(num_steps=num_steps, **config.optim)
  step = steps.make_train_step(
      model, tx, mesh, symmetries=config.train.symmetries
  )
  state = state_lib.create(model, tx, models.SIDE, jax.random.key(config.seed))
  state = jax.device_put(state, sharding.replicated(mesh))
  batches = pipeline.open_batches(config, prepared, mesh)
  tenths = []
  steps_of_tenth = num_steps // _TENTHS
  for number in range(_TENTHS):
    start = time.perf_counter()
    for _ in range(steps_of_tenth):
      state, scalars = step(state, next(batches))
    jax.block_until_ready(scalars)
    seconds = time.perf_counter() - start
    tenths.append({
        'milliseconds': 1e3 * seconds / steps_of_tenth,
        'resident_mib': results.resident_bytes() / 2**20,
    })
    results.say(f'tenth {number + 1}: {tenths[-1]["milliseconds"]:.1f} ms')
  return tenths


def summarize(
    tenths: list[dict[str, float]], backend: str, batch_size: int
) -> command.Result:
  """Returns speed, drift and growth.

  Args:
    tenths: Milliseconds of a step and MiB, of each tenth.
    backend: Where the patches came from.
    batch_size: Patches.
  """
  second, last = tenths[1], tenths[-1]
  milliseconds = float(np.median([t['milliseconds'] for t in tenths]))
  return {
      'source': backend,
      'steps': _STEPS.value,
      'patches_per_s': 1e3 * batch_size / milliseconds,
      'drift': last['milliseconds'] / second['milliseconds'],
      'growth_mib': last['resident_mib'] - second['resident_mib'],
      'tenths': tenths,
  }


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  return [
      f'{result["steps"]} steps of batch {result["batch_size"]} from'
      f' {result["source"]}, {result["device"]}',
      f'  {result["patches_per_s"]:.0f} patches/s; from the second tenth to the'
      f' last the time of a step changed by {result["drift"] - 1:+.1%}, memory'
      f' by {result["growth_mib"]:+.0f} MiB',
  ]


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
