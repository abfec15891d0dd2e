"""Reads Photoshop's image resources: IPTC, thumbnail and level of quality."""

from collections.abc import Iterator

SIGNATURE = b'Photoshop 3.0\0'
IPTC, JPEG_QUALITY, THUMBNAIL = 0x0404, 0x0406, 0x040C
_MOST_RESOURCES, _MOST_DATASETS = 1_000, 1_000
_THUMBNAIL_HEADER = 28  # Bytes before its JPEG file.
# Of record 2, from IPTC-IIM version 4.
_NAMES = {
    5: 'Object name', 25: 'Keyword', 40: 'Special instructions',
    55: 'Date created', 60: 'Time created', 62: 'Digital creation date',
    63: 'Digital creation time', 65: 'Originating program',
    70: 'Program version', 80: 'By-line', 85: 'By-line title', 90: 'City',
    92: 'Sub-location', 95: 'Province or state', 101: 'Country',
    103: 'Original transmission reference', 105: 'Headline', 110: 'Credit',
    115: 'Source', 116: 'Copyright notice', 118: 'Contact', 120: 'Caption',
    122: 'Writer or editor',
}  # fmt: skip


def resources(content: bytes) -> Iterator[tuple[int, bytes]]:
  """Yields number and data of each resource; ends at the first broken one.

  Args:
    content: Of segments `APP13`, without their signature, or of a TIFF tag.
  """
  at = 0
  for _ in range(_MOST_RESOURCES):
    if content[at : at + 4] not in (b'8BIM', b'8BPS', b'MeSa'):
      return
    number = int.from_bytes(content[at + 4 : at + 6], 'big')
    name = content[at + 6] if at + 6 < len(content) else 0
    at += 6 + (name + 2) // 2 * 2
    size = int.from_bytes(content[at : at + 4], 'big')
    data = content[at + 4 : at + 4 + size]
    if len(data) < size:
      return
    yield number, data
    at += 4 + (size + 1) // 2 * 2


def datasets(data: bytes) -> Iterator[tuple[str, str]]:
  """Yields name and text of the datasets of IPTC's application record."""
  at = 0
  for _ in range(_MOST_DATASETS):
    if data[at : at + 1] != b'\x1c' or at + 5 > len(data):
      return
    record, number = data[at + 1], data[at + 2]
    size = int.from_bytes(data[at + 3 : at + 5], 'big')
    if size & 0x8000:  # Its length has a length; no text is as long.
      return
    value = data[at + 5 : at + 5 + size]
    if record == 2 and number:
      name = _NAMES.get(number, f'2:{number}')
      yield name, value.decode('utf-8', 'replace')
    at += 5 + size


def thumbnail(data: bytes) -> bytes | None:
  """Returns the JPEG file of a resource `THUMBNAIL`."""
  content = data[_THUMBNAIL_HEADER:]
  return content if content.startswith(b'\xff\xd8') else None


def quality(data: bytes) -> int | None:
  """Returns the level that was chosen when saving, from 0 to 12.

  The file holds it as a signed number that is 4 lower.
  """
  if len(data) < 2:
    return None
  level = int.from_bytes(data[:2], 'big', signed=True) + 4
  return level if 0 <= level <= 13 else None
