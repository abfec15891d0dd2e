"""`manloc localize`: which pixels of these photographs were manipulated?"""

import argparse
import json
import pathlib
import sys

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once. So the
# names of `baselines.METHODS` stand here again.
NETWORK = 'network'
CLASSICAL = (
    'ela',
    'dct',
    'adjpeg',
    'nadjpeg',
    'patchmatch',
    'blocks',
    'noise',
)


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'localize',
      help='heat map, mask and score of images, by a trained run or a classical'
      ' method',
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
      choices=(NETWORK, *CLASSICAL),
      default=NETWORK,
      help='the network of --workdir, or a classical method, which needs none',
  )
  parser.add_argument(
      '--workdir', metavar='RUN', help='folder of a trained run'
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
  _check(args)
  from manloc_jax.data import inputs

  out = pathlib.Path(args.out)
  found = inputs.find(args.paths, out)
  if not found:
    raise errors.UserError(
        f'There is no image in {", ".join(args.paths)}; name files or folders'
        ' of images.'
    )
  return _process(found, _detector(args), out, args.format)


def _check(args: argparse.Namespace) -> None:
  """Raises UserError where the options do not fit the method."""
  if args.method == NETWORK:
    if not args.workdir:
      raise errors.UserError(
          'manloc_jax comes without trained weights; name the folder of a run:'
          ' --workdir=RUN.'
      )
    return
  for name in ('workdir', 'stride', 'gate', 'device'):
    if getattr(args, name) is not None:
      raise errors.UserError(
          f'--{name} is for the network, and the method {args.method} takes'
          ' none; leave it out.'
      )


def _detector(args: argparse.Namespace):
  """Returns the `localization.Detector` that the options name."""
  if args.method != NETWORK:
    from manloc_jax import classical

    return classical.Classical(args.method, args.threshold)
  from manloc_jax import localize
  from manloc_jax import parallel

  parallel.keep_programs()
  return localize.Localizer.from_run(
      args.workdir,
      threshold=args.threshold,
      gate=args.gate or 'none',
      stride=localize.STRIDE if args.stride is None else args.stride,
      device=args.device,
  )


def _process(found, detector, out: pathlib.Path, heat_format: str) -> int:
  import tqdm

  from manloc_jax import localize_files

  failed, skipped = [], 0
  records = localize_files.localize_files(found, detector, out, heat_format)
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
