"""Arguments and endings of commands that work on image files."""

import argparse
from collections.abc import Sequence
import pathlib
import sys
from typing import Any, TYPE_CHECKING

from manloc_jax import errors

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data.listing import image_files

SUMMARY = 'summary.json'  # In the folder for results.


def add_to(parser: argparse.ArgumentParser) -> None:
  """Adds the images, and the kind of device."""
  parser.add_argument(
      'paths',
      nargs='+',
      metavar='PATH',
      help='images, folders of images, or quoted patterns such as "a/**/*.jpg"',
  )
  parser.add_argument(
      '--device', choices=('cpu', 'gpu', 'tpu'), help='the best one by default'
  )


def find(
    args: argparse.Namespace,
) -> tuple['image_files.Listing', pathlib.Path]:
  """Lists the images that a user names, and makes the folder `args.out`.

  Raises:
    UserError: There is no image, or nothing can be written.
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
  return listing, folders.make_writable(args.out, '--out')


def conclude(
    listing: 'image_files.Listing',
    failed: Sequence[dict[str, Any]],
    skipped: int,
    out: pathlib.Path,
    done_word: str,
) -> int:
  """Writes the summary, and says what could not be used.

  Args:
    listing: Of `find`.
    failed: Records of images that failed, each with its `error`.
    skipped: Images that were done before.
    out: Of `find`.
    done_word: What was done to the others, such as `localized`.

  Returns:
    The exit code: 0 if all images could be used, 1 if some, and 2 if none. A
    folder that cannot be read counts as an image that could not be used.
  """
  from manloc_jax import files
  from manloc_jax.data.listing import walk

  total = len(listing.images)
  done = total - len(failed)
  summary = {
      'images': total,
      done_word: done,
      'skipped': skipped,
      'failed': list(failed),
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
      f'{done} of {total} images {done_word}, {skipped} of them before;'
      f' results are in {str(out)!r}, and {SUMMARY} there lists what was left'
      ' out.',
      file=sys.stderr,
  )
  if not failed and not unreadable:
    return 0
  return 1 if done else 2


def _enumerate(counts: dict[str, int]) -> str:
  return ', '.join(f'{reason} ({count})' for reason, count in counts.items())
