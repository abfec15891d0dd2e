"""Walks the markers of a JPEG file and reads what describes its coding."""

from collections.abc import Sequence
import dataclasses
import re

START = b'\xff\xd8'
# A marker after the data of a scan; escaped bytes and restarts are data.
_AFTER_SCAN = re.compile(rb'\xff+[^\x00\xd0-\xd7\xff]', re.DOTALL)
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC),
           *range(0xCD, 0xD0))  # fmt: skip
_NAMES = {
    0xC4: 'DHT', 0xCC: 'DAC', 0xD8: 'SOI', 0xD9: 'EOI', 0xDA: 'SOS',
    0xDB: 'DQT', 0xDC: 'DNL', 0xDD: 'DRI', 0xFE: 'COM',
    **{kind: f'SOF{kind - 0xC0}' for kind in _FRAMES},
    **{0xE0 + i: f'APP{i}' for i in range(16)},
}  # fmt: skip
MOST_SEGMENTS = 20_000
EXTRANEOUS = 'extraneous'  # Bytes between segments, in place of a marker.
# Of the coefficients of a block, in the order in which files hold them.
ZIGZAG = (
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Segment:
  """A marker and what belongs to it.

  Attributes:
    name: Such as `APP1` or `DQT`, or `EXTRANEOUS`.
    offset: Of the marker in the file, bytes.
    length: Of the marker, the header and, after `SOS`, the data of the scan.
    content: Without marker and length; of a scan, its header.
  """

  name: str
  offset: int
  length: int
  content: bytes


@dataclasses.dataclass(frozen=True)
class Frame:
  """The header of a frame.

  Attributes:
    name: `SOF0` is baseline, `SOF2` progressive.
    bits: Of a sample.
    height: Pixels.
    width: Pixels.
    components: For each, its id, horizontal and vertical sampling factor, and
      the number of its quantization table.
  """

  name: str
  bits: int
  height: int
  width: int
  components: tuple[tuple[int, int, int, int], ...]


def walk(data: bytes, start: int = 0) -> tuple[list[Segment], int | None]:
  """Lists the segments of an image, and where it ends.

  Args:
    data: The file.
    start: Where the image begins.

  Returns:
    The segments, and the offset after the end marker; None where there is no
    end marker, or there are more segments than `MOST_SEGMENTS`.
  """
  segments = [Segment('SOI', start, 2, b'')]
  at = start + 2
  while at + 2 <= len(data) and len(segments) < MOST_SEGMENTS:
    if data[at] != 0xFF:  # Decoders skip what is no marker.
      marker = _AFTER_SCAN.search(data, at)
      if marker is None:
        break
      end = marker.end() - 2
      segments.append(Segment(EXTRANEOUS, at, end - at, b''))
      at = end
      continue
    if data[at + 1] == 0xFF:
      at += 1  # Padding.
      continue
    kind = data[at + 1]
    name = _NAMES.get(kind, f'0x{kind:02X}')
    if kind == _END:
      segments.append(Segment(name, at, 2, b''))
      return segments, at + 2
    if kind in _WITHOUT_LENGTH:
      segments.append(Segment(name, at, 2, b''))
      at += 2
      continue
    size = int.from_bytes(data[at + 2 : at + 4], 'big')
    end = at + 2 + size
    if size < 2 or end > len(data):
      break
    content = data[at + 4 : end]
    if kind == _SCAN:
      marker = _AFTER_SCAN.search(data, end)
      end = marker.end() - 2 if marker else len(data)
    segments.append(Segment(name, at, end - at, content))
    at = end
  return segments, None


def tables(segments: Sequence[Segment]) -> dict[int, tuple[int, ...]]:
  """Returns the quantization tables by number, rows of frequencies first.

  Where a file defines one twice, the last counts; broken ones are left out.
  """
  found: dict[int, tuple[int, ...]] = {}
  for segment in segments:
    if segment.name != 'DQT':
      continue
    content, at = segment.content, 0
    while at < len(content):
      width, number = 1 + (content[at] >> 4 > 0), content[at] & 15
      values = content[at + 1 : at + 1 + 64 * width]
      at += 1 + 64 * width
      if len(values) < 64 * width:
        break
      table = [0] * 64
      for i, place in enumerate(ZIGZAG):
        table[place] = int.from_bytes(
            values[i * width : (i + 1) * width], 'big'
        )
      found[number] = tuple(table)
  return found


def frame(segments: Sequence[Segment]) -> Frame | None:
  """Returns the first header of a frame that is whole."""
  for segment in segments:
    content = segment.content
    if not segment.name.startswith('SOF') or len(content) < 6:
      continue
    count = content[5]
    if len(content) < 6 + 3 * count or not count:
      continue
    components = tuple(
        (c, factors >> 4, factors & 15, table)
        for c, factors, table in zip(
            *(content[6 + i : 6 + 3 * count : 3] for i in range(3)),
            strict=True,
        )
    )
    return Frame(
        segment.name,
        content[0],
        int.from_bytes(content[1:3], 'big'),
        int.from_bytes(content[3:5], 'big'),
        components,
    )
  return None
