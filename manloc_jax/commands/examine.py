"""`manloc examine`: everything that one file says, in one report."""

import argparse
import json
import pathlib
from typing import TYPE_CHECKING

from manloc_jax.commands import image_paths

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.examine import batch


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
  image_paths.add_to(parser)
  parser.add_argument(
      '--out', default='examined', metavar='FOLDER', help='for reports'
  )
  parser.add_argument(
      '--pdf',
      action='store_true',
      help='also print each report, with a Chromium that is installed',
  )
  parser.add_argument(
      '--trust_list',
      metavar='FILE.pem',
      help='certificates of authorities that vouch for signers of Content'
      ' Credentials; by default it is not told whom to trust',
  )


def run(args: argparse.Namespace) -> int:
  """Examines files; prints a line of JSON for each.

  Returns:
    0 if all files could be examined, 1 if some, and 2 if none. A folder that
    cannot be read counts as a file that could not be examined.

  Raises:
    UserError: It cannot begin.
  """
  from manloc_jax.examine import credentials
  from manloc_jax.examine import pdf

  printer = pdf.Printer() if args.pdf else None
  trust_list = None
  if args.trust_list is not None:
    trust_list = credentials.read_trust_list(args.trust_list)
  listing, out = image_paths.find(args)
  from manloc_jax.examine import batch
  from manloc_jax.localization import factory

  localizer = factory.make(device=args.device)
  # It may tell of other files.
  (out / image_paths.SUMMARY).unlink(missing_ok=True)
  records = []
  for record in batch.examine_files(
      listing.images, localizer, out, printer=printer, trust_list=trust_list
  ):
    records.append(record)
    print(json.dumps(_line(record, args.pdf)), flush=True)
  is_folder = any(pathlib.Path(path).is_dir() for path in args.paths)
  if is_folder or len(listing.images) > 1:
    batch.write_index(records, out)
  failed = [record for record in records if 'error' in record]
  skipped = sum('skipped' in record for record in records)
  return image_paths.conclude(listing, failed, skipped, out, 'examined')


def _line(record: 'batch.Record', has_pdf: bool) -> dict:
  """Returns what is printed of a report, for a program that reads it."""
  if 'error' in record:
    return record
  report = record['report']
  pdf = {'pdf': f'{record["name"]}.report.pdf'} if has_pdf else {}
  return {
      'image': record['image'],
      'report': f'{record["name"]}.report.html',
      **pdf,
      'counts': report['reading']['counts'],
      'image_score': report['maps']['fusion'].get('image_score'),
      'skipped': 'skipped' in record,
  }
