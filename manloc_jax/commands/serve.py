"""`manloc serve`: a local web page that localizes manipulated pixels."""

import argparse
import importlib.util

from manloc_jax import argument_types
from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'serve', help='a local web page: drop a photograph, see the heat map'
  )
  parser.set_defaults(run=run, when_interrupted='The page is closed.')
  parser.add_argument(
      '--workdir',
      metavar='RUN',
      help='folder of a run, or a .safetensors file of weights; by default the'
      ' weights that come with manloc_jax',
  )
  parser.add_argument(
      '--host',
      default='127.0.0.1',
      help='address to listen at; by default only this machine sees the page,'
      ' elsewhere whoever has the address that is printed',
  )
  parser.add_argument(
      '--port',
      type=argument_types.port,
      default=7860,
      help='where the page is; 0 for any that is free',
  )
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )
  parser.add_argument(
      '--time_limit',
      metavar='SECONDS',
      type=argument_types.positive_number,
      default=120.0,
      help='of the analysis of one photograph',
  )
  parser.add_argument(
      '--public',
      action='store_true',
      help='anyone who reaches the page may use it; no token in its address',
  )
  parser.add_argument(
      '--behind_proxy',
      metavar='NAME',
      help='name of the host that forwards requests to this page',
  )


def run(args: argparse.Namespace) -> int:
  """Serves the page until it is stopped.

  Raises:
    UserError: It cannot begin.
  """
  for package in ('starlette', 'uvicorn'):
    if importlib.util.find_spec(package) is None:
      raise errors.UserError(
          f'The page needs {package}, which is not installed: pip install'
          " '.[serve]' in the project's folder."
      )
  from manloc_jax.serve import server

  options = server.Options(
      workdir=args.workdir,
      device=args.device,
      host=args.host,
      time_limit=args.time_limit,
      is_public=args.public,
      proxy=args.behind_proxy,
  )
  with (
      server.listen(args.host, args.port) as listener,
      server.temporary_folder() as folder,
  ):
    server.serve(options, listener, folder)
  return 0
