"""`manloc audit`: is an image tree fit for training, and what would leak?"""

import argparse
import json
import sys

from manloc_jax import argument_types
from manloc_jax import files
from manloc_jax.commands import tree_arguments
from manloc_jax.data.splits import options

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'audit',
      parents=[tree_arguments.parser()],
      help='check every file, and what a split would leak',
  )
  parser.set_defaults(run=run)
  split = parser.add_mutually_exclusive_group()
  split.add_argument(
      '--split',
      choices=options.RULES,
      default=options.DEFAULT,
      help='the rule by which images are divided, to see what leaks',
  )
  split.add_argument(
      '--split_list',
      metavar='FILE',
      help='a list instead, of manloc split or a published one',
  )
  parser.add_argument(
      '--draws',
      type=argument_types.positive,
      default=1,
      help='average what leaks over so many seeds',
  )
  parser.add_argument(
      '--names_only', action='store_true', help='open no image'
  )
  parser.add_argument('--json', metavar='FILE', help='everything; - to print')
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes; one per core by default',
  )


def run(args: argparse.Namespace) -> int:
  """Prints a table of all checks.

  Returns:
    1 if a check found something WRONG, otherwise 0.

  Raises:
    UserError: The tree or the list cannot be read.
  """
  from manloc_jax.data.audit import audit
  from manloc_jax.data.audit import leakage
  from manloc_jax.data.splits import split_list

  choice = leakage.SplitChoice(
      args.split, args.seed, args.fractions, args.draws
  )
  if args.split_list:
    listed = split_list.read(args.split_list, args.dataset)
    choice = leakage.SplitChoice('list', listed=listed)
  audited = audit.audit(
      args.dataset,
      args.root,
      choice=choice,
      use_pristine=args.use_pristine,
      names_only=args.names_only,
      workers=args.workers,
      allow_outside=args.allow_outside,
  )
  # Where the JSON is printed, the table goes to standard error.
  is_piped = args.json == '-'
  print(audited.table(), file=sys.stderr if is_piped else sys.stdout)
  if args.json:
    text = json.dumps(audit.to_json(audited), indent=1)
    if is_piped:
      print(text)
    else:
      files.write_text(args.json, text + '\n')
  return int(audited.is_wrong)
