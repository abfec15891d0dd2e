"""Defines the arguments shared by commands that split an image tree."""

import argparse

from manloc_jax import argument_types
from manloc_jax.data.splits import options


def parser() -> argparse.ArgumentParser:
  """Returns a parent parser with these arguments."""
  tree = argparse.ArgumentParser(add_help=False)
  tree.add_argument('dataset', help="the set's name, such as casia1 or nist16")
  tree.add_argument('root', help='folder of the image tree')
  tree.add_argument(
      '--seed', type=argument_types.whole_number, default=0, help='of the split'
  )
  tree.add_argument(
      '--fractions',
      type=argument_types.fractions,
      default=options.FRACTIONS,
      metavar='TRAIN,VAL,TEST',
      help="of the split; the paper's 0.65,0.10,0.25 by default",
  )
  tree.add_argument(
      '--use_pristine',
      action='store_true',
      help='split images without a mask, too',
  )
  tree.add_argument(
      '--allow_outside',
      action='store_true',
      help='take files that a table of the set names outside of the folder',
  )
  return tree
