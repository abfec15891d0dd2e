"""`manloc runs`: lists runs, or compares some of them.

  manloc runs
  manloc runs runs/ablation
  manloc runs compare runs/a runs/b runs/c --curves curves.png

Lists all runs in and below the folders, `runs` by default: whether each is
finished, stopped or at work, the settings in which they differ, the best AUC of
validation and that of the test. After the word `compare` the runs stand side by
side, with differences to the first, and their learning curves are drawn.
"""

import argparse
import json

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'runs',
      help='list runs, or compare some of them',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(run=run)
  parser.add_argument(
      'folders',
      nargs='*',
      default=['runs'],
      metavar='[compare] FOLDER',
      help='runs or folders of runs; runs by default',
  )
  parser.add_argument(
      '--curves',
      default='curves.png',
      metavar='FILE',
      help='picture of the learning curves of compared runs; curves.png by'
      ' default',
  )
  parser.add_argument(
      '--json', action='store_true', help='print everything as JSON'
  )


def run(args: argparse.Namespace) -> int:
  """Prints the table; draws the curves of compared runs.

  Raises:
    UserError: There is no such folder, no run, or none to compare with.
  """
  from manloc_jax.reports import run_list
  from manloc_jax.reports import typeset

  compares = args.folders[0] == 'compare'
  found = run_list.find(args.folders[1:] if compares else args.folders)
  if compares and len(found) < 2:
    raise errors.UserError('Name two runs or more after manloc runs compare.')
  with errors.refusing_malformed(
      f'The files of {errors.shown(str(args.folders), 100)}',
      'evaluate the runs again',
  ):
    runs = [run_list.describe(path) for path in found]
  if args.json:
    print(json.dumps(runs, indent=1))
  elif not compares:
    print(typeset.plain(run_list.table(runs)))
  else:
    from manloc_jax.reports import curves

    table = run_list.compared(runs)
    print(typeset.plain(table))
    names = dict(zip(table.header[1:], found, strict=True))
    curves.compared(names, args.curves)
    print(f'Learning curves: {args.curves}')
  return 0
