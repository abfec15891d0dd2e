"""`manloc fusion`: trains the fusion on a set of forged and untouched images.

  manloc fusion --config configs/fusion.py --workdir runs/fusion
      --config.data.root=ROOT

Options --config.NAME=VALUE set fields of the config. After training, the scores
on the test split and a reliability diagram are written into the run's folder,
results/test.json and figures/reliability.png.
"""

import argparse
import json
import pathlib

from manloc_jax import files

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'fusion',
      help='train the fusion on a set of forged and untouched images',
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
  from manloc_jax.reports import reliability

  logging.set_verbosity(logging.WARNING)  # Orbax tells of every save.
  config = config_files.load(args.config, args.passed_on)
  score = train.train(config, args.workdir)
  folder = pathlib.Path(args.workdir)
  results = train.score_test(config, args.workdir)
  path = folder / 'results' / 'test.json'
  path.parent.mkdir(exist_ok=True)
  files.write_json(path, results)
  figure = folder / 'figures' / 'reliability.png'
  reliability.draw(results['reliability'], figure)
  print(json.dumps({'val_block_auc_mean': score, 'workdir': args.workdir}))
  return 0
