"""`manloc localize`: heat maps, masks and scores of image files."""

import argparse
import json
import pathlib
import sys
from typing import TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.commands import engine_arguments
from manloc_jax.commands import image_paths

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data import worker_pool
  from manloc_jax.data.listing import image_files
  from manloc_jax.localization import localizer as localizer_lib


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'localize',
      help='heat map, mask and score of images',
  )
  parser.set_defaults(
      run=run,
      when_interrupted='What is done is kept: the same command does the rest.',
  )
  image_paths.add_to(parser)
  parser.add_argument(
      '--method',
      choices=run_config.METHODS,
      help='by default what --workdir is a run of, without one the fusion of'
      ' classical methods with the weights that come with manloc_jax',
  )
  parser.add_argument(
      '--workdir',
      metavar='RUN',
      help='folder of a run to take the weights of, or a .safetensors file',
  )
  parser.add_argument(
      '--weights',
      choices=tuple(pretrained.FUSIONS),
      help='which weights of the fusion that come with manloc_jax: v2, the'
      ' default, calibrated and with a probability of a forgery, or v1, of'
      ' version 0.1',
  )
  parser.add_argument(
      '--out', default='localized', metavar='FOLDER', help='for results'
  )
  parser.add_argument(
      '--stride',
      type=argument_types.positive,
      help='pixels between windows of the network; 32 by default',
  )
  parser.add_argument(
      '--threshold',
      type=argument_types.number,
      help='of the mask; by default the best on the validation split of the'
      ' run, or 0.5 where it was not evaluated or with --gate; of a classical'
      " method, on the scale of the heat map, Otsu's for each image",
  )
  parser.add_argument(
      '--gate',
      choices=('none', 'hard', 'soft'),
      help="the paper's post-processing: smoothed scores of a window times its"
      ' label (hard) or its score (soft); none by default',
  )
  parser.add_argument(
      '--format',
      choices=('png', 'npy', 'npz'),
      default='png',
      help='of the heat map: 16-bit grey, or float32 with raw values',
  )
  engine_arguments.add_to(parser)


def run(args: argparse.Namespace) -> int:
  """Localizes; prints a line of JSON for each image.

  Beside the results `summary.json` tells which images failed and what was
  passed over in folders.

  Returns:
    0 if all images could be used, 1 if some, and 2 if none. A folder that
    cannot be read counts as an image that could not be used.

  Raises:
    UserError: It cannot begin.
  """
  engine = engine_arguments.start(args.engine, args.address)
  listing, out = image_paths.find(args)
  localizer = engine_arguments.make_localizer(
      args,
      args.method,
      args.workdir,
      threshold=args.threshold,
      device=args.device,
      stride=args.stride,
      gate=args.gate,
      weights=args.weights,
  )
  workers = 1 if args.engine == engine_arguments.LOCAL else None
  with engine as ordered_map, ordered_map(workers) as run_all:
    return _process(listing, localizer, out, args.format, run_all)


def _process(
    listing: 'image_files.Listing',
    localizer: 'localizer_lib.Localizer',
    out: pathlib.Path,
    heat_format: str,
    run_all: 'worker_pool.Map',
) -> int:
  import tqdm

  from manloc_jax.localization import batch
  from manloc_jax.localization import localizer as localizer_lib

  # It may tell of other images.
  (out / image_paths.SUMMARY).unlink(missing_ok=True)
  failed, skipped = [], 0
  records = batch.localize_files(
      listing.images, localizer, out, heat_format, run_all
  )
  total = len(listing.images)
  # No bar without a terminal.
  bar = tqdm.tqdm(records, total=total, unit='image', disable=None)
  for record in bar:
    tqdm.tqdm.write(json.dumps(record), file=sys.stdout)
    if reason := record.get(localizer_lib.NOT_MEASURED):
      message = errors.printable(f'{record["image"]}: {reason}')
      tqdm.tqdm.write(message, file=sys.stderr)
    skipped += 'skipped' in record
    if 'error' in record:
      failed.append(record)
  return image_paths.conclude(listing, failed, skipped, out, 'localized')
