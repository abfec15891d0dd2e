r"""`manloc prepare`: patches of an image tree, as training reads them.

  manloc prepare casia1 FOLDER
  manloc prepare casia1 FOLDER --engine=ray
  manloc prepare casia1 FOLDER --shard=0/8
  manloc prepare casia1 FOLDER --merge=8

The first works on all cores of this machine, the second on those of a cluster.
The third is a job of an array of 8, each with its own number: all jobs run
once, and then once more, and after them the last command writes the set.
"""

import argparse
from typing import Any

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax.commands import engine_arguments
from manloc_jax.commands import tree_arguments
from manloc_jax.data.splits import options
from manloc_jax.data.storage import backend_names

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'prepare',
      parents=[tree_arguments.parser()],
      help='cut patches, as training reads them',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(run=run)
  parser.add_argument('--out', default='data', help='folder for prepared sets')
  parser.add_argument(
      '--rule',
      choices=options.ALL_RULES,
      default=options.DEFAULT,
      help='how images are divided; list goes with --split_list',
  )
  parser.add_argument(
      '--split_list', metavar='FILE', help='of manloc split, for --rule=list'
  )
  parser.add_argument(
      '--size_mismatch',
      choices=('skip', 'resize', 'error'),
      default='skip',
      help='what to do where image and mask differ in size',
  )
  parser.add_argument(
      '--backend',
      '--source',  # As version 0.1 called it.
      type=backend_names.current,
      choices=(backend_names.TFRECORD, backend_names.MEMORY),
      default=backend_names.TFRECORD,
      help='how patches are stored',
  )
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes; one per core by default',
  )
  engine_arguments.add_to(parser)
  steps = parser.add_mutually_exclusive_group()
  steps.add_argument(
      '--shard',
      type=argument_types.shard,
      metavar='I/N',
      help='do the work of job I of an array of N jobs, from 0 on',
  )
  steps.add_argument(
      '--merge',
      type=argument_types.positive,
      metavar='N',
      help='write the set from the work of the N jobs of an array',
  )


def run(args: argparse.Namespace) -> int:
  """Prepares the set where it is missing; prints its folder.

  With `--shard` it does one job of an array, and prints what comes next.

  Raises:
    UserError: The tree cannot be read or split like that, or there is no such
      engine.
  """
  from manloc_jax.data import prepare

  options = {
      'dataset': args.dataset,
      'root': args.root,
      'out': args.out,
      'seed': args.seed,
      'split_rule': args.rule,
      'split_list': args.split_list,
      'fractions': args.fractions,
      'use_pristine': args.use_pristine,
      'size_mismatch': args.size_mismatch,
      'backend': args.backend,
      'allow_outside': args.allow_outside,
  }
  if args.shard or args.merge:
    print(_run_array(args, options))
    return 0
  with engine_arguments.start(args) as engine:
    print(prepare.prepare(workers=args.workers, engine=engine, **options))
  return 0


def _run_array(args: argparse.Namespace, options: dict[str, Any]) -> str:
  """Does one job of an array, or merges; returns what to print."""
  from manloc_jax.data import array_job
  from manloc_jax.data import preparation_plan
  from manloc_jax.data import worker_pool

  if args.engine != engine_arguments.LOCAL:
    raise errors.UserError(
        '--shard and --merge need no engine: every job works on its own'
        ' machine; leave --engine out.'
    )
  plan = preparation_plan.make(**options)
  if not plan.folder.exists():
    if args.shard:
      index, count = args.shard
      with worker_pool.ordered_map(args.workers) as run_all:
        return array_job.work(plan, index, count, run_all)
    array_job.merge(plan, args.merge)
  return str(plan.folder)
