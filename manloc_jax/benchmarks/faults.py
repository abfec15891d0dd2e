r"""Breaks small training runs at random, and looks at how each of them ends.

  python -m manloc_jax.benchmarks.faults --count=10 --json=-

A run trains a small network on forged photographs, and is hit once, at a random
moment, by one of `broken_runs.KINDS`. It may end like an unbroken run or stop
with one sentence. The same command, given again once the damage is mended, has
to lead to the losses and the parameters of the unbroken run, bit for bit. A run
of which one of this does not hold is `lost`.

A full disk needs the right to mount a small file system in memory; without it
this kind is left out.
"""

from collections.abc import Iterator, Sequence
import contextlib
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import Any

from absl import flags
from absl import logging
import tqdm

from manloc_jax.benchmarks import broken_runs
from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands

_COUNTED = ('faults', 'finished', 'stopped', 'killed', 'same', 'lost')
_DISK_BYTES = 256 << 20
_COUNT = flags.DEFINE_integer('count', 100, 'Faults.', lower_bound=1)
_SEED = flags.DEFINE_integer('seed', 0, 'Of kinds and moments.')
_JSON = results.define_json_flag()

Case = broken_runs.Case
Row = dict[str, Any]


def main(argv: Sequence[str]) -> None:
  """Breaks runs, prints a table and writes JSON."""
  del argv
  logging.set_verbosity(logging.WARNING)  # Orbax logs every file that it opens.
  with (
      tempfile.TemporaryDirectory() as name,
      _small_disk(name) as has_disk,
      tempfile.NamedTemporaryFile() as log,
  ):
    kinds = [kind for kind in broken_runs.KINDS if has_disk or kind != 'disk']
    cases = draw(_COUNT.value, _SEED.value, kinds)
    runs = broken_runs.Runs(pathlib.Path(name), pathlib.Path(log.name))
    rows = break_runs(runs, cases)
  result = {
      'benchmark': 'faults',
      **results.describe_machine('cpu', ''),
      'seed': _SEED.value,
      'rows': rows,
      'lost': sum(row['lost'] for row in rows),
  }
  results.finish(result, lines(result), _JSON.value)


def draw(count: int, seed: int, kinds: Sequence[str]) -> list[Case]:
  """Draws faults: all kinds equally often, at random moments."""
  rng = random.Random(seed)
  return [Case(kinds[i % len(kinds)], rng.random()) for i in range(count)]


def break_runs(runs: broken_runs.Runs, cases: Sequence[Case]) -> list[Row]:
  """Breaks runs and goes on with them.

  Args:
    runs: Starts them; each is deleted at its end.
    cases: The faults.

  Returns:
    For each kind of fault: `faults`; how many `finished` all the same, were
    `stopped` with a sentence or `killed`; how many had the `same` outcome in
    the end; and those `lost`, with what they printed.
  """
  folder = runs.folder
  runs.whole('prepares', folder / 'data')
  end, expected = runs.whole('unbroken', folder / 'data')
  if expected is None:
    raise RuntimeError(f'The unbroken run ended with: {end.sentence}')
  rows: dict[str, Row] = {}
  for i, case in enumerate(tqdm.tqdm(cases, unit='fault', disable=None)):
    name = f'run{i}'
    broken = runs.broken(case, name, end.seconds)
    again, made = runs.whole(name, folder / f'{name}-data')
    row = rows.setdefault(
        case.kind,
        {'kind': case.kind, **dict.fromkeys(_COUNTED, 0), 'sentences': []},
    )
    row['faults'] += 1
    row[_how(broken)] += 1
    row['same'] += made == expected
    if made != expected or not broken_runs.is_explained(case, broken):
      row['lost'] += 1
      results.say(f'Lost by {case}: {broken}; then {again}')
    sentence = broken.sentence.replace(str(folder), '.')
    if broken.code > 0 and sentence not in row['sentences']:
      row['sentences'].append(sentence)
    for path in folder.glob(f'{name}*'):
      shutil.rmtree(path) if path.is_dir() else path.unlink()
  return [rows[kind] for kind in broken_runs.KINDS if kind in rows]


def _how(end: broken_runs.End) -> str:
  if end.code == 0:
    return 'finished'
  return 'killed' if end.code == -signal.SIGKILL else 'stopped'


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  out = [
      f'random faults in runs of {broken_runs.STEPS} steps, {result["device"]}',
      f'  {"fault":<36} {" ".join(f"{name:>8}" for name in _COUNTED)}',
  ]
  for row in result['rows']:
    counts = ' '.join(f'{row[name]:8d}' for name in _COUNTED)
    out.append(f'  {broken_runs.KINDS[row["kind"]]:<36} {counts}')
  return out


@contextlib.contextmanager
def _small_disk(folder: str) -> Iterator[bool]:
  """Mounts a small file system at a folder; yields whether that is allowed."""
  command = ['mount', '-t', 'tmpfs', '-o', f'size={_DISK_BYTES}', 'tmpfs']
  mounted = shutil.which('mount') is not None and not subprocess.run(
      [*command, folder], capture_output=True
  ).returncode
  if not mounted:
    results.say('No file system can be mounted: no disk is filled.')
  try:
    yield mounted
  finally:
    if mounted:
      subprocess.run(['umount', '--lazy', folder], check=True)


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
