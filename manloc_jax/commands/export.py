"""`manloc export`: a trained network in one file, or a folder for the Hub."""

import argparse
import json
import pathlib

from manloc_jax import argument_types
from manloc_jax import pretrained
from manloc_jax import run_config

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'export', help='a trained network in one file: weights, StableHLO or ONNX'
  )
  parser.set_defaults(
      run=run, when_interrupted='A file that is there already is unchanged.'
  )
  parser.add_argument(
      'workdir',
      metavar='RUN',
      nargs='?',
      help='folder of a run, or a .safetensors file of weights; by default the'
      ' weights that come with manloc_jax',
  )
  parser.add_argument(
      '--out',
      metavar='FILE',
      required=True,
      help='to write; the suffix is the format: .safetensors, .stablehlo or'
      ' .onnx. A name that ends in / is a folder with weights and a model card.'
      ' What is there is replaced',
  )
  parser.add_argument(
      '--method',
      choices=(run_config.FUSION, run_config.NETWORK),
      help='by default that of the run, and fusion without one',
  )
  parser.add_argument(
      '--weights',
      choices=tuple(pretrained.FUSIONS),
      help="which of the fusion's weights that come with manloc_jax; v2 by"
      ' default',
  )
  parser.add_argument(
      '--step',
      type=argument_types.positive,
      help='of the checkpoint; by default the best on the validation split',
  )


def run(args: argparse.Namespace) -> int:
  """Writes the file or the folder; prints a line of JSON about it.

  Raises:
    UserError: There are no such weights, or they cannot be written so.
  """
  from manloc_jax import provenance
  from manloc_jax.localization.export import folder
  from manloc_jax.localization.export import formats
  from manloc_jax.localization.export import networks

  out = pathlib.Path(args.out)
  is_folder = args.out.endswith('/')
  # Before the network is loaded, for that takes long.
  write = None if is_folder else formats.writer(out)
  network = networks.load(
      args.method, args.workdir, weights=args.weights, step=args.step
  )
  if write is None:
    folder.save(out, network)
    out = out / folder.WEIGHTS
  else:
    write(network)
  facts = {
      'file': str(out),
      'bytes': out.stat().st_size,
      'sha256': provenance.sha256_of_file(out),
      **{k: v for k, v in network.facts.items() if k != 'training'},
  }
  print(json.dumps(facts))
  return 0
