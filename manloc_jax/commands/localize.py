"""`manloc localize`: which pixels of these photographs were manipulated?"""

import argparse
import json
import pathlib
import sys

from manloc_jax import errors
from manloc_jax import run_config

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'localize',
      help='heat map, mask and score of images',
  )
  parser.set_defaults(run=run)
  parser.add_argument(
      'paths',
      nargs='+',
      metavar='PATH',
      help='images, folders of images, or quoted patterns such as "a/**/*.jpg"',
  )
  parser.add_argument(
      '--method',
      choices=run_config.METHODS,
      help='by default what --workdir is a run of, without one the fusion of'
      ' classical methods with the weights that come with manloc_jax',
  )
  parser.add_argument(
      '--workdir', metavar='RUN', help='folder of a run to take the weights of'
  )
  parser.add_argument(
      '--out', default='localized', metavar='FOLDER', help='for results'
  )
  parser.add_argument(
      '--stride',
      type=int,
      help='pixels between windows of the network; 32',
  )
  parser.add_argument(
      '--threshold',
      type=float,
      help='of the mask; by default the best on the validation part of the run,'
      ' or 0.5 where it was not evaluated or with a gate; of a classical'
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
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


def run(args: argparse.Namespace) -> int:
  """Localizes; prints a line of JSON for each image.

  Returns:
    0 if all images could be used, 1 if some and 2 if none.

  Raises:
    UserError: It cannot begin.
  """
  from manloc_jax.data import image_files

  out = pathlib.Path(args.out)
  found = image_files.find(args.paths, out)
  if not found:
    raise errors.UserError(
        f'There is no image in {", ".join(args.paths)}; name files or folders'
        ' of images.'
    )
  from manloc_jax.localization import factory

  detector = factory.make(
      args.method,
      args.workdir,
      threshold=args.threshold,
      device=args.device,
      stride=args.stride,
      gate=args.gate,
  )
  return _process(found, detector, out, args.format)


def _process(found, detector, out: pathlib.Path, heat_format: str) -> int:
  import tqdm

  from manloc_jax.localization import batch

  failed, skipped = [], 0
  records = batch.localize_files(found, detector, out, heat_format)
  # No bar without a terminal.
  bar = tqdm.tqdm(records, total=len(found), unit='image', disable=None)
  for record in bar:
    tqdm.tqdm.write(json.dumps(record), file=sys.stdout)
    skipped += 'skipped' in record
    if 'error' in record:
      failed.append(record['error'])
  for reason in failed:
    print(errors.printable(reason), file=sys.stderr)
  done = len(found) - len(failed)
  print(
      f'{done} of {len(found)} images localized, {skipped} of them before;'
      f' results are in {str(out)!r}.',
      file=sys.stderr,
  )
  if not failed:
    return 0
  return 1 if done else 2
