r"""Compares the speed of training in several processes with that in one.

  python -m manloc_jax.benchmarks.processes --config=configs/demo.py

Flags that are not its own go to `manloc_jax.main`, which trains the same global
batch in one process and in several on this machine, in turn. `efficiency` is
the ratio of their speeds over the number of processes. Where the processes
share cores it can at most be one over that number: it then shows what
connecting them costs, and nothing about machines of their own.
"""

from collections.abc import Sequence
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
from typing import Any

from absl import flags
import jax
import numpy as np

from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.training import metric_writer

_PROCESSES = flags.DEFINE_integer(
    'processes', 2, 'Compared with one.', lower_bound=2
)
_ROUNDS = flags.DEFINE_integer(
    'rounds', 3, 'Runs of each.', lower_bound=1, allow_override=True
)
_STEPS = flags.DEFINE_integer(
    'steps', 60, 'Of a run; the first third is not timed.', lower_bound=6
)
_JSON = results.define_json_flag()


def main(argv: Sequence[str]) -> None:
  """Trains in turn, prints the ratio and writes JSON."""
  several = _PROCESSES.value
  command = [sys.executable, '-m', 'manloc_jax.main', *argv[1:]]
  prepare = [*command, '--mode=prepare']
  subprocess.run(prepare, check=True, stdout=sys.stderr)
  command += [
      '--mode=train',
      f'--config.num_steps={_STEPS.value}',
      f'--config.train.eval_every_steps={_STEPS.value}',
      f'--config.train.checkpoint_every_steps={_STEPS.value}',
      '--config.train.log_every_steps=2',
  ]
  rates: dict[int, list[float]] = {1: [], several: []}
  for _ in range(_ROUNDS.value):
    for count, measured in rates.items():
      measured.append(_rate(command, count))
  device = jax.devices()[0]
  result = {
      'benchmark': 'processes',
      **results.describe_machine(device.platform, device.device_kind),
      'arguments': list(argv[1:]),
      **summarize(rates),
  }
  results.finish(result, lines(result), _JSON.value)


def _rate(command: Sequence[str], count: int) -> float:
  """Trains in processes on this machine; returns patches per second.

  Raises:
    RuntimeError: One of them fails.
  """
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{probe.getsockname()[1]}'
  with tempfile.TemporaryDirectory() as scratch:
    started = [
        subprocess.Popen(
            [
                *command,
                f'--workdir={scratch}/run',
                '--distributed',
                f'--coordinator_address={address}',
                f'--num_processes={count}',
                f'--process_id={i}',
            ],
            env=_environment(i),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(count)
    ]
    ends = [process.communicate()[1] for process in started]
    for process, log in zip(started, ends, strict=True):
      if process.returncode:
        raise RuntimeError(f'A process failed:\n{log}')
    speeds = [
        float(line['patches_per_s'] or 0)
        for line in metric_writer.read(str(pathlib.Path(scratch, 'run')))
        if 'patches_per_s' in line
    ]
  return float(np.median(speeds[len(speeds) // 3 :]))


def _environment(index: int) -> dict[str, str]:
  """Gives each process a GPU of its own, where there are any."""
  if jax.default_backend() == 'cpu':
    return {**os.environ}
  return {**os.environ, 'JAX_LOCAL_DEVICE_IDS': str(index)}


def summarize(rates: dict[int, list[float]]) -> dict[str, Any]:
  """Returns speeds, and the ratio within a round.

  Args:
    rates: Patches per second of each round, by the number of processes; that of
      one comes first.
  """
  several = max(rates)
  ratios = np.array(rates[several]) / np.array(rates[1])
  return {
      'processes': several,
      'patches_per_s': {
          str(count): float(np.median(measured))
          for count, measured in rates.items()
      },
      'ratio_to_peer': float(np.median(ratios)),
      'least': float(ratios.min()),
      'most': float(ratios.max()),
      'efficiency': float(np.median(ratios)) / several,
  }


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  count = result['processes']
  return [
      f'training in {count} processes and in one, {result["device"]}',
      *(
          f'  {name:>2} processes {speed:9.1f} patches/s'
          for name, speed in result['patches_per_s'].items()
      ),
      f'  {count} are {result["ratio_to_peer"]:.2f} times as fast as one'
      f' ({result["least"]:.2f} to {result["most"]:.2f}): an efficiency of'
      f' {result["efficiency"]:.2f}',
  ]


if __name__ == '__main__':
  sys.exit(flag_commands.run(main, known_only=True))
