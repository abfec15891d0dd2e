r"""`manloc sweep`: runs every system of a study with every seed.

  manloc sweep casia --seeds=0,1,2 --config.data.root=...
  manloc sweep casia --list
  manloc sweep casia --job=$SLURM_ARRAY_TASK_ID ...

Each run is a `python -m manloc_jax.main` of its own, in
`<runs>/<dataset>/<system>-<seed>`. Finished runs are skipped and unfinished
ones continued, so that the same command goes on where it was stopped. Options
--config.NAME=VALUE and --mode=STAGE are passed on to every run.
"""

import argparse
from collections.abc import Sequence
import pathlib
import shlex
import subprocess
import sys

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import files
from manloc_jax.commands import study_files

# Everything heavy is imported where it is used: help comes at once.

# In a run's folder: the arguments of the sweep, and the file written last.
COMMAND = 'sweep.json'
REPORT = 'report.md'


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'sweep',
      help='every system of a study with every seed',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(
      run=run,
      passes_on=('--config.', '--mode'),
      when_interrupted='Finished runs are kept: the same command goes on.',
  )
  parser.add_argument('dataset', help='key of DATASETS: casia, nist, ...')
  parser.add_argument(
      '--study',
      type=pathlib.Path,
      default=study_files.DEFAULT,
      metavar='FILE',
      help='config file with SYSTEMS; configs/ablation.py by default',
  )
  parser.add_argument(
      '--systems',
      type=argument_types.names,
      default=[],
      metavar='NAME,...',
      help='all by default',
  )
  parser.add_argument(
      '--seeds',
      type=argument_types.seeds,
      default=[0, 1, 2],
      metavar='SEED,...',
      help='0,1,2 by default',
  )
  parser.add_argument(
      '--runs',
      type=pathlib.Path,
      default=pathlib.Path('runs/ablation'),
      metavar='FOLDER',
      help='above the folders of the runs; runs/ablation by default',
  )
  parser.add_argument(
      '--job',
      type=argument_types.whole_number,
      metavar='NUMBER',
      help='only the run of this number',
  )
  parser.add_argument('--list', action='store_true', help='print, run nothing')


def jobs(
    study: pathlib.Path,
    dataset: str,
    systems: Sequence[str],
    seeds: Sequence[int],
    runs: pathlib.Path,
) -> dict[pathlib.Path, list[str]]:
  """Lists the runs of a study, all systems of a seed before the next seed.

  Args:
    study: A config file like configs/ablation.py, with `SYSTEMS`.
    dataset: Key of `DATASETS`.
    systems: Keys of `SYSTEMS`; all where it is empty.
    seeds: Values of `--config.seed`.
    runs: Folder above the runs.

  Returns:
    The arguments of `manloc_jax.main` by the folder of each run.

  Raises:
    UserError: There is no such file, dataset or system.
  """
  content = study_files.read(study)
  known = content['SYSTEMS']
  source = content.get('FINE_TUNED', {}).get(dataset)
  if dataset not in content['DATASETS']:
    raise errors.UserError(
        f'There is no dataset {dataset!r} in {study}; choose one of'
        f' {", ".join(content["DATASETS"])}.'
    )
  if unknown := [system for system in systems if system not in known]:
    raise errors.UserError(
        f'There are no systems {unknown} in {study}; choose from'
        f' {", ".join(known)}.'
    )
  arguments = {}
  for seed in seeds:
    for system in systems or known:
      workdir = runs / dataset / f'{system}-{seed}'
      arguments[workdir] = [
          f'--config={study}:{dataset}/{system}',
          f'--config.seed={seed}',
          f'--workdir={workdir}',
      ]
      if source:
        start = runs / source / f'{system}-{seed}'
        arguments[workdir].append(f'--config.train.init_from={start}')
  return arguments


def is_finished(workdir: pathlib.Path, asked: Sequence[str]) -> bool:
  """Returns whether a run with these arguments has completed all stages.

  A run with other arguments is continued or refused by `manloc_jax.main`.

  Args:
    workdir: The run's folder.
    asked: Arguments of `manloc_jax.main`.
  """
  path = workdir / COMMAND
  if not path.exists() or not (workdir / REPORT).exists():
    return False
  try:
    return files.read_json(path) == list(asked)
  except ValueError:
    return False  # Damaged: the run itself knows how far it is.


def run_all(
    todo: dict[pathlib.Path, list[str]], passed_on: Sequence[str]
) -> list[pathlib.Path]:
  """Runs what is not finished, one run after the other.

  Args:
    todo: Arguments of each run by its folder, as of `jobs`.
    passed_on: Arguments of all runs.

  Returns:
    The folders of the runs that failed.
  """
  failed = []
  for number, (workdir, own) in enumerate(todo.items(), 1):
    head = f'[{number}/{len(todo)}] {workdir}'
    asked = [*own, *passed_on]
    if is_finished(workdir, asked):
      print(f'{head}: finished', flush=True)
      continue
    print(f'{head}: running', flush=True)
    command = [sys.executable, '-m', 'manloc_jax.main', *asked]
    if subprocess.run(command, check=False).returncode:
      print(f'{head}: failed; the others go on', file=sys.stderr, flush=True)
      failed.append(workdir)
    elif (workdir / REPORT).exists():  # Not after --mode=prepare.
      files.write_json(workdir / COMMAND, asked)
  return failed


def run(args: argparse.Namespace) -> int:
  """Lists the runs, or runs what is not finished.

  Returns:
    1 if some runs failed, otherwise 0.

  Raises:
    UserError: There is no such study, dataset, system or job.
  """
  todo = jobs(args.study, args.dataset, args.systems, args.seeds, args.runs)
  if args.job is not None:
    if args.job >= len(todo):
      raise errors.UserError(
          f'There is no job {args.job}: the study has jobs 0 to'
          f' {len(todo) - 1}; see --list.'
      )
    todo = dict([list(todo.items())[args.job]])
  if args.list:
    for number, (workdir, own) in enumerate(todo.items()):
      asked = [*own, *args.passed_on]
      state = 'finished' if is_finished(workdir, asked) else 'to do'
      print(f'{number}\t{state}\t{shlex.join(asked)}')
    return 0
  failed = run_all(todo, args.passed_on)
  if failed:
    print(f'{len(failed)} runs failed: {[str(w) for w in failed]}')
  return int(bool(failed))

