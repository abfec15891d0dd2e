"""Flags of metadata: what contradicts, or names a program, with a reason."""

from collections.abc import Iterator
import datetime
import re
from typing import Any

# Programs that change what a picture shows, or develop it anew.
EDITORS = (
    'photoshop', 'gimp', 'lightroom', 'affinity photo', 'pixelmator',
    'snapseed', 'facetune', 'picsart', 'canva', 'paint.net', 'krita', 'luminar',
    'photopea', 'paintshop', 'paint shop', 'acorn', 'capture one', 'darktable',
    'rawtherapee', 'photofiltre', 'picasa', 'corel', 'photoscape', 'fotor',
    'polarr', 'vsco', 'faceapp', 'meitu', 'aperture', 'photoimpact',
)  # fmt: skip
_DATE = re.compile(r'(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d):(\d\d):(\d\d))?')
# Local times and that of GPS are up to 14 hours apart.
_ZONES = datetime.timedelta(hours=38)
# Cameras and their time of writing a file.
_WRITING = datetime.timedelta(minutes=1)


def find(
    summary: dict[str, Any], pixels: tuple[int, int] | None
) -> list[dict[str, str]]:
  """Returns flags, each with an id and one sentence.

  Args:
    summary: Of the section of metadata.
    pixels: Width and height of the decoded image; None where it has none.
  """
  return [
      {'id': name, 'reason': reason}
      for name, reason in (
          *_editors(summary['software']),
          *_dates(summary['dates']),
          *_sizes(summary['stated_pixels'], pixels),
      )
  ]


def _editors(software: list[str]) -> Iterator[tuple[str, str]]:
  for name in software:
    if any(editor in name.lower() for editor in EDITORS):
      yield 'editor_named', f'The metadata name a program for editing: {name}.'


def _dates(dates: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
  by_name: dict[str, datetime.datetime] = {}
  for date in dates:
    if not date['value'].strip('0:- T'):
      continue  # The clock was never set.
    parsed = parse_date(date['value'])
    if parsed is None:
      yield (
          'date_unreadable',
          f'The date {date["name"]} is none: {date["value"]}.',
      )
    else:
      by_name.setdefault(date['name'], parsed)
  taken = by_name.get('DateTimeOriginal')
  if taken is None:
    return
  changed = by_name.get('ModifyDate')
  if changed is not None and changed < taken:
    yield (
        'modified_before_taken',
        f'The file says it was last changed on {changed}, before it was taken'
        f' on {taken}.',
    )
  elif changed is not None and changed - taken > _WRITING:
    yield (
        'modified_after_taken',
        f'The file says it was changed on {changed}, after it was taken on'
        f' {taken}.',
    )
  satellite = by_name.get('GPSDateStamp')
  if satellite is not None and abs(satellite - taken) > _ZONES:
    yield (
        'gps_on_another_day',
        f'By GPS it is the {satellite.date()}, by the clock of the camera the'
        f' {taken.date()}.',
    )


def parse_date(text: str) -> datetime.datetime | None:
  """Returns the date of EXIF or XMP, without its time zone; None if broken."""
  match = _DATE.match(text.strip())
  if match is None:
    return None
  try:
    year, month, day, hour, minute, second = (
        int(part or 0) for part in match.groups()
    )
    return datetime.datetime(year, month, day, hour, minute, second)
  except ValueError:
    return None


def _sizes(
    stated: dict[str, int] | None, pixels: tuple[int, int] | None
) -> Iterator[tuple[str, str]]:
  if stated is None or pixels is None:
    return
  claimed = stated['width'], stated['height']
  if sorted(claimed) != sorted(pixels):
    yield (
        'size_differs',
        f'EXIF says {claimed[0]}x{claimed[1]} pixels, and the image has'
        f' {pixels[0]}x{pixels[1]}: it was resized or cropped after the camera'
        ' wrote the tags, or they were written wrong.',
    )
