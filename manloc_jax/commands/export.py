"""`manloc export`: the weights of a run of the network in one file."""

import argparse
import json
import pathlib

from manloc_jax import argument_types
from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'export', help='the weights of a run of the network in one file'
  )
  parser.set_defaults(
      run=run, when_interrupted='A file that is there already is unchanged.'
  )
  parser.add_argument('workdir', metavar='RUN', help='folder of the run')
  parser.add_argument(
      '--out',
      metavar='FILE',
      required=True,
      help='to write, such as network.safetensors; it is replaced',
  )
  parser.add_argument(
      '--step',
      type=argument_types.positive,
      help='of the checkpoint; by default the best on the validation split',
  )


def run(args: argparse.Namespace) -> int:
  """Writes the file; prints a line of JSON about it.

  Raises:
    UserError: The run has no such weights, or the file cannot be named so.
  """
  from manloc_jax import provenance
  from manloc_jax.training import network_weights
  from manloc_jax.training import weight_files

  out = pathlib.Path(args.out)
  if not weight_files.is_named(out):
    raise errors.UserError(
        f'--out is {args.out!r}, and files of weights are known by their'
        f' suffix; give a name that ends in {weight_files.SUFFIX}.'
    )
  weights = network_weights.of_run(args.workdir, args.step)
  network_weights.save(out, weights)
  facts = {
      'file': args.out,
      'bytes': out.stat().st_size,
      'sha256': provenance.sha256_of_file(out),
      'step': weights.provenance['step'],
      'threshold': weights.threshold,
      'threshold_from': weights.threshold_from,
  }
  print(json.dumps(facts))
  return 0
