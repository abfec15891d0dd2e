"""`manloc serve`: a local web page that localizes manipulated pixels."""

import argparse
import importlib.util
import ipaddress
import sys
from typing import cast, TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.serve import analysis


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
      help='address to listen at; by default only this machine sees the page',
  )
  parser.add_argument(
      '--port',
      type=argument_types.port,
      default=7860,
      help='7860; 0 for any',
  )
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


def run(args: argparse.Namespace) -> int:
  """Serves the page until it is stopped.

  Raises:
    UserError: It cannot begin.
  """
  if importlib.util.find_spec('gradio') is None:
    raise errors.UserError(
        "The page needs Gradio, which is not installed: pip install '.[serve]'"
        " in the project's folder."
    )
  from manloc_jax.localization import factory
  from manloc_jax.serve import server

  with (
      server.listen(args.host, args.port) as listener,
      server.temporary_folder() as folder,
  ):
    if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
      print(
          'Anyone who can reach this machine can use the page: it asks for no'
          ' password.',
          file=sys.stderr,
      )
    localizer = factory.make(workdir=args.workdir, device=args.device)
    # Without a method it is none of the classical ones: it has a threshold.
    server.serve(cast('analysis.Localizer', localizer), listener, folder)
  return 0
