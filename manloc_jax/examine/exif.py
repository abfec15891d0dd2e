"""Reads EXIF directories from bytes of a stranger, within fixed bounds.

Libraries decode whatever length a tag claims; here every count is bounded, and
what lies outside of the block is left out.
"""

from collections.abc import Iterator
import dataclasses
import struct

from PIL import ExifTags

MOST_ENTRIES = 2_000  # Of all directories.
MOST_VALUES = 64  # Of one tag that are read.
MOST_BYTES = 2_000  # Of one text.
MOST_BLOCK_BYTES = 10_000_000  # Of a block inside of a TIFF file.
# Directories by the tag that points to them.
_POINTERS = {0x8769: 'EXIF', 0x8825: 'GPS', 0xA005: 'Interoperability'}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4,
          12: 8, 13: 4}  # fmt: skip
_CODES = {1: 'B', 3: 'H', 4: 'I', 6: 'b', 8: 'h', 9: 'i', 11: 'f', 12: 'd',
          13: 'I'}  # fmt: skip
_ASCII, _RATIONALS = 2, (5, 10)
THUMBNAIL_OFFSET, THUMBNAIL_BYTES = 513, 514

Value = str | bytes | tuple


@dataclasses.dataclass(frozen=True)
class Entry:
  """A tag.

  Attributes:
    group: `Image`, `EXIF`, `GPS`, `Interoperability` or `Thumbnail`.
    tag: Its number.
    value: A text; a tuple of numbers, in which fractions are pairs; or bytes.
      Long values are cut.
    count: Of values, as the file says.
  """

  group: str
  tag: int
  value: Value
  count: int

  @property
  def name(self) -> str:
    """The name of the tag, or its number."""
    names = ExifTags.GPSTAGS if self.group == 'GPS' else ExifTags.TAGS
    return names.get(self.tag, f'0x{self.tag:04X}')

  @property
  def text(self) -> str:
    """The value as it is shown."""
    if isinstance(self.value, str):
      return self.value
    if isinstance(self.value, bytes):
      if self.value.isascii() and self.value.rstrip(b'\0').decode(
          'ascii', 'replace'
      ).isprintable():
        return self.value.rstrip(b'\0').decode('ascii')
      return f'{self.count:,} bytes'
    shown = ', '.join(map(_show, self.value))
    return shown + (', …' if self.count > len(self.value) else '')


def _show(number: object) -> str:
  if isinstance(number, tuple):
    top, bottom = number
    return str(top) if bottom == 1 else f'{top}/{bottom}'
  return f'{number:.6g}' if isinstance(number, float) else str(number)


def read(block: bytes) -> list[Entry]:
  """Returns the tags of a block, in the order of the file.

  Args:
    block: Begins with the header of TIFF, or `Exif` before it.

  Raises:
    ValueError: It is no such block.
  """
  if block.startswith(b'Exif\0'):
    block = block[6:]
  order = {b'II*\0': '<', b'MM\0*': '>'}.get(block[:4])
  if order is None or len(block) < 8:
    raise ValueError('it does not begin with the header of TIFF')
  (first,) = struct.unpack_from(f'{order}I', block, 4)
  entries: list[Entry] = []
  visited: set[int] = set()
  waiting = [('Image', first)]
  while waiting and len(entries) < MOST_ENTRIES:
    group, at = waiting.pop(0)
    if at in visited or not 8 <= at <= len(block) - 2:
      continue
    visited.add(at)
    (count,) = struct.unpack_from(f'{order}H', block, at)
    for entry in _entries(block, order, group, at + 2, count):
      if len(entries) >= MOST_ENTRIES:
        break
      is_number = isinstance(entry.value, tuple) and entry.value
      if entry.tag in _POINTERS and is_number:
        if isinstance(entry.value[0], int):
          waiting.append((_POINTERS[entry.tag], entry.value[0]))
        continue
      entries.append(entry)
    following = at + 2 + 12 * count
    if group == 'Image' and following + 4 <= len(block):
      (following,) = struct.unpack_from(f'{order}I', block, following)
      waiting.append(('Thumbnail', following))
  return entries


def _entries(
    block: bytes, order: str, group: str, at: int, count: int
) -> Iterator[Entry]:
  for start in range(at, min(at + 12 * count, len(block) - 11), 12):
    tag, kind, values = struct.unpack_from(f'{order}HHI', block, start)
    size = _SIZES.get(kind)
    if size is None:
      continue
    place = start + 8
    if size * values > 4:
      (place,) = struct.unpack_from(f'{order}I', block, place)
    most = MOST_BYTES if size == 1 else MOST_VALUES
    kept = min(values, most, max(len(block) - place, 0) // size)
    raw = block[place : place + size * kept]
    yield Entry(group, tag, _decode(raw, order, kind), values)


def _decode(raw: bytes, order: str, kind: int) -> Value:
  if kind == _ASCII:
    return raw.split(b'\0')[0].decode('utf-8', 'replace').strip()
  if kind in _RATIONALS:
    code = 'I' if kind == 5 else 'i'
    numbers = struct.unpack(f'{order}{len(raw) // 4}{code}', raw)
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
  if kind in _CODES and (kind not in (1, 6) or len(raw) <= 4):
    code = _CODES[kind]
    return struct.unpack(f'{order}{len(raw) // _SIZES[kind]}{code}', raw)
  return raw


def places(block: bytes) -> dict[int, bytes]:
  """Returns the bytes of the longer tags of the first directory, by tag.

  Raises:
    ValueError: It is no block of EXIF or TIFF.
  """
  order = {b'II*\0': '<', b'MM\0*': '>'}.get(block[:4])
  if order is None or len(block) < 8:
    raise ValueError('it does not begin with the header of TIFF')
  (at,) = struct.unpack_from(f'{order}I', block, 4)
  found: dict[int, bytes] = {}
  (count,) = struct.unpack_from(f'{order}H', block, min(at, len(block) - 2))
  end = min(at + 2 + 12 * count, len(block) - 11)
  for start in range(at + 2, end, 12):
    tag, kind, values, place = struct.unpack_from(
        f'{order}HHII', block, start
    )
    if kind in _SIZES and values > 4 and tag not in found:
      size = min(values * _SIZES[kind], MOST_BLOCK_BYTES)
      found[tag] = block[place : place + size]
  return found


def thumbnail(block: bytes, entries: list[Entry]) -> bytes | None:
  """Returns the JPEG file of the thumbnail's directory; None without one."""
  if block.startswith(b'Exif\0'):
    block = block[6:]
  places = {
      entry.tag: entry.value[0]
      for entry in entries
      if entry.group == 'Thumbnail'
      and isinstance(entry.value, tuple)
      and entry.value
  }
  at, length = places.get(THUMBNAIL_OFFSET), places.get(THUMBNAIL_BYTES)
  if not isinstance(at, int) or not isinstance(length, int) or length < 4:
    return None
  content = block[at : at + length]
  return content if content.startswith(b'\xff\xd8') else None
