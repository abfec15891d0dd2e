r"""The `manloc` command: localizes, looks at datasets, splits, prepares them.

  manloc localize FOLDER --workdir runs/demo  which pixels were manipulated?
  manloc serve --workdir runs/demo            the same on a local web page
  manloc audit casia1 FOLDER                  is the tree fit for training?
  manloc split nist16 FOLDER --rule group --out split.json
  manloc prepare casia1 FOLDER --rule list --split_list split.json
  manloc forge PHOTOGRAPHS --out data/synthetic --count 1000
  manloc report runs/demo

Exit code 0: done; 1: the audit found something WRONG, or some images could not
be localized; 2: it cannot be done, with one sentence that says why.
"""

import argparse
from collections.abc import Sequence
import json
import sys

from manloc_jax import argument_types
from manloc_jax.commands import forge
from manloc_jax.commands import localize
from manloc_jax.commands import serve as serve_command
from manloc_jax.data.splits import rules

# Everything heavy is imported where it is used: help comes at once.


def _audit(args: argparse.Namespace) -> int:
  from manloc_jax.data.audit import audit
  from manloc_jax.data.audit import checks
  from manloc_jax.data.splits import split_list

  draw = checks.Draw(args.split, args.seed, args.fractions, args.draws)
  if args.split_list:
    listed = split_list.read(args.split_list, args.dataset)
    draw = checks.Draw('list', listed=listed)
  found = audit.audit(
      args.dataset,
      args.root,
      draw=draw,
      use_pristine=args.use_pristine,
      names_only=args.names_only,
      workers=args.workers,
  )
  # With the JSON on the standard output the table makes way.
  is_piped = args.json == '-'
  print(found.table(), file=sys.stderr if is_piped else sys.stdout)
  if args.json:
    text = json.dumps(audit.to_json(found), indent=1) + '\n'
    _write(args.json, text)
  return int(found.is_wrong)


def _write(path: str, text: str) -> None:
  from manloc_jax import files

  if path == '-':
    sys.stdout.write(text)
  else:
    files.write_text(path, text)


def _split(args: argparse.Namespace) -> int:
  import pathlib

  from manloc_jax.data.audit import audit
  from manloc_jax.data.splits import split_list

  found, _, _ = audit.find(
      args.dataset, pathlib.Path(args.root), args.names_only
  )
  content = split_list.make(
      args.dataset,
      [one for one in found if args.use_pristine or one.mask],
      rule=args.rule,
      seed=args.seed,
      fractions=args.fractions,
  )
  split_list.write(args.out, content)
  sizes = [f'{name} {len(ids)}' for name, ids in content['parts'].items()]
  print(f'{args.out}: {", ".join(sizes)} images; digest {content["digest"]}')
  for trait, share in content['shares_of_test_in_training'].items():
    name = {'group': 'photograph'}.get(trait, trait)
    print(f'{share:.1%} of test images share their {name} with training')
  return 0


def _prepare(args: argparse.Namespace) -> int:
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
      source=args.source,
      workers=args.workers,
  )
  print(folder)
  return 0


def _report(args: argparse.Namespace) -> int:
  from manloc_jax.reports import report

  report.main(args.rest)
  return 0


def _sweep(args: argparse.Namespace) -> int:
  from manloc_jax.commands import sweep

  sweep.main(args.rest)
  return 0


def _fusion(args: argparse.Namespace) -> int:
  from manloc_jax.commands import fusion

  return fusion.run(args.rest)


# Commands that read their own arguments.
_PASSED_ON = {
    'report': (_report, 'tables and figures of runs'),
    'sweep': (_sweep, 'every system of a study with every seed'),
    'fusion': (_fusion, 'train the fusion on a set of forged images'),
}


def _parser() -> argparse.ArgumentParser:
  parser = argument_types.Parser(
      prog='manloc',
      description=__doc__,
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  commands = parser.add_subparsers(dest='command', required=True)
  localize.add_to(commands)
  serve_command.add_to(commands)
  tree = argparse.ArgumentParser(add_help=False)
  tree.add_argument('dataset', help="the set's name, such as casia1 or nist16")
  tree.add_argument('root', help='folder of the image tree')
  tree.add_argument(
      '--seed', type=argument_types.natural, default=0, help='of the split'
  )
  tree.add_argument(
      '--fractions',
      type=argument_types.fractions,
      default=rules.FRACTIONS,
      metavar='TRAIN,VAL,TEST',
      help="of the split; the paper's 0.65,0.10,0.25 by default",
  )
  tree.add_argument(
      '--use_pristine',
      action='store_true',
      help='split images without a mask, too',
  )
  _add_audit(commands, tree)
  _add_split(commands, tree)
  _add_prepare(commands, tree)
  forge.add_to(commands)
  for name, (run, text) in _PASSED_ON.items():
    command = commands.add_parser(name, add_help=False, help=text)
    command.set_defaults(run=run)
  return parser


def _add_audit(commands, tree: argparse.ArgumentParser) -> None:
  audit = commands.add_parser(
      'audit',
      parents=[tree],
      help='check every file, and what a split would leak',
  )
  split = audit.add_mutually_exclusive_group()
  split.add_argument('--split', choices=rules.RULES, default=rules.DEFAULT)
  split.add_argument(
      '--split_list',
      metavar='FILE',
      help='a list instead, of manloc split or a published one',
  )
  audit.add_argument(
      '--draws',
      type=argument_types.positive,
      default=1,
      help='average what leaks over so many seeds',
  )
  audit.add_argument(
      '--names_only', action='store_true', help='open no image'
  )
  audit.add_argument('--json', metavar='FILE', help='everything; - to print')
  audit.add_argument(
      '--workers', type=argument_types.positive, help='one per core'
  )
  audit.set_defaults(run=_audit)


def _add_split(commands, tree: argparse.ArgumentParser) -> None:
  split = commands.add_parser(
      'split', parents=[tree], help='write which images go to which part'
  )
  split.add_argument('--rule', choices=rules.RULES, default=rules.DEFAULT)
  split.add_argument(
      '--names_only',
      action='store_true',
      help="take the dataset's own table, whatever images are there",
  )
  split.add_argument('--out', required=True, metavar='FILE', help='JSON')
  split.set_defaults(run=_split)


def _add_prepare(commands, tree: argparse.ArgumentParser) -> None:
  prepare = commands.add_parser(
      'prepare', parents=[tree], help='cut patches, as training reads them'
  )
  prepare.add_argument('--out', default='data', help='folder for folders')
  prepare.add_argument('--rule', choices=rules.ALL_RULES, default=rules.DEFAULT)
  prepare.add_argument('--split_list', metavar='FILE', help='of manloc split')
  prepare.add_argument(
      '--size_mismatch', choices=('skip', 'resize', 'error'), default='skip'
  )
  prepare.add_argument(
      '--source', choices=('tfrecord', 'resident'), default='tfrecord'
  )
  prepare.add_argument(
      '--workers', type=argument_types.positive, help='one per core'
  )
  prepare.set_defaults(run=_prepare)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the command that is named.

  Returns:
    The exit code.
  """
  parser = _parser()
  args, args.rest = parser.parse_known_args(argv)
  if args.rest and args.command not in _PASSED_ON:
    parser.error(f'unrecognized arguments: {" ".join(args.rest)}')
  return argument_types.exit_code(lambda: args.run(args))


if __name__ == '__main__':
  sys.exit(main())
