"""`manloc mcp`: reports and heat maps for an assistant, on standard streams."""

import argparse
import importlib.util
import pathlib

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'mcp',
      help='offers examine and localize to an assistant (Model Context'
      ' Protocol)',
  )
  parser.set_defaults(run=run, when_interrupted='The assistant is left alone.')
  parser.add_argument(
      '--allow',
      action='append',
      required=True,
      metavar='FOLDER',
      help='whose files, and those of folders below it, may be read; can be'
      ' given several times',
  )
  parser.add_argument(
      '--out',
      metavar='FOLDER',
      help='for reports and heat maps; by default none are kept',
  )
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


def run(args: argparse.Namespace) -> int:
  """Answers an assistant until it closes standard input.

  Raises:
    UserError: It cannot begin.
  """
  if importlib.util.find_spec('mcp') is None:
    raise errors.UserError(
        'The server for assistants needs mcp, which is not installed: pip'
        " install '.[mcp]' in the project's folder."
    )
  from manloc_jax.data.storage import folders
  from manloc_jax.localization import factory
  from manloc_jax.serve import allowed_folders
  from manloc_jax.serve import mcp_server

  allowed = allowed_folders.AllowedFolders(args.allow)
  out = None
  if args.out is not None:
    out = pathlib.Path(folders.make_writable(args.out, '--out')).absolute()
  tools = mcp_server.Tools(
      allowed, lambda: factory.make(device=args.device), out
  )
  mcp_server.make(tools).run('stdio')
  return 0
