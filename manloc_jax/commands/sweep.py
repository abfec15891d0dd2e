r"""Runs a study: every system with every seed, on this machine or a cluster.

  manloc sweep casia --seeds=0,1,2 --config.data.root=...
  manloc sweep casia --list
  manloc sweep casia --job=$SLURM_ARRAY_TASK_ID ...

Each run is a `python -m manloc_jax.main` of its own, in
`<runs>/<dataset>/<system>-<seed>`. Finished runs are skipped and unfinished
ones continued, so that the same command goes on where it was stopped. Options
that are not listed are passed on to every run.
"""

import argparse
from collections.abc import Sequence
import json
import pathlib
import runpy
import shlex
import subprocess
import sys

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import files

COMMAND = 'sweep.json'  # In a run's folder: what the sweep asked for.


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
  if not study.is_file():
    raise errors.UserError(
        f"There is no config file {str(study)!r}; run from the project's"
        ' folder, or name a file with --study.'
    )
  content = runpy.run_path(str(study))
  if missing := {'DATASETS', 'SYSTEMS'} - content.keys():
    raise errors.UserError(
        f'{study} has no {" and no ".join(sorted(missing))}; name a study like'
        ' configs/ablation.py with --study.'
    )
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
  found = {}
  for seed in seeds:
    for system in systems or known:
      workdir = runs / dataset / f'{system}-{seed}'
      found[workdir] = [
          f'--config={study}:{dataset}/{system}',
          f'--config.seed={seed}',
          f'--workdir={workdir}',
      ]
      if source:
        start = runs / source / f'{system}-{seed}'
        found[workdir].append(f'--config.train.init_from={start}')
  return found


def is_finished(workdir: pathlib.Path, asked: Sequence[str]) -> bool:
  """Whether a run of these arguments went through all stages.

  Its report comes last. A run of other arguments is for `manloc_jax.main` to
  continue or to refuse.
  """
  path = workdir / COMMAND
  if not path.exists() or not (workdir / 'report.md').exists():
    return False
  try:
    return json.loads(path.read_text()) == list(asked)
  except ValueError:
    return False  # Damaged: the run itself knows how far it is.


def run(
    todo: dict[pathlib.Path, list[str]], passed_on: Sequence[str]
) -> list[pathlib.Path]:
  """Runs what is not finished, one after the other; returns what failed."""
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
    else:
      files.write_text(workdir / COMMAND, json.dumps(asked, indent=1))
  return failed


def main(argv: Sequence[str] | None = None) -> None:
  """Parses the command line."""
  parser = argument_types.Parser(
      prog='manloc sweep', description=__doc__.split('\n')[0]
  )
  parser.add_argument('dataset', help='key of DATASETS: casia, nist, ...')
  parser.add_argument(
      '--study', type=pathlib.Path, default=pathlib.Path('configs/ablation.py')
  )
  parser.add_argument(
      '--systems', type=argument_types.names, default=[], help='all by default'
  )
  parser.add_argument('--seeds', type=argument_types.seeds, default=[0, 1, 2])
  parser.add_argument(
      '--runs', type=pathlib.Path, default=pathlib.Path('runs/ablation')
  )
  parser.add_argument('--job', type=int, help='only the run of this number')
  parser.add_argument('--list', action='store_true', help='print, run nothing')
  args, passed_on = parser.parse_known_args(argv)
  if code := argument_types.exit_code(lambda: _sweep(args, passed_on)):
    sys.exit(code)


def _sweep(args: argparse.Namespace, passed_on: list[str]) -> int:
  """Lists or runs; returns 1 if some runs failed."""
  todo = jobs(args.study, args.dataset, args.systems, args.seeds, args.runs)
  if args.job is not None:
    if not 0 <= args.job < len(todo):
      raise errors.UserError(
          f'There is no job {args.job}: the study has jobs 0 to'
          f' {len(todo) - 1}; see --list.'
      )
    todo = dict([list(todo.items())[args.job]])
  if args.list:
    for number, (workdir, own) in enumerate(todo.items()):
      asked = [*own, *passed_on]
      state = 'finished' if is_finished(workdir, asked) else 'to do'
      print(f'{number}\t{state}\t{shlex.join(asked)}')
    return 0
  failed = run(todo, passed_on)
  if failed:
    print(f'{len(failed)} runs failed: {[str(w) for w in failed]}')
  return int(bool(failed))


if __name__ == '__main__':
  main()
