"""Starts processes on this machine that work on one run together.

As a program it is one of these processes, or all of their work in a single one:
it trains, and scores patches and whole images, on each prepared set.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
SECONDS = 600  # For a group of processes, beside other work.


def start(
    count: int, command: list[str], cache: pathlib.Path, devices: int = 1
) -> list[subprocess.Popen]:
  """Starts processes, with the flags by which they find each other.

  Args:
    count: How many; a single one gets no flags.
    command: What Python runs.
    cache: Folder of compiled programs.
    devices: Of each process.
  """
  environment = {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      'JAX_NUM_CPU_DEVICES': str(devices),
      # Threads, on which the rounding of products depends, as of one process.
      'NPROC': str(max(devices, count)),
      # Compile faster, and most programs once.
      'JAX_COMPILATION_CACHE_DIR': str(cache),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
      'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
      'TF_CPP_MIN_LOG_LEVEL': '3',
      'PYTHONPATH': os.pathsep.join([str(ROOT), str(ROOT / 'tests')]),
  }
  with socket.socket() as probe:
    probe.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{probe.getsockname()[1]}'
  where = [
      '--distributed',
      f'--coordinator_address={address}',
      f'--num_processes={count}',
  ]
  return [
      subprocess.Popen(
          [
              sys.executable,
              *command,
              *([*where, f'--process_id={i}'] if count > 1 else []),
          ],
          cwd=ROOT,
          env=environment,
          stdout=subprocess.DEVNULL,
          stderr=subprocess.PIPE,
          text=True,
      )
      for i in range(count)
  ]


def ends(group: list[subprocess.Popen]) -> list[tuple[int, str]]:
  """Returns exit code and standard error of each process."""
  try:
    return [
        (process.wait(), errors)
        for process in group
        for _, errors in [process.communicate(timeout=SECONDS)]
    ]
  finally:
    for process in group:
      process.kill()


def main(folder: pathlib.Path, flags: list[str]) -> None:
  """Does the work of one process.

  Args:
    folder: `sets.json` names prepared sets by their backend, each of which
      trains a run in `trained` and scores the run of the same name in `scored`.
    flags: As of `manloc_jax.main`, none for a single process.
  """
  import small

  from manloc_jax import run_config
  from manloc_jax.data.storage.prepared_set import PreparedSet
  from manloc_jax.evaluation import images
  from manloc_jax.evaluation import patches
  from manloc_jax.localization import network
  from manloc_jax.training import processes
  from manloc_jax.training import sharding
  from manloc_jax.training import train

  if flags:
    _, address, count, index = (flag.rpartition('=')[2] for flag in flags)
    processes.start(address, int(count), int(index))
  sets = json.loads((folder / 'sets.json').read_text())
  for backend, where in sets.items():
    prepared = PreparedSet.open(pathlib.Path(where))
    config = small.config(**{
        'data.root': str(prepared.root),
        'eval.splits': ('test', 'test_grid', 'test_images'),
    })
    mesh = sharding.make_mesh()
    workdir = str(folder / 'trained' / backend)
    with processes.first_before_others():
      run_config.write_or_check(workdir, config, prepared.digest)
    train.train(config, prepared, workdir, mesh)
    workdir = str(folder / 'scored' / backend)
    patches.evaluate(config, prepared, workdir, mesh)
    localizer = network.NetworkLocalizer.from_run(workdir, threshold=0.5)
    images.evaluate(config, prepared, workdir, localizer)
  if flags:
    processes.finish()


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]), sys.argv[2:])
