"""Takes the blocks of metadata out of a file, undecoded and within bounds."""

import contextlib
import dataclasses
import zlib

from manloc_jax import errors
from manloc_jax.data.decoding import image_formats
from manloc_jax.examine import exif
from manloc_jax.examine import opened_file
from manloc_jax.examine import photoshop_blocks

_EXIF, _XMP = b'Exif\0', b'http://ns.adobe.com/xap/1.0/\0'
_ICC = b'ICC_PROFILE\0'
_MOST_TEXT = 1_000_000  # Bytes of a compressed text that are unpacked.
MOST_TEXTS = 500
_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP, _TIFF_ICC = 700, 33_723, 34_377, 34_675


@dataclasses.dataclass
class Blocks:
  """The metadata of a file as it stands there.

  Attributes:
    exif: The block; None without one.
    xmp: The packet; None without one.
    iptc: Datasets outside of Photoshop's resources; None without them.
    photoshop: The image resources; empty without them.
    icc: The colour profile; None without one.
    texts: Keyword and text of the texts of PNG, and comments of JPEG.
  """

  exif: bytes | None = None
  xmp: bytes | None = None
  iptc: bytes | None = None
  photoshop: bytes = b''
  icc: bytes | None = None
  texts: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def read(file: opened_file.OpenedFile) -> Blocks:
  """Returns the blocks of a file."""
  match file.kind:
    case 'JPEG':
      return _of_jpeg(file)
    case 'PNG':
      return _of_png(file)
    case 'WEBP':
      chunks = {part.name: part.content for part in file.structure.parts}
      return Blocks(
          exif=chunks.get('EXIF'), xmp=chunks.get('XMP '),
          icc=chunks.get('ICCP'),
      )  # fmt: skip
    case 'TIFF':
      return _of_tiff(file)
    case 'HEIF' | 'AVIF':
      return _of_heif(file)
  return Blocks()


def _of_jpeg(file: opened_file.OpenedFile) -> Blocks:
  blocks, profile = Blocks(), b''
  photoshop = []
  for part in file.structure.parts:
    content = part.content
    if part.name == 'APP1' and content.startswith(_EXIF):
      blocks.exif = blocks.exif or content
    elif part.name == 'APP1' and content.startswith(_XMP):
      blocks.xmp = blocks.xmp or content[len(_XMP) :]
    elif part.name == 'APP2' and content.startswith(_ICC):
      profile += content[len(_ICC) + 2 :]
    elif part.name == 'APP13':
      photoshop.append(content.removeprefix(photoshop_blocks.SIGNATURE))
    elif part.name == 'COM' and len(blocks.texts) < MOST_TEXTS:
      blocks.texts.append(('JPEG comment', content.decode('utf-8', 'replace')))
  blocks.photoshop = b''.join(photoshop)
  blocks.icc = profile or None
  return blocks


def _of_png(file: opened_file.OpenedFile) -> Blocks:
  blocks = Blocks()
  for part in file.structure.parts:
    content = part.content
    if part.name == 'eXIf':
      blocks.exif = blocks.exif or content
    elif part.name == 'iCCP':
      name, _, packed = content.partition(b'\0')
      blocks.icc = _unpack(packed[1:])
    elif part.name in ('tEXt', 'zTXt', 'iTXt'):
      keyword, text = _png_text(part.name, content)
      if keyword == 'XML:com.adobe.xmp':
        blocks.xmp = blocks.xmp or text
      elif len(blocks.texts) < MOST_TEXTS:
        encoding = 'utf-8' if part.name == 'iTXt' else 'latin-1'
        blocks.texts.append((keyword, text.decode(encoding, 'replace')))
  return blocks


def _png_text(kind: str, content: bytes) -> tuple[str, bytes]:
  keyword, _, rest = content.partition(b'\0')
  if kind == 'zTXt':
    rest = _unpack(rest[1:]) or b''
  elif kind == 'iTXt':
    is_packed = rest[:1] == b'\1'
    *_, rest = rest[2:].split(b'\0', 2)  # Language and translated keyword.
    rest = (_unpack(rest) or b'') if is_packed else rest
  return keyword.decode('latin-1'), rest


def _unpack(packed: bytes) -> bytes | None:
  """Unpacks at most `_MOST_TEXT` bytes; None where it is broken."""
  with contextlib.suppress(zlib.error):
    return zlib.decompressobj().decompress(packed, _MOST_TEXT)
  return None


def _of_tiff(file: opened_file.OpenedFile) -> Blocks:
  blocks = Blocks(exif=file.data)
  with contextlib.suppress(ValueError):
    places = exif.places(file.data)
    blocks.xmp = places.get(_TIFF_XMP)
    blocks.iptc = places.get(_TIFF_IPTC)
    blocks.photoshop = places.get(_TIFF_PHOTOSHOP, b'')
    blocks.icc = places.get(_TIFF_ICC)
  return blocks


def _of_heif(file: opened_file.OpenedFile) -> Blocks:
  """Lets the library find them: boxes only point to them."""
  with (
      contextlib.suppress(errors.UserError),
      image_formats.opened(file.path) as image,
  ):
    info = image.info
    return Blocks(
        exif=info.get('exif'), xmp=info.get('xmp'), icc=info.get('icc_profile')
    )
  return Blocks()
