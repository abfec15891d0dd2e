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

from manloc_jax import argument_types
from manloc_jax.commands import engine_arguments
from manloc_jax.commands import preparation
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
  parser.add_argument(
      '--shard',
      type=argument_types.shard,
      metavar='I/N',
      help='do the work of job I of an array of N jobs, from 0 on',
  )
  parser.add_argument(
      '--merge',
      type=argument_types.positive,
      metavar='N',
      help='write the set from the work of the N jobs of an array',
  )


def run(args: argparse.Namespace) -> int:
  """Prepares the set where it is missing; prints its folder.

  With `--shard` it does one job of an array, and prints what comes next.

  Raises:
    UserError: See `preparation.prepare`.
  """
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
  print(
      preparation.prepare(
          options,
          engine=args.engine,
          address=args.address,
          shard=args.shard,
          merge=args.merge,
          workers=args.workers,
      )
  )
  return 0
