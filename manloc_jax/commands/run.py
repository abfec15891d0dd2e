r"""`manloc run`: the main job: prepares, trains, evaluates and reports.

  manloc run demo
  manloc run casia --config.data.root=FOLDER --workdir=runs/casia
  manloc run ablation:casia/fcn --config.data.root=FOLDER --mode=prepare

It is `python -m manloc_jax.main --config=CONFIG`, and takes the same options.
"""

import argparse
import os
import sys


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'run',
      help='prepare, train, evaluate and report',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(
      run=run,
      passes_on=('-',),
      when_interrupted='The same command goes on from the last checkpoint.',
  )
  parser.add_argument(
      'config',
      metavar='CONFIG',
      help='name of a config, such as demo, or path of a file; what follows a'
      ' colon is its argument',
  )
  options = parser.add_argument(
      'options',
      metavar='OPTIONS',
      nargs=argparse.REMAINDER,
      help='--workdir, --mode, --config.NAME=VALUE and others: see'
      ' python -m manloc_jax.main --help',
  )
  options.required = False  # Python 3.11 would ask for them.


def run(args: argparse.Namespace) -> None:
  """Becomes the process of the main job, which handles signals in its way."""
  command = ['-m', 'manloc_jax.main', f'--config={args.config}']
  sys.stdout.flush()
  os.execv(
      sys.executable,
      [sys.executable, *command, *args.passed_on, *args.options],
  )
