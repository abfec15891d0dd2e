r"""Compares the input with the train step that consumes it.

  python -m manloc_jax.benchmarks.pipeline --json=-
  python -m manloc_jax.benchmarks.pipeline --prepared=data/demo-given-...

A repeat is one batch, on the devices as training gets it. Without `--prepared`
sets of noise are written to a temporary folder, one of arrays and a TFRecord
set for each number of `--shards`; `ratio_to_peer` is of the first. It tells
how many times faster input is than the train step.
"""

from collections.abc import Iterator
import functools
import pathlib
import sys
import tempfile

from absl import flags
import jax

from manloc_jax import errors
from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import random_set
from manloc_jax.commands import flag_commands
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import device_dataset
from manloc_jax.training import sharding

STEP = 'train step'

_PREPARED = flags.DEFINE_string('prepared', None, 'Folder of a prepared set.')
_PATCHES = command.define_patches(20_000)
_SHARDS = flags.DEFINE_multi_integer(
    'shards', [4, 1, 16], 'In sets of noise.', lower_bound=1
)


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  config = command.read_config()
  with tempfile.TemporaryDirectory() as scratch:
    first, *others = _sets(pathlib.Path(scratch))
    made = {
        name(first): functools.partial(make_input, config, first),
        STEP: functools.partial(
            candidates.make_step,
            config,
            'train',
            precision=command.PRECISION.value,
            microbatch_size=None,
        ),
        **{
            name(prepared): functools.partial(make_input, config, prepared)
            for prepared in others
        },
    }
    times = command.measure(made)
    shards = {
        name(prepared): len(prepared.shard_paths('train'))
        for prepared in (first, *others)
        if prepared.backend != backend_names.MEMORY
    }
  result = summarize(times, shards, config.batch_size)
  command.finish('pipeline', result, lines)


def _sets(scratch: pathlib.Path) -> list[prepared_set.PreparedSet]:
  """Returns the prepared sets to read."""
  if _PREPARED.value:
    prepared = prepared_set.PreparedSet.open(_PREPARED.value)
    if prepared.backend == backend_names.ONLINE:
      raise errors.UserError(
          f'{_PREPARED.value} is trained on forgeries generated online, whose'
          ' workers would go on while the train step is timed; see'
          ' input_wait_share in the metrics.jsonl of a run instead.'
      )
    return [prepared]
  write = functools.partial(
      random_set.write, split='train', patches=_PATCHES.value
  )
  of_shards = [
      write(scratch / f'{shards}', backend='tfrecord', num_shards=shards)
      for shards in _SHARDS.value
  ]
  arrays = write(scratch / 'memory', backend='memory', num_shards=1)
  return [*of_shards, arrays]


def name(prepared: prepared_set.PreparedSet) -> str:
  """Says how a prepared set is read, in the words of the committed results."""
  if prepared.backend == backend_names.MEMORY:
    return 'resident'
  return f'stream, shards: {len(prepared.shard_paths("train"))}'


def make_input(
    config, prepared: prepared_set.PreparedSet
) -> candidates.Run:
  """Makes the batches of a prepared set."""
  batches = open_batches(config, prepared, candidates.start(config, 'float32'))

  def run(repeats: int) -> None:
    for _ in range(repeats):
      jax.block_until_ready(next(batches))

  return run


def open_batches(
    config, prepared: prepared_set.PreparedSet, mesh
) -> Iterator:
  """Returns the training batches of a prepared set, on the devices."""
  order = {'batch_size': config.batch_size, 'seed': config.seed}
  if prepared.backend == backend_names.MEMORY:
    return device_dataset.train_batches(prepared, mesh, **order)
  from manloc_jax.data.input import pipeline  # With TensorFlow.

  return sharding.prefetch(pipeline.train_batches(prepared, **order), mesh)


def summarize(
    times: command.Times, shards: dict[str, int], batch_size: int
) -> command.Result:
  """Returns speeds, ratios and the time of a batch by number of shards.

  Args:
    times: By candidate; input comes first, then `STEP`, then other input.
    shards: Of the candidates that read shards.
    batch_size: Patches.
  """
  result = command.compare(times, batch_size)
  rows = result['contestants']
  return {
      **result,
      'milliseconds_by_shards': {
          count: rows[name]['milliseconds'] for name, count in shards.items()
      },
  }


def lines(result: command.Result) -> list[str]:
  """Renders a result for a terminal."""
  return [
      f'input, batch {result["batch_size"]}, {result["device"]}',
      *command.lines(result),
  ]


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
