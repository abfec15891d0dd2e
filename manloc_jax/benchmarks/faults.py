r"""Breaks small training runs at random, and looks at how each of them ends.

  python -m manloc_jax.benchmarks.faults --count=10 --json=-

A run trains a small network on forged photographs, and is hit once, at a random
moment, by one of `KINDS`. It may end like an unbroken run or stop with one
sentence. The same command, given again once the damage is mended, has to lead
to the losses and the parameters of the unbroken run, bit for bit. A run of
which one of this does not hold is `lost`.

A full disk needs the right to mount a small file system in memory; without it
this kind is left out.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import random
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from absl import flags
from absl import logging
import tqdm

from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands

KINDS = {
    'kill': 'SIGKILL',
    'term': 'SIGTERM',
    'worker': 'SIGKILL of a process that prepares',
    'shard': 'a shard damaged',
    'disk': 'the disk full',
}
_COUNTED = ('faults', 'finished', 'stopped', 'killed', 'same', 'lost')
STEPS = 30
_LIMIT_SECONDS = 300.0  # Of a run.
_DISK_BYTES = 256 << 20
_PREPARING_SECONDS = 4.0  # In which a worker process is killed.
_COUNT = flags.DEFINE_integer('count', 100, 'Faults.', lower_bound=1)
_SEED = flags.DEFINE_integer('seed', 0, 'Of kinds and moments.')
_JSON = results.define_json_flag()
# Every run is a process of its own, but what it imports is imported once.
_PRELOADED = [
    'manloc_jax.commands.config_checks',
    'manloc_jax.data.input.pipeline',
    'manloc_jax.data.prepare',
    'manloc_jax.training.train',
]

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Case:
  """A fault.

  Attributes:
    kind: One of `KINDS`.
    moment: When it comes, as a fraction of an unbroken run.
  """

  kind: str
  moment: float


@dataclasses.dataclass(frozen=True)
class End:
  """How a run ended.

  Attributes:
    code: Exit code; negative for a signal that ended the process.
    sentence: The last line of its standard error.
    is_traceback: Whether it showed a traceback.
    seconds: How long it took.
  """

  code: int
  sentence: str
  is_traceback: bool
  seconds: float


class Bench:
  """Starts runs below a folder and breaks them.

  Attributes:
    folder: Holds the set that all runs share, and a folder for each run.
    log: What the last run printed on standard error; not on the same disk.
  """

  def __init__(self, folder: pathlib.Path, log: pathlib.Path):
    self.folder, self.log = folder, log
    os.environ.update(
        JAX_PLATFORMS='cpu',
        JAX_COMPILATION_CACHE_DIR=f'{folder}/programs',
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS='0',
        TF_CPP_MIN_LOG_LEVEL='3',
    )
    self._context = multiprocessing.get_context('forkserver')
    self._context.set_forkserver_preload(_PRELOADED)

  def arguments(self, run: pathlib.Path, data: pathlib.Path) -> list[str]:
    """Returns the flags of `manloc_jax.main` for a run of seconds."""
    return [
        '--config=configs/synthetic.py',
        '--mode=train',
        f'--workdir={run}',
        f'--config.data.prepared={data}',
        f'--config.data.root={self.folder}/forged',
        '--config.data.forge.counts=(12, 4, 4)',
        '--config.data.forge.size=(96, 128)',
        '--config.data.backend=tfrecord',
        '--config.model.lstm_hidden=(8, 8, 64)',
        '--config.batch_size=8',
        f'--config.num_steps={STEPS}',
        f'--config.train.eval_every_steps={STEPS // 2}',
        '--config.train.checkpoint_every_steps=3',
        '--config.train.log_every_steps=1',
    ]

  def start(self, run: pathlib.Path, data: pathlib.Path):
    """Starts a run; returns its process."""
    process = self._context.Process(
        target=_run_main, args=(self.arguments(run, data), str(self.log))
    )
    process.start()
    return process

  def wait(self, process, run: pathlib.Path, since: float) -> End:
    """Waits for the end of a run.

    Raises:
      RuntimeError: It hangs.
    """
    process.join(_LIMIT_SECONDS)
    if process.is_alive():
      process.kill()
      raise RuntimeError(f'{run} hangs: {self.log.read_text()}')
    log = self.log.read_text()
    return End(
        process.exitcode,
        (log.strip().splitlines() or [''])[-1],
        'Traceback' in log,
        time.monotonic() - since,
    )

  def whole(self, name: str, data: pathlib.Path) -> tuple[End, Any]:
    """Does an unbroken run, or goes on with a broken one.

    Returns:
      Its end and its outcome, see `outcome`.
    """
    run, since = self.folder / name, time.monotonic()
    end = self.wait(self.start(run, data), run, since)
    return end, outcome(run) if end.code == 0 else None

  def broken(self, case: Case, name: str, seconds: float) -> End:
    """Does a run that is hit, and mends the damage at its end.

    Args:
      case: The fault.
      name: Of the run's folder; its set lies beside it.
      seconds: Of an unbroken run.
    """
    run, data = self.folder / name, self.folder / f'{name}-data'
    if case.kind != 'worker':  # Which takes a set that is to be prepared.
      shutil.copytree(self.folder / 'data', data)
    since = time.monotonic()
    process = self.start(run, data)
    if case.kind == 'worker':
      _wait_for_workers(process)
      seconds = _PREPARING_SECONDS
    process.join(case.moment * seconds)
    with contextlib.ExitStack() as mended:
      if process.is_alive():
        mended.enter_context(_hit(case.kind, process.pid, data, self.folder))
      return self.wait(process, run, since)


def _run_main(arguments: list[str], log: str) -> None:
  """Becomes `python -m manloc_jax.main`."""
  descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
  os.dup2(descriptor, 2)
  os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
  sys.argv = ['manloc_jax.main', *arguments]
  runpy.run_module('manloc_jax.main', run_name='__main__', alter_sys=True)


@contextlib.contextmanager
def _hit(
    kind: str, pid: int, data: pathlib.Path, disk: pathlib.Path
) -> Iterator[None]:
  """Does the damage, and mends it at the end of the block."""
  if kind == 'kill':
    os.kill(pid, signal.SIGKILL)
    yield
  elif kind == 'term':
    os.kill(pid, signal.SIGTERM)
    yield
  elif kind == 'worker':
    for child in _children(pid)[-1:]:
      with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    yield
  elif kind == 'shard':
    shard = sorted(data.rglob('*train.tfrecord*'))[0]
    content = shard.read_bytes()
    middle = len(content) // 2
    shard.write_bytes(
        content[:middle] + b'\xff' * 64 + content[middle + 64 :]
    )
    yield
    shard.write_bytes(content)
  else:
    filler = disk / 'filler'
    with contextlib.suppress(OSError), filler.open('wb', buffering=0) as file:
      while True:
        file.write(bytes(1 << 16))
    yield
    filler.unlink()


def _wait_for_workers(process) -> None:
  """Returns once a run has workers besides multiprocessing's own process."""
  while process.is_alive() and len(_children(process.pid)) < 2:
    time.sleep(0.01)


def _children(pid: int) -> list[int]:
  lists = pathlib.Path(f'/proc/{pid}/task').glob('*/children')
  return [int(child) for path in lists for child in path.read_text().split()]


def outcome(run: pathlib.Path) -> Any:
  """Returns the losses of a finished run and a hash of its parameters."""
  from manloc_jax.training import checkpoint
  from manloc_jax.training import metric_writer
  from manloc_jax.training import network_weights

  return [
      network_weights.digest(checkpoint.load(str(run), STEPS).params),
      *(
          (line['step'], line.get('train_total'), line.get('val_total'))
          for line in metric_writer.read(str(run))
      ),
  ]


def is_explained(case: Case, end: End) -> bool:
  """Tells whether a run ended as a fault of this kind may end it."""
  if end.is_traceback:
    return False
  if end.code in (0, -signal.SIGKILL):
    return end.code == 0 or case.kind == 'kill'
  return end.code in (2, 75, 143) and end.sentence.endswith('.')


def main(argv: Sequence[str]) -> None:
  """Breaks runs, prints a table and writes JSON."""
  del argv
  logging.set_verbosity(logging.WARNING)  # Orbax logs every file that it opens.
  with (
      tempfile.TemporaryDirectory() as name,
      _small_disk(name) as has_disk,
      tempfile.NamedTemporaryFile() as log,
  ):
    kinds = [kind for kind in KINDS if has_disk or kind != 'disk']
    cases = draw(_COUNT.value, _SEED.value, kinds)
    bench = Bench(pathlib.Path(name), pathlib.Path(log.name))
    rows = break_runs(bench, cases)
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


def break_runs(bench: Bench, cases: Sequence[Case]) -> list[Row]:
  """Breaks runs and goes on with them.

  Args:
    bench: Starts them; each is deleted at its end.
    cases: The faults.

  Returns:
    For each kind of fault: `faults`; how many `finished` all the same, were
    `stopped` with a sentence or `killed`; how many had the `same` outcome in
    the end; and those `lost`, with what they printed.
  """
  folder = bench.folder
  bench.whole('prepares', folder / 'data')
  end, expected = bench.whole('unbroken', folder / 'data')
  if expected is None:
    raise RuntimeError(f'The unbroken run ended with: {end.sentence}')
  rows: dict[str, Row] = {}
  for i, case in enumerate(tqdm.tqdm(cases, unit='fault', disable=None)):
    name = f'run{i}'
    broken = bench.broken(case, name, end.seconds)
    again, made = bench.whole(name, folder / f'{name}-data')
    row = rows.setdefault(
        case.kind,
        {'kind': case.kind, **dict.fromkeys(_COUNTED, 0), 'sentences': []},
    )
    row['faults'] += 1
    row[_how(broken)] += 1
    row['same'] += made == expected
    if made != expected or not is_explained(case, broken):
      row['lost'] += 1
      results.say(f'Lost by {case}: {broken}; then {again}')
    sentence = broken.sentence.replace(str(folder), '.')
    if broken.code > 0 and sentence not in row['sentences']:
      row['sentences'].append(sentence)
    for path in folder.glob(f'{name}*'):
      shutil.rmtree(path) if path.is_dir() else path.unlink()
  return [rows[kind] for kind in KINDS if kind in rows]


def _how(end: End) -> str:
  if end.code == 0:
    return 'finished'
  return 'killed' if end.code == -signal.SIGKILL else 'stopped'


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  out = [
      f'random faults in runs of {STEPS} steps, {result["device"]}',
      f'  {"fault":<36} {" ".join(f"{name:>8}" for name in _COUNTED)}',
  ]
  for row in result['rows']:
    counts = ' '.join(f'{row[name]:8d}' for name in _COUNTED)
    out.append(f'  {KINDS[row["kind"]]:<36} {counts}')
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
