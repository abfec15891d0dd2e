"""Starts small training runs in processes, and breaks them."""

from collections.abc import Iterator
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import runpy
import shutil
import signal
import sys
import time
from typing import Any

# Kinds of faults, and what they are called in tables.
KINDS = {
    'kill': 'SIGKILL',
    'term': 'SIGTERM',
    'worker': 'SIGKILL of a process that prepares',
    'shard': 'a shard damaged',
    'disk': 'the disk full',
}
STEPS = 30
_LIMIT_SECONDS = 300.0  # Of a run.
_PREPARING_SECONDS = 4.0  # In which a worker process is killed.
# Every run is a process of its own, but what it imports is imported once.
_PRELOADED = [
    'manloc_jax.commands.config_checks',
    'manloc_jax.data.input.pipeline',
    'manloc_jax.data.prepare',
    'manloc_jax.training.train',
]


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


class Runs:
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
