"""Image files whose bytes and metadata are made for tests of reports."""

import io
import struct

import hostile
import numpy as np
from PIL import Image
from PIL import PngImagePlugin
import pytest

from manloc_jax.examine import opened_file
from manloc_jax.localization import localizer as localizer_lib

SCRIPT = '<script>alert("x")</script>'
CONTROL = '\x1b[31mred\x07\u202egpj'
DOCTYPE = b'<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'


def photograph(side: int = 96, seed: int = 0) -> Image.Image:
  """A smooth picture with some noise."""
  noise = np.random.default_rng(seed).normal(0, 30, (side // 8, side // 8, 3))
  small = Image.fromarray(np.clip(128 + noise, 0, 255).astype(np.uint8))
  return small.resize((side, side), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image | None = None, **options) -> bytes:
  """A JPEG file; options are those of Pillow."""
  image = photograph() if image is None else image
  return hostile.encode(image, 'JPEG', **{'quality': 90, **options})


def exif(
    tags: dict[int, object], ifd: dict[int, object] | None = None
) -> bytes:
  """A block of EXIF with tags of the first directory and of `EXIF`."""
  block = Image.Exif()
  for tag, value in tags.items():
    block[tag] = value
  if ifd:
    block.get_ifd(0x8769).update(ifd)
  return block.tobytes()


def segment(kind: int, content: bytes) -> bytes:
  """A segment of a JPEG file."""
  return bytes([0xFF, kind]) + struct.pack('>H', len(content) + 2) + content


def with_segments(data: bytes, *segments: bytes) -> bytes:
  """The JPEG file with segments behind its start."""
  return data[:2] + b''.join(segments) + data[2:]


def xmp(attributes: str, inner: str = '') -> bytes:
  """A packet whose description has attributes and elements."""
  return (
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
      ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
      '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
      ' xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
      ' xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"'
      ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
      f' {attributes}>{inner}</rdf:Description></rdf:RDF></x:xmpmeta>'
  ).encode()


def xmp_segment(packet: bytes) -> bytes:
  """The segment of a JPEG file that holds a packet."""
  return segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0' + packet)


def resource(number: int, data: bytes) -> bytes:
  """An image resource of Photoshop."""
  padding = b'\0' * (len(data) % 2)
  return (
      b'8BIM' + struct.pack('>HHI', number, 0, len(data)) + data + padding
  )


def photoshop_segment(*resources: bytes) -> bytes:
  """The segment of a JPEG file that holds image resources."""
  return segment(0xED, b'Photoshop 3.0\0' + b''.join(resources))


def iptc(number: int, text: bytes) -> bytes:
  """A dataset of the application record."""
  return struct.pack('>BBBH', 0x1C, 2, number, len(text)) + text


def thumbnail_block(thumbnail: bytes, order: str = '<') -> bytes:
  """A block of EXIF that holds nothing but a thumbnail."""
  header = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(
      f'{order}I', 8
  )
  first = struct.pack(f'{order}HI', 0, 14)
  at = 14 + 2 + 2 * 12 + 4
  second = struct.pack(f'{order}H', 2)
  for tag, value in ((513, at), (514, len(thumbnail))):
    second += struct.pack(f'{order}HHII', tag, 4, 1, value)
  second += struct.pack(f'{order}I', 0)
  return b'Exif\0\0' + header + first + second + thumbnail


def png(texts: dict[str, str] | None = None) -> bytes:
  """A PNG file with texts."""
  info = PngImagePlugin.PngInfo()
  for key, value in (texts or {}).items():
    info.add_text(key, value)
  file = io.BytesIO()
  photograph().save(file, 'PNG', pnginfo=info)
  return file.getvalue()


class Localizer:
  """A localizer that marks the upper left corner, whatever the image."""

  provenance = {'method': 'corner', 'weights_sha256': '0' * 64}

  def localize(self, path, image) -> localizer_lib.Result:
    """Returns a map that is 0.9 in a corner and 0.1 elsewhere."""
    localizer_lib.check_size(str(path), image.pixels.shape, 16, 'the corner')
    score = np.full(image.pixels.shape[:2], 0.1, np.float32)
    score[:12, :12] = 0.9
    return localizer_lib.summarize(score, score, 0.5)


@pytest.fixture
def opened(tmp_path):
  """Opens bytes as a file."""

  def make(data: bytes, name: str = 'a.jpg') -> opened_file.OpenedFile:
    (tmp_path / name).write_bytes(data)
    return opened_file.OpenedFile(tmp_path / name)

  return make
