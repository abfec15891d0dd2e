"""Flags, measurement and output of the commands that compare candidates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags
import jax
import ml_collections

from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import interleaved
from manloc_jax.benchmarks import results
from manloc_jax.commands import config_files

CONFIG = config_files.define_flag('configs/default.py')
BATCH_SIZE = flags.DEFINE_integer('batch_size', 64, 'Patches.', lower_bound=1)
PRECISION = flags.DEFINE_enum(
    'precision', 'float32', candidates.PRECISIONS, 'Of the products.'
)
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Runs of each.', lower_bound=1)
_TURN_SECONDS = flags.DEFINE_float('turn_seconds', 2.0, 'Length of a run.')
_JSON = results.define_json_flag()

Result = dict[str, Any]
Times = Mapping[str, interleaved.Times]


def define_peers(peers: Sequence[str], default: Sequence[str]):
  """Defines `--peer`, the candidates to compare with."""
  return flags.DEFINE_multi_enum(
      'peer',
      default,
      peers,
      'Compared with ours; `ratio_to_peer` is of the first.',
      allow_override=True,  # Tests import several commands at once.
  )


def define_mode():
  """Defines `--mode`, whether gradients are taken."""
  return flags.DEFINE_enum(
      'mode',
      'train',
      ['train', 'forward'],
      'What to do.',
      allow_override=True,  # See above.
  )


def define_microbatch_size():
  """Defines `--chunk`, the microbatch size of `steps.make_train_step`."""
  return flags.DEFINE_integer(
      'chunk',
      None,
      'Patches that a device computes at once (microbatch); 0: all.',
      allow_override=True,  # See above.
  )


def define_patches(default: int):
  """Defines `--patches`, the size of a random set."""
  return flags.DEFINE_integer(
      'patches',
      default,
      'In a random set.',
      lower_bound=1,
      allow_override=True,  # See above.
  )


def read_config() -> ml_collections.ConfigDict:
  """Returns the config, with `--batch_size` for training and evaluation."""
  config = CONFIG.value
  config.batch_size = config.eval.batch_size = BATCH_SIZE.value
  return config


def measure(
    makers: Mapping[str, Callable[[], candidates.Run]],
    environment: Mapping[str, str] | None = None,
) -> Times:
  """Measures candidates in interleaved runs.

  Args:
    makers: `interleaved.Candidate.make` by name.
    environment: Environment variables of all.

  Returns:
    Times by name.
  """
  return interleaved.measure(
      [
          interleaved.Candidate(*item, environment or {})
          for item in makers.items()
      ],
      rounds=_ROUNDS.value,
      turn_seconds=_TURN_SECONDS.value,
  )


def compare(times: Times, patches: int) -> Result:
  """Returns the speed of each, and the ratios of the first to the others.

  Args:
    times: By candidate; ours comes first, then those it is compared with.
    patches: Of one repeat.
  """
  ours, *peers = times
  rows = {name: each.summary() for name, each in times.items()}
  for row in rows.values():
    row['patches_per_s'] = 1e3 * patches / row['milliseconds']
  ratios = {
      peer: interleaved.ratio(times[ours], times[peer]) for peer in peers
  }
  return {
      'ratio_to_peer': ratios[peers[0]]['median'] if peers else None,
      'patches_per_s': rows[ours]['patches_per_s'],
      'ratios': ratios,
      'contestants': rows,
  }


def lines(result: Result) -> list[str]:
  """Renders what `compare` says, a line for each candidate."""
  out = []
  for name, row in result['contestants'].items():
    text = f'  {name:<20} {row["milliseconds"]:9.1f} ms'
    text += f' {row["patches_per_s"]:9.1f} patches/s {row["peak_mib"]:7.0f} MiB'
    if ratio := result['ratios'].get(name):
      text += (
          f'   ours is {ratio["median"]:.2f} times as fast'
          f' ({ratio["least"]:.2f} to {ratio["most"]:.2f})'
      )
    out.append(text)
  return out


def finish(
    benchmark: str,
    result: Result,
    render: Callable[[Result], Sequence[str]],
) -> None:
  """Prints a result for people and writes it as JSON.

  Args:
    benchmark: Name of the command.
    result: Its measurements.
    render: Turns the result, with the flags and the machine, into lines.
  """
  device = jax.devices()[0]
  result = {
      'benchmark': benchmark,
      **results.describe_machine(device.platform, device.device_kind),
      'batch_size': BATCH_SIZE.value,
      'precision': PRECISION.value,
      'model': CONFIG.value.model.to_dict(),
      'rounds': _ROUNDS.value,
      **result,
  }
  results.finish(result, render(result), _JSON.value)
