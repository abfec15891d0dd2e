r"""Measures the start of a run, up to its first finished training step.

  python -m manloc_jax.benchmarks.startup --config=configs/demo.py
  python -m manloc_jax.benchmarks.startup --json=- --config=configs/demo.py \
      --config.data.root=FOLDER

Flags that are not its own go to `manloc_jax.main`, which is started with an
empty cache of compiled programs (cold) and then with what that start has left
there (warm), each time in a new run folder, and stopped after its first step.
The set is prepared before. `ratio_to_peer` is cold over warm.
"""

from collections.abc import Mapping, Sequence
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import Any

from absl import flags
import jax
import numpy as np

from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.training import startup_timer

_STARTS = flags.DEFINE_integer(
    'starts', 3, 'Of each kind, interleaved.', lower_bound=1
)
_JSON = results.define_json_flag()

KINDS = ('cold', 'warm')

Start = tuple[float, dict[str, float]]  # Seconds in all, and of each stage.


def main(argv: list[str]) -> None:
  """Starts runs, prints the times of their stages and writes JSON."""
  command = [sys.executable, '-m', 'manloc_jax.main', *argv[1:]]
  prepare = [*command, '--mode=prepare']
  subprocess.run(prepare, check=True, stdout=sys.stderr)
  starts: dict[str, list[Start]] = {kind: [] for kind in KINDS}
  for _ in range(_STARTS.value):
    with tempfile.TemporaryDirectory() as cache:
      for kind in KINDS:
        starts[kind].append(_start(command, cache))
  device = jax.devices()[0]
  result = {
      'benchmark': 'startup',
      **results.describe_machine(device.platform, device.device_kind),
      'arguments': argv[1:],
      **summarize(starts),
  }
  results.finish(result, lines(result), _JSON.value)


def _start(command: Sequence[str], cache: str) -> Start:
  """Starts a run; returns the seconds to its first step, and its stages."""
  environment = {**os.environ, 'JAX_COMPILATION_CACHE_DIR': cache}
  with tempfile.TemporaryDirectory() as scratch:
    begin = time.monotonic()
    process = subprocess.Popen(
        [*command, '--mode=train', f'--workdir={scratch}/run'],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
      assert process.stderr is not None  # It is a pipe.
      log = []
      for line in process.stderr:
        if line.startswith(startup_timer.FIRST_STEP):
          seconds = time.monotonic() - begin
          process.kill()
          return seconds, parse(line)
        log.append(line)
  raise RuntimeError('The run ended before a step:\n' + ''.join(log))


def parse(line: str) -> dict[str, float]:
  """Reads the seconds of each stage from the line of a run."""
  _, stages = line.split(': ')
  return {
      name: float(seconds)
      for name, seconds in re.findall(r'(\w[\w ]*) ([\d.]+)', stages)
  }


def summarize(
    starts: Mapping[str, Sequence[Start]],
) -> dict[str, Any]:
  """Returns the seconds of each kind of start, as medians.

  Args:
    starts: For each of `KINDS`, seconds and stages of each start.
  """
  rows: dict[str, dict[str, Any]] = {}
  for kind, measured in starts.items():
    seconds = [total for total, _ in measured]
    stages = [of_stages for _, of_stages in measured]
    rows[kind] = {
        'seconds': float(np.median(seconds)),
        'least_seconds': min(seconds),
        'most_seconds': max(seconds),
        'stages': {
            name: float(np.median([row[name] for row in stages]))
            for name in stages[0]
        },
    }
  ratio = rows['cold']['seconds'] / rows['warm']['seconds']
  return {'ratio_to_peer': ratio, **rows}


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  out = [f'first step of a run, {result["device"]}']
  for kind in KINDS:
    row = result[kind]
    stages = ', '.join(f'{k} {v:.1f}' for k, v in row['stages'].items())
    out.append(
        f'  {kind} {row["seconds"]:6.1f} s ({row["least_seconds"]:.1f} to'
        f' {row["most_seconds"]:.1f}): {stages}'
    )
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main, known_only=True))
