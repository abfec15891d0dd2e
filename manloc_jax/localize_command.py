"""`manloc localize`: which pixels of these photographs were manipulated?"""

import argparse
import json
import pathlib
import sys

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'localize', help='heat map, mask and score of images, by a trained run'
  )
  parser.set_defaults(run=run)
  parser.add_argument(
      'paths',
      nargs='+',
      metavar='PATH',
      help='images, folders of images, or quoted patterns such as "a/**/*.jpg"',
  )
  parser.add_argument(
      '--workdir', metavar='RUN', help='folder of a trained run'
  )
  parser.add_argument(
      '--out', default='localized', metavar='FOLDER', help='for results'
  )
  parser.add_argument(
      '--stride', type=int, default=32, help='pixels between windows; 32'
  )
  parser.add_argument(
      '--threshold',
      type=float,
      help='of the mask; by default the best on the validation part of the run,'
      ' or 0.5 where it was not evaluated or with a gate',
  )
  parser.add_argument(
      '--gate',
      choices=('none', 'hard', 'soft'),
      default='none',
      help="the paper's post-processing: smoothed scores of a window times its"
      ' label (hard) or its score (soft)',
  )
  parser.add_argument(
      '--format',
      choices=('png', 'npy', 'npz'),
      default='png',
      help='of the heat map: 16-bit grey, or float32',
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
  if not args.workdir:
    raise errors.UserError(
        'manloc_jax comes without trained weights; name the folder of a run:'
        ' --workdir=RUN.'
    )
  from manloc_jax.data import inputs

  out = pathlib.Path(args.out)
  found = inputs.find(args.paths, out)
  if not found:
    raise errors.UserError(
        f'There is no image in {", ".join(args.paths)}; name files or folders'
        ' of images.'
    )
  from manloc_jax import localize
  from manloc_jax import parallel

  parallel.keep_programs()
  localizer = localize.Localizer.from_run(
      args.workdir,
      stride=args.stride,
      threshold=args.threshold,
      gate=args.gate,
      device=args.device,
  )
  return _process(found, localizer, out, args.format)


def _process(found, localizer, out: pathlib.Path, heat_format: str) -> int:
  import tqdm

  from manloc_jax import localize_files

  failed, skipped = [], 0
  records = localize_files.localize_files(found, localizer, out, heat_format)
  # No bar without a terminal.
  bar = tqdm.tqdm(records, total=len(found), unit='image', disable=None)
  for record in bar:
    tqdm.tqdm.write(json.dumps(record), file=sys.stdout)
    skipped += 'skipped' in record
    if 'error' in record:
      failed.append(record['error'])
  for reason in failed:
    print(reason, file=sys.stderr)
  done = len(found) - len(failed)
  print(
      f'{done} of {len(found)} images localized, {skipped} of them before;'
      f' results are in {str(out)!r}.',
      file=sys.stderr,
  )
  if not failed:
    return 0
  return 1 if done else 2
