"""`manloc forge`: varied forgeries of photographs, as a data set."""

import argparse
import pathlib
import sys

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax.data.splits import options

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'forge', help='a data set of varied forgeries of photographs'
  )
  parser.set_defaults(
      run=run,
      when_interrupted='The same command goes on where it was stopped.',
  )
  parser.add_argument(
      'photographs',
      nargs='*',
      metavar='PHOTOGRAPH',
      help='images, folders of images, or quoted patterns; those that come'
      ' with the dependencies by default',
  )
  parser.add_argument(
      '--out', required=True, metavar='ROOT', help='folder of the data set'
  )
  parser.add_argument(
      '--count',
      type=argument_types.positive,
      required=True,
      help='forgeries in all, over the three splits',
  )
  parser.add_argument(
      '--seed', type=argument_types.whole_number, default=0, help='0 by default'
  )
  parser.add_argument(
      '--size',
      type=argument_types.sides,
      default=(256, 512),
      metavar='LEAST,MOST',
      help='short sides of the finished files in pixels, between which the'
      ' forger resizes; 256,512 by default, and less where a photograph is'
      ' smaller',
  )
  parser.add_argument(
      '--fractions',
      type=argument_types.fractions,
      default=options.FRACTIONS,
      metavar='TRAIN,VAL,TEST',
      help='of photographs and forgeries; 0.65,0.10,0.25 by default',
  )
  parser.add_argument(
      '--keep_originals',
      action='store_true',
      help='write the untouched hosts too, saved as the forgeries are, and'
      ' masks of the pixels that the forger changed',
  )
  parser.add_argument(
      '--preview',
      action='store_true',
      help='draw a contact sheet of a few of them, preview.png in the folder',
  )
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes; one per core by default',
  )


def run(args: argparse.Namespace) -> int:
  """Forges, or goes on where it was stopped.

  Returns:
    0; photographs that cannot be read are listed.

  Raises:
    UserError: There is nothing to forge, or the folder holds something else.
  """
  from manloc_jax.data.forge import tree

  used, left_out = tree.make(
      args.out,
      args.photographs,
      counts=_counts(args.count, args.fractions),
      seed=args.seed,
      size=args.size,
      fractions=args.fractions,
      keep_originals=args.keep_originals,
      workers=args.workers,
  )
  for reason in left_out:
    print(reason, file=sys.stderr)
  print(
      f'{args.count} forgeries of {used} photographs are in {args.out!r};'
      f' {len(left_out)} photographs could not be read.'
  )
  if args.preview:
    _draw_preview(pathlib.Path(args.out))
  return 0


def _draw_preview(root: pathlib.Path) -> None:
  """Draws a contact sheet of a tree into it."""
  from manloc_jax.data.forge import preview
  from manloc_jax.reports import forgery_sheet

  examples, sheet = preview.read(root), root / 'preview.png'
  forgery_sheet.draw(examples, sheet)
  print(f'{len(examples)} of them are drawn in {str(sheet)!r}.')


def _counts(count: int, fractions: tuple[float, float, float]) -> list[int]:
  """Divides forgeries among train, val and test; none is empty.

  Raises:
    UserError: There are fewer than three.
  """
  if count < len(fractions):
    raise errors.UserError(
        f'--count is {count}; train, val and test need a forgery each.'
    )
  val, test = (max(1, round(count * fraction)) for fraction in fractions[1:])
  val = min(val, count - 2)
  test = min(test, count - val - 1)
  return [count - val - test, val, test]
