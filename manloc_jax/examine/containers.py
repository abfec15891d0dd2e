"""Finds the parts of an image file and where the image ends in it."""

from collections.abc import Callable
import dataclasses

from manloc_jax.examine import jpeg_segments

MOST_PARTS = 20_000
PNG_START = b'\x89PNG\r\n\x1a\n'
_AVIF = (b'avif', b'avis')
_HEIF = (
    b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'hevm', b'hevs',
    b'mif1', b'msf1',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Part:
  """A segment, chunk or box.

  Attributes:
    name: Of its kind.
    offset: In the file, bytes.
    length: With its header, bytes.
    content: Where it is read, without its header; otherwise empty.
  """

  name: str
  offset: int
  length: int
  content: bytes = b''


@dataclasses.dataclass(frozen=True)
class Structure:
  """What a file is made of.

  Attributes:
    parts: In the order of the file.
    end: Offset after the image; None where it cannot be told.
    reason: Why not, a sentence.
  """

  parts: tuple[Part, ...]
  end: int | None
  reason: str = ''


def kind_of(start: bytes) -> str | None:
  """Returns the format that the first bytes of a file announce.

  Args:
    start: At least 16 bytes, unless the file has fewer.

  Returns:
    A key of `image_formats.FORMATS`; None for any other file.
  """
  if start.startswith(b'\xff\xd8\xff'):
    return 'JPEG'
  if start.startswith(PNG_START):
    return 'PNG'
  if start[:4] in (b'II*\0', b'MM\0*'):
    return 'TIFF'
  if start[:4] == b'RIFF' and start[8:12] == b'WEBP':
    return 'WEBP'
  if start[:6] in (b'GIF87a', b'GIF89a'):
    return 'GIF'
  if start[:2] == b'BM' and len(start) >= 14:
    return 'BMP'
  if start[:1] == b'P' and start[1:2] in b'123456' and start[2:3] in b' \n\r\t':
    return 'PPM' if len(start) > 2 else None
  if start[4:8] == b'ftyp':
    brands = (start[8:12],)
    if brands[0] in _AVIF:
      return 'AVIF'
    if brands[0] in _HEIF:
      return 'HEIF'
  return None


def read(data: bytes, kind: str) -> Structure:
  """Lists the parts of a file.

  Args:
    data: The file.
    kind: Of `kind_of`.
  """
  reader = _READERS.get(kind)
  if reader is None:
    return Structure(
        (), None, f'A {kind} file may keep its data anywhere, without an end.'
    )
  return reader(data)


def _read_jpeg(data: bytes) -> Structure:
  segments, end = jpeg_segments.walk(data)
  parts = tuple(
      Part(item.name, item.offset, item.length, item.content)
      for item in segments
  )
  if end is None:
    reason = 'The end marker of the JPEG file is missing, or a marker is broken'
    return Structure(parts, None, f'{reason}; the file may be truncated.')
  return Structure(parts, end)


def _read_png(data: bytes) -> Structure:
  parts: list[Part] = []
  at = len(PNG_START)
  while at + 12 <= len(data) and len(parts) < MOST_PARTS:
    size = int.from_bytes(data[at : at + 4], 'big')
    end = at + 12 + size
    if end > len(data):
      break
    name = data[at + 4 : at + 8].decode('latin-1')
    content = b'' if name in ('IDAT', 'fdAT') else data[at + 8 : end - 4]
    parts.append(Part(name, at, end - at, content))
    at = end
    if name == 'IEND':
      return Structure(tuple(parts), at)
  return Structure(
      tuple(parts), None, 'The PNG file has no IEND chunk; it is truncated.'
  )


def _read_webp(data: bytes) -> Structure:
  declared = 8 + int.from_bytes(data[4:8], 'little')
  parts: list[Part] = []
  at = 12
  while at + 8 <= min(declared, len(data)) and len(parts) < MOST_PARTS:
    size = int.from_bytes(data[at + 4 : at + 8], 'little')
    end = at + 8 + size
    if end > len(data):
      break
    name = data[at : at + 4].decode('latin-1')
    is_read = name in ('EXIF', 'XMP ', 'ICCP', 'VP8X', 'C2PA')
    content = data[at + 8 : end] if is_read else b''
    parts.append(Part(name, at, end - at, content))
    at = end + size % 2
  if declared > len(data) + 1:
    return Structure(
        tuple(parts), None, 'The WebP file is shorter than its header says.'
    )
  return Structure(tuple(parts), min(declared, len(data)))


def _read_boxes(data: bytes) -> Structure:
  """Reads the boxes of HEIF and AVIF files; a second `ftyp` is another file."""
  parts: list[Part] = []
  at = 0
  while at + 8 <= len(data) and len(parts) < MOST_PARTS:
    size = int.from_bytes(data[at : at + 4], 'big')
    header, name = 8, data[at + 4 : at + 8]
    if size == 1:
      header, size = 16, int.from_bytes(data[at + 8 : at + 16], 'big')
    elif size == 0:
      size = len(data) - at
    is_box = all(0x20 <= byte < 0x7F for byte in name) and size >= header
    if not is_box or (parts and name == b'ftyp'):
      break
    if at + size > len(data):
      if name not in (b'meta', b'mdat', b'moov', b'free', b'ftyp'):
        break  # Something else that follows, such as an archive.
      return Structure(
          tuple(parts), None, f'The box {name.decode()} is cut off.'
      )
    parts.append(Part(name.decode(), at, size))
    at += size
  return Structure(tuple(parts), at)


def _read_gif(data: bytes) -> Structure:
  parts: list[Part] = []
  at = 13 + _colours(data[10:11])
  while at < len(data) and len(parts) < MOST_PARTS:
    start, kind = at, data[at]
    if kind == 0x3B:
      parts.append(Part('trailer', at, 1))
      return Structure(tuple(parts), at + 1)
    if kind == 0x21:
      name, at = f'extension 0x{data[at + 1 : at + 2].hex()}', at + 2
    elif kind == 0x2C:
      name, at = 'image', at + 11 + _colours(data[at + 9 : at + 10])
    else:
      break
    while at < len(data) and data[at]:
      at += 1 + data[at]
    at += 1
    parts.append(Part(name, start, at - start))
  return Structure(
      tuple(parts), None, 'The GIF file has no trailer; it is truncated.'
  )


def _colours(flags: bytes) -> int:
  """Returns the bytes of a table of colours."""
  return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _read_bmp(data: bytes) -> Structure:
  size = int.from_bytes(data[2:6], 'little')
  if not 14 < size <= len(data):
    return Structure((), None, 'The BMP header is wrong about its size.')
  return Structure((Part('bitmap', 0, size),), size)


_READERS: dict[str, Callable[[bytes], Structure]] = {
    'JPEG': _read_jpeg,
    'PNG': _read_png,
    'WEBP': _read_webp,
    'HEIF': _read_boxes,
    'AVIF': _read_boxes,
    'GIF': _read_gif,
    'BMP': _read_bmp,
}
