"""`manloc split`: which images go to train, val and test, as a file."""

import argparse
import pathlib

from manloc_jax.commands import tree_arguments
from manloc_jax.data.splits import options

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'split',
      parents=[tree_arguments.parser()],
      help='write which images go to train, val and test',
  )
  parser.set_defaults(run=run)
  parser.add_argument(
      '--rule',
      choices=options.RULES,
      default=options.DEFAULT,
      help='how images are divided',
  )
  parser.add_argument(
      '--names_only',
      action='store_true',
      help="take the dataset's own table, whatever images are there",
  )
  parser.add_argument('--out', required=True, metavar='FILE', help='JSON')


def run(args: argparse.Namespace) -> int:
  """Writes the split list and prints its sizes.

  Raises:
    UserError: The images cannot be split like that.
  """
  from manloc_jax.data.audit import audit
  from manloc_jax.data.splits import split_list

  records, _, _ = audit.find(
      args.dataset,
      pathlib.Path(args.root),
      args.names_only,
      args.allow_outside,
  )
  content = split_list.make(
      args.dataset,
      [record for record in records if args.use_pristine or record.mask],
      rule=args.rule,
      seed=args.seed,
      fractions=args.fractions,
  )
  split_list.write(args.out, content)
  sizes = [f'{name} {len(ids)}' for name, ids in content['parts'].items()]
  print(f'{args.out}: {", ".join(sizes)} images; digest {content["digest"]}')
  for trait, fraction in content['shares_of_test_in_training'].items():
    name = {'group': 'photograph'}.get(trait, trait)
    print(f'{fraction:.1%} of test images share their {name} with training')
  return 0
