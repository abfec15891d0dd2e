"""`manloc localize`: heat maps, masks and scores of image files."""

import argparse
import json
import pathlib
import sys
from typing import TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import run_config

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data.listing import image_files
  from manloc_jax.localization import batch
  from manloc_jax.localization import localizer as localizer_lib

SUMMARY = 'summary.json'  # In the folder for results.


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
      '--workdir',
      metavar='RUN',
      help='folder of a run to take the weights of, or a .safetensors file',
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
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


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
  from manloc_jax.data.listing import image_files
  from manloc_jax.data.storage import folders

  if not args.out:
    folders.make_writable(args.out, '--out')
  listing = image_files.find(args.paths, pathlib.Path(args.out))
  if not listing.images:
    reasons = _enumerate(listing.counts())
    passed_over = f' (passed over: {reasons})' if reasons else ''
    raise errors.UserError(
        f'There is no image in {", ".join(args.paths)}{passed_over}; name'
        ' files or folders of images.'
    )
  out = folders.make_writable(args.out, '--out')
  from manloc_jax.localization import factory

  localizer = factory.make(
      args.method,
      args.workdir,
      threshold=args.threshold,
      device=args.device,
      stride=args.stride,
      gate=args.gate,
  )
  return _process(listing, localizer, out, args.format)


def _process(
    listing: 'image_files.Listing',
    localizer: 'localizer_lib.Localizer',
    out: pathlib.Path,
    heat_format: str,
) -> int:
  import tqdm

  from manloc_jax.localization import batch
  from manloc_jax.localization import localizer as localizer_lib

  (out / SUMMARY).unlink(missing_ok=True)  # It may tell of other images.
  failed, skipped = [], 0
  records = batch.localize_files(listing.images, localizer, out, heat_format)
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
  return _conclude(listing, failed, skipped, out)


def _conclude(
    listing: 'image_files.Listing',
    failed: 'list[batch.Record]',
    skipped: int,
    out: pathlib.Path,
) -> int:
  """Writes the summary, says what could not be used; returns the exit code."""
  from manloc_jax import files
  from manloc_jax.data.listing import walk

  total = len(listing.images)
  done = total - len(failed)
  summary = {
      'images': total,
      'localized': done,
      'skipped': skipped,
      'failed': failed,
      'passed_over': listing.counts(),
      'passed_over_paths': [
          {'path': str(item.path), 'reason': item.reason.value}
          for item in listing.passed_over
      ],
  }
  files.write_json(out / SUMMARY, summary)
  unreadable = [
      f'The folder {item.path} cannot be read; make it readable and run the'
      ' same command again.'
      for item in listing.passed_over
      if item.reason == walk.Reason.UNREADABLE
  ]
  broken_links = [
      f'The link {item.path} leads nowhere; mend it or remove it.'
      for item in listing.passed_over
      if item.reason == walk.Reason.BROKEN_LINK
  ]
  reasons = (record['error'] for record in failed)
  for reason in (*reasons, *unreadable, *broken_links):
    print(errors.printable(reason), file=sys.stderr)
  if listing.passed_over:
    print(
        f'Passed over in folders: {_enumerate(listing.counts())}.',
        file=sys.stderr,
    )
  print(
      f'{done} of {total} images localized, {skipped} of them before;'
      f' results are in {str(out)!r}, and {SUMMARY} there lists what was left'
      ' out.',
      file=sys.stderr,
  )
  if not failed and not unreadable:
    return 0
  return 1 if done else 2


def _enumerate(counts: dict[str, int]) -> str:
  return ', '.join(f'{reason} ({count})' for reason, count in counts.items())
