"""`manloc compare`: two results of `manloc evaluate`, image by image.

  manloc compare evaluation/casia1/fusion.json evaluation/casia1/ela.json
  manloc compare fusion ela --results evaluation

A and B are two files, or two methods, which are then compared on every set
below --results that holds both. Each score has the difference A - B with a
95 % bootstrap interval over images, the fraction of images where A is better,
and p of Wilcoxon's signed ranks.
"""

import argparse
import json
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import files


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'compare',
      help='compare two results of manloc evaluate, image by image',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(run=run)
  parser.add_argument('a', metavar='A', help='a JSON file, or a method')
  parser.add_argument('b', metavar='B', help='another one')
  parser.add_argument(
      '--results',
      default='evaluation',
      metavar='FOLDER',
      help='--out of manloc evaluate, for methods',
  )
  parser.add_argument(
      '--json', metavar='FILE', help='to write all figures to; - prints them'
  )


def run(args: argparse.Namespace) -> int:
  """Compares; prints a table for each set.

  Raises:
    UserError: A file is no such result, or there is no set with both.
  """
  from manloc_jax.evaluation import comparison
  from manloc_jax.reports import evaluation_tables
  from manloc_jax.reports import typeset

  pairs = _pairs(args)
  with errors.refusing_malformed(
      f'The results {errors.shown(args.a)} and {errors.shown(args.b)}',
      'run manloc evaluate again',
  ):
    compared = [comparison.compare(_read(a), _read(b)) for a, b in pairs]
    tables = [
        typeset.plain(table)
        for one in compared
        for table in evaluation_tables.compared(one)
    ]
  if args.json == '-':
    print(json.dumps(compared, indent=1))
    return 0
  for text in tables:
    print(text)
  if args.json:
    files.write_json(args.json, compared)
  return 0


def _pairs(args: argparse.Namespace) -> list[tuple[pathlib.Path, pathlib.Path]]:
  """Returns the files to compare."""
  a, b = pathlib.Path(args.a), pathlib.Path(args.b)
  if a.suffix == b.suffix == '.json':
    return [(a, b)]
  pairs = [
      (path, path.with_name(f'{args.b}.json'))
      for path in sorted(pathlib.Path(args.results).glob(f'*/{args.a}.json'))
  ]
  pairs = [pair for pair in pairs if pair[1].is_file()]
  if not pairs:
    raise errors.UserError(
        f'There is no set below {args.results!r} with results of both {args.a}'
        f' and {args.b}; run manloc evaluate, or name two JSON files.'
    )
  return pairs


def _read(path: pathlib.Path) -> dict[str, Any]:
  """Reads a result.

  Raises:
    UserError: The file is missing, or something else.
  """
  try:
    result = files.read_json(path)
  except (OSError, ValueError) as error:
    raise errors.UserError(
        f'{path} cannot be read ({error}); name a result of manloc evaluate.'
    ) from error
  needed = {'images', 'protocols', 'set', 'dataset', 'is_probability'}
  if not isinstance(result, dict) or not needed <= result.keys():
    raise errors.UserError(
        f'{path} is no result of manloc evaluate; name the JSON file of a'
        ' method and a set.'
    )
  return result
