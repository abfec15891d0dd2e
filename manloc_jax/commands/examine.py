"""`manloc examine`: everything that one file says, in one report."""

import argparse
import json
import pathlib
import sys
from typing import TYPE_CHECKING

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data.listing import image_files
  from manloc_jax.examine import batch

SUMMARY = 'summary.json'  # In the folder for reports.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'examine',
      help='a report on what a file says: bytes, metadata, history, map',
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
      '--out', default='examined', metavar='FOLDER', help='for reports'
  )
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


def run(args: argparse.Namespace) -> int:
  """Examines files; prints a line of JSON for each.

  Returns:
    0 if all files could be examined, 1 if some, and 2 if none. A folder that
    cannot be read counts as a file that could not be examined.

  Raises:
    UserError: It cannot begin.
  """
  from manloc_jax.data.listing import image_files
  from manloc_jax.data.storage import folders

  if not args.out:
    folders.make_writable(args.out, '--out')
  listing = image_files.find(args.paths, pathlib.Path(args.out))
  if not listing.images:
    raise errors.UserError(
        f'There is no image in {", ".join(args.paths)}; name files or folders'
        ' of images.'
    )
  out = folders.make_writable(args.out, '--out')
  from manloc_jax.examine import batch
  from manloc_jax.localization import factory

  localizer = factory.make(device=args.device)
  (out / SUMMARY).unlink(missing_ok=True)  # It may tell of other files.
  records = []
  for record in batch.examine_files(listing.images, localizer, out):
    records.append(record)
    print(json.dumps(_line(record)), flush=True)
  is_folder = any(pathlib.Path(path).is_dir() for path in args.paths)
  if is_folder or len(listing.images) > 1:
    batch.write_index(records, out)
  return _conclude(listing, records, out)


def _line(record: 'batch.Record') -> dict:
  """Returns what is printed of a report, for a program that reads it."""
  if 'error' in record:
    return record
  report = record['report']
  return {
      'image': record['image'],
      'report': f'{record["name"]}.report.html',
      'counts': report['reading']['counts'],
      'image_score': report['maps']['fusion'].get('image_score'),
      'skipped': 'skipped' in record,
  }


def _conclude(
    listing: 'image_files.Listing',
    records: 'list[batch.Record]',
    out: pathlib.Path,
) -> int:
  """Writes the summary, says what was not examined; returns the exit code."""
  from manloc_jax import files
  from manloc_jax.data.listing import walk

  failed = [record for record in records if 'error' in record]
  skipped = sum('skipped' in record for record in records)
  done = len(records) - len(failed)
  passed_over = [
      {'path': str(item.path), 'reason': item.reason.value}
      for item in listing.passed_over
  ]
  files.write_json(
      out / SUMMARY,
      {
          'files': len(records),
          'examined': done,
          'skipped': skipped,
          'failed': failed,
          'passed_over': passed_over,
      },
  )
  unreadable = [
      f'The folder {item.path} cannot be read; make it readable and run the'
      ' same command again.'
      for item in listing.passed_over
      if item.reason == walk.Reason.UNREADABLE
  ]
  for reason in (*(record['error'] for record in failed), *unreadable):
    print(errors.printable(reason), file=sys.stderr)
  print(
      f'{done} of {len(records)} files examined, {skipped} of them before;'
      f' reports are in {str(out)!r}, and {SUMMARY} there lists what was left'
      ' out.',
      file=sys.stderr,
  )
  if not failed and not unreadable:
    return 0
  return 1 if done else 2
