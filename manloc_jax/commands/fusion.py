"""`manloc fusion`: trains the fusion on a set of forged images.

  manloc fusion --config configs/fusion.py --workdir runs/fusion
      --config.data.root=ROOT

Options --config.NAME=VALUE set fields of the config.
"""

import argparse
import json

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'fusion',
      help='train the fusion on a set of forged images',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(
      run=run,
      passes_on=('--config.',),
      when_interrupted='The same command goes on from the last checkpoint.',
  )
  parser.add_argument(
      '--config', metavar='FILE', required=True, help='configs/fusion.py'
  )
  parser.add_argument(
      '--workdir', metavar='RUN', required=True, help='folder of the run'
  )


def run(args: argparse.Namespace) -> int:
  """Trains, or goes on where it was stopped; prints a line of JSON.

  Raises:
    UserError: The config cannot be used, or the run is of another one.
  """
  from absl import logging

  from manloc_jax.commands import config_files
  from manloc_jax.localization.fusion import train

  logging.set_verbosity(logging.WARNING)  # Orbax tells of every save.
  config = config_files.load(args.config, args.passed_on)
  score = train.train(config, args.workdir)
  print(json.dumps({'val_block_auc_mean': score, 'workdir': args.workdir}))
  return 0
