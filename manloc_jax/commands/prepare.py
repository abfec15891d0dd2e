"""`manloc prepare`: patches of an image tree, as training reads them."""

import argparse

from manloc_jax import argument_types
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


def run(args: argparse.Namespace) -> int:
  """Prepares the set where it is missing; prints its folder.

  Raises:
    UserError: The tree cannot be read or split like that.
  """
  from manloc_jax.data import prepare

  folder = prepare.prepare(
      dataset=args.dataset,
      root=args.root,
      out=args.out,
      seed=args.seed,
      split_rule=args.rule,
      split_list=args.split_list,
      fractions=args.fractions,
      use_pristine=args.use_pristine,
      size_mismatch=args.size_mismatch,
      backend=args.backend,
      workers=args.workers,
      allow_outside=args.allow_outside,
  )
  print(folder)
  return 0
