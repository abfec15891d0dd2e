"""Metadata: what EXIF, XMP, IPTC, ICC and texts say, and contradictions."""

from collections.abc import Sequence
import math
from typing import Any

from manloc_jax.examine import exif
from manloc_jax.examine import icc
from manloc_jax.examine import metadata_blocks
from manloc_jax.examine import metadata_flags
from manloc_jax.examine import opened_file
from manloc_jax.examine import photoshop_blocks
from manloc_jax.examine import section as section_lib
from manloc_jax.examine import xmp

_SOFTWARE_PROPERTIES = (
    'xmp:CreatorTool', 'stEvt:softwareAgent', 'photoshop:History',
    'tiff:Software',
)  # fmt: skip
_DATE_PROPERTIES = (
    'xmp:CreateDate', 'xmp:ModifyDate', 'xmp:MetadataDate',
    'photoshop:DateCreated', 'exif:DateTimeOriginal', 'stEvt:when',
)  # fmt: skip
_DATE_TAGS = {306: 'ModifyDate', 36867: 'DateTimeOriginal',
              36868: 'DateTimeDigitized'}  # fmt: skip
_MAKER_NOTE = 37500


def section(file: opened_file.OpenedFile) -> section_lib.Section:
  """Returns what the metadata of a file say."""
  blocks = metadata_blocks.read(file)
  entries = _decoded(exif.read, blocks.exif)
  properties = _decoded(xmp.read, blocks.xmp)
  tags = entries if isinstance(entries, list) else []
  packet = properties if isinstance(properties, list) else []
  iptc = _iptc(blocks)
  summary = {
      'make': _text(tags, 'Image', 271),
      'model': _text(tags, 'Image', 272),
      'software': _software(tags, packet, iptc),
      'dates': _dates(tags, packet),
      'gps': _gps(tags),
      'orientation': _number(tags, 'Image', 274),
      'stated_pixels': _stated_pixels(tags),
  }
  return section_lib.Section({
      'summary': summary,
      'exif': _listed(
          entries, lambda tag: {
              'group': tag.group, 'name': tag.name, 'value': tag.text
          }
      ),
      'maker_note': _maker_note(tags),
      'xmp': _listed(
          properties, lambda item: {'name': item.name, 'value': item.value}
      ),
      'iptc': [{'name': name, 'value': value} for name, value in iptc],
      'icc': _decoded(icc.read, blocks.icc),
      'texts': [
          {'name': name, 'value': value} for name, value in blocks.texts
      ],
      'photoshop_resources': sorted(
          {number for number, _ in photoshop_blocks.resources(blocks.photoshop)}
      ),
      'edit_history': xmp.values(packet, 'stEvt:action'),
      'flags': metadata_flags.find(summary, _pixels(file)),
  })  # fmt: skip


def _decoded(read, block: bytes | None) -> Any:
  """Returns what a reader makes of a block, or why it cannot; None without."""
  if block is None:
    return None
  try:
    return read(block)
  except ValueError as error:
    return section_lib.cannot_tell(f'The block is there, but {error}.')


def _listed(decoded: Any, show) -> Any:
  return [*map(show, decoded)] if isinstance(decoded, list) else decoded


def _pixels(file: opened_file.OpenedFile) -> tuple[int, int] | None:
  if isinstance(file.decoded, str):
    return None
  height, width = file.decoded.pixels.shape[:2]
  return width, height


def _find(tags: Sequence[exif.Entry], group: str, number: int) -> Any:
  for tag in tags:
    if (tag.group, tag.tag) == (group, number):
      return tag.value
  return None


def _text(tags: Sequence[exif.Entry], group: str, number: int) -> str | None:
  value = _find(tags, group, number)
  return value if isinstance(value, str) and value else None


def _number(tags: Sequence[exif.Entry], group: str, number: int) -> int | None:
  value = _find(tags, group, number)
  is_number = isinstance(value, tuple) and value and isinstance(value[0], int)
  return value[0] if is_number else None


def _software(
    tags: Sequence[exif.Entry],
    packet: list[xmp.Property],
    iptc: list[tuple[str, str]],
) -> list[str]:
  """Returns the names of programs, each once, in the order of the file."""
  names = [
      _text(tags, 'Image', 305),
      *xmp.values(packet, *_SOFTWARE_PROPERTIES),
      *(value for name, value in iptc if name == 'Originating program'),
  ]
  return list(dict.fromkeys(filter(None, names)))


def _dates(
    tags: Sequence[exif.Entry], packet: list[xmp.Property]
) -> list[dict[str, str]]:
  dates = [
      {'source': 'EXIF', 'name': _DATE_TAGS[tag.tag], 'value': tag.text}
      for tag in tags
      if tag.tag in _DATE_TAGS and tag.group in ('Image', 'EXIF')
  ]
  stamp = _text(tags, 'GPS', 29)
  if stamp:
    dates.append({'source': 'GPS', 'name': 'GPSDateStamp', 'value': stamp})
  dates += [
      {'source': 'XMP', 'name': item.name, 'value': item.value}
      for item in packet
      if item.name in _DATE_PROPERTIES
  ]
  return dates


def _gps(tags: Sequence[exif.Entry]) -> dict[str, Any] | None:
  """Returns latitude and longitude in degrees; None without a position."""
  position = {}
  for name, sign, number, most in (
      ('latitude', 'S', 2, 90), ('longitude', 'W', 4, 180),
  ):  # fmt: skip
    value = _find(tags, 'GPS', number)
    if value is None:
      return None
    degrees = _degrees(value)
    if degrees is None or degrees > most:
      return section_lib.cannot_tell('The tags of the position are broken.')
    is_negative = _text(tags, 'GPS', number - 1) == sign
    position[name] = round(-degrees if is_negative else degrees, 6)
  return position


def _degrees(value: Any) -> float | None:
  if not isinstance(value, tuple) or not 1 <= len(value) <= 3:
    return None
  total = 0.0
  for i, fraction in enumerate(value):
    if not isinstance(fraction, tuple) or not fraction[1]:
      return None
    total += fraction[0] / fraction[1] / 60**i
  return total if math.isfinite(total) and total >= 0 else None


def _stated_pixels(tags: Sequence[exif.Entry]) -> dict[str, int] | None:
  width, height = (_number(tags, 'EXIF', tag) for tag in (40962, 40963))
  if not width or not height:
    return None
  return {'width': width, 'height': height}


def _maker_note(tags: Sequence[exif.Entry]) -> dict[str, Any] | None:
  for tag in tags:
    if tag.tag == _MAKER_NOTE:
      return {
          'bytes': tag.count,
          'content': section_lib.cannot_tell(
              'Notes of makers are in formats of their own; they are not read.'
          ),
      }
  return None


def _iptc(blocks: metadata_blocks.Blocks) -> list[tuple[str, str]]:
  found = []
  for number, data in photoshop_blocks.resources(blocks.photoshop):
    if number == photoshop_blocks.IPTC:
      found += [*photoshop_blocks.datasets(data)]
  if blocks.iptc is not None:
    found += [*photoshop_blocks.datasets(blocks.iptc)]
  return found
