"""Broken, hostile and odd image files, small enough for tests."""

from collections.abc import Iterator
import io
import os
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image
from PIL import PngImagePlugin

TEXTURE = np.random.default_rng(0).integers(90, 166, (96, 130, 3), np.uint8)
PICTURE = Image.fromarray(TEXTURE)


def encode(picture: Image.Image, kind: str, **options) -> bytes:
  file = io.BytesIO()
  picture.save(file, kind, **options)
  return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
  """A chunk of a PNG file."""
  crc = zlib.crc32(name + data)
  return struct.pack('>I', len(data)) + name + data + struct.pack('>I', crc)


def png(width: int, height: int, *chunks: bytes, data: bytes = b'') -> bytes:
  """A PNG file that says so of its size, whatever its data."""
  header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return b'\x89PNG\r\n\x1a\n' + b''.join([
      chunk(b'IHDR', header), *chunks, chunk(b'IDAT', data), chunk(b'IEND', b'')
  ])  # fmt: skip


def tiff(entries: list[tuple[int, int, int]], data: bytes = b'') -> bytes:
  """A TIFF file of one directory of (tag, type, value)."""
  out = b'II*\0' + struct.pack('<IH', 8, len(entries))
  for tag, kind, value in sorted(entries):
    out += struct.pack('<HHII', tag, kind, 1, value)
  return out + struct.pack('<I', 0) + data


def tiff_of(width: int, height: int) -> bytes:
  return tiff([
      (256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1),
      (262, 3, 1), (273, 4, 122), (277, 3, 1), (278, 4, height),
      (279, 4, 100),
  ], bytes(100))  # fmt: skip


def many_directories(count: int) -> bytes:
  """A sound TIFF file, followed by empty directories."""
  data = bytearray(encode(PICTURE, 'TIFF'))
  place = int.from_bytes(data[4:8], 'little')
  entries = int.from_bytes(data[place : place + 2], 'little')
  following = place + 2 + 12 * entries
  at = len(data)
  data[following : following + 4] = struct.pack('<I', at)
  for i in range(count):
    data += struct.pack('<HI', 0, at + 6 * (i + 1) if i + 1 < count else 0)
  return bytes(data)


def many_scans(count: int) -> bytes:
  """A progressive JPEG file whose last scan comes again and again."""
  data = encode(PICTURE, 'JPEG', progressive=True)
  scan = data[data.rindex(b'\xff\xda') : -2]
  return data[:-2] + count * scan + data[-2:]


def jpeg_with(step: int, quality: int = 90) -> bytes:
  """A JPEG file whose header claims a quantization table of equal numbers."""
  data = bytearray(encode(PICTURE, 'JPEG', quality=quality))
  at = data.index(b'\xff\xdb')
  data[at + 5 : at + 69] = bytes([step]) * 64
  return bytes(data)


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
  at = data.index(marker) + offset
  return data[:at] + value + data[at + len(value) :]


def _whole() -> dict[str, bytes]:
  """One file of each kind that can be cut short."""
  return {
      'jpg': encode(PICTURE, 'JPEG', quality=90),
      'png': encode(PICTURE, 'PNG'),
      'tif': encode(PICTURE, 'TIFF', compression='tiff_lzw'),
      'webp': encode(PICTURE, 'WEBP'),
      'gif': encode(PICTURE, 'GIF'),
      'bmp': encode(PICTURE, 'BMP'),
  }


def broken() -> Iterator[tuple[str, bytes]]:
  """Yields names and contents of what no reader should take."""
  for suffix, data in _whole().items():
    for share in (0, 0.002, 0.01, 0.1, 0.5, 0.9):
      yield f'cut_{share}.{suffix}', data[: int(share * len(data))]
  head = encode(PICTURE, 'JPEG')
  yield 'text.jpg', b'A letter, and no image.\n'
  yield 'page.jpg', b'<!doctype html><html><body><img src=x></body></html>'
  yield 'archive.jpg', b'PK\x03\x04' + bytes(60)
  yield 'paper.jpg', b'%PDF-1.7\n1 0 obj<<>>endobj\n'
  yield 'drawing.jpg', b'<svg xmlns="http://www.w3.org/2000/svg"/>'
  # Pillow hands PostScript to a program.
  yield 'program.jpg', (
      b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n'
  )
  yield 'zeros.png', bytes(5000)
  yield 'bomb.png', png(60_000, 60_000, data=zlib.compress(bytes(1000)))
  yield 'bomb_wide.png', png(2**31 - 1, 1)
  yield 'size_0.png', png(0, 0)
  yield 'bomb.gif', patched(encode(PICTURE, 'GIF'), b'GIF8', 6, b'\xff' * 4)
  yield 'bomb.tif', tiff_of(60_000, 60_000)
  yield 'bomb.bmp', patched(
      encode(PICTURE, 'BMP'), b'BM', 18, struct.pack('<ii', 60_000, 60_000)
  )
  zeros = zlib.compress(bytes(50_000_000))
  for name, data in (
      (b'zTXt', b'x\0\0' + zeros),
      (b'iTXt', b'x\0\1\0\0\0' + zeros),
      (b'iCCP', b'x\0\0' + zeros),
  ):
    yield f'bomb_{name.decode()}.png', png(8, 8, chunk(name, data))
  yield 'checksum.png', patched(
      encode(PICTURE, 'PNG'), b'IHDR', 17, b'\0\0\0\0'
  )
  yield 'scans.jpg', many_scans(2000)
  yield 'twelve_bits.jpg', patched(head, b'\xff\xc0', 4, b'\x0c')
  yield 'odd_sampling.jpg', patched(head, b'\xff\xc0', 14, b'\x31')
  yield 'no_tables.jpg', head[: head.index(b'\xff\xc4')] + head[-2000:]
  yield 'float.tif', encode(
      Image.fromarray(TEXTURE[..., 0].astype(np.float32)), 'TIFF'
  )
  yield 'int32.tif', encode(
      Image.fromarray(TEXTURE[..., 0].astype(np.int32)), 'TIFF'
  )
  yield 'lab.tif', encode(PICTURE.convert('LAB'), 'TIFF')


def _exif(orientation: int) -> Image.Exif:
  exif = Image.Exif()
  exif[0x0112] = orientation
  return exif


def _jpegs() -> Iterator[tuple[str, bytes]]:
  save = lambda picture, **options: encode(picture, 'JPEG', **options)
  cmyk = save(PICTURE.convert('CMYK'))
  yield 'cmyk.jpg', cmyk
  yield 'ycck.jpg', patched(cmyk, b'Adobe', 11, b'\x02')
  yield 'grey.jpg', save(PICTURE.convert('L'))
  yield 'rgb.jpg', save(PICTURE, keep_rgb=True)
  yield 'progressive.jpg', save(PICTURE, progressive=True)
  yield 'restarts.jpg', save(PICTURE, restart_marker_blocks=3)
  for name in ('4:4:4', '4:2:2', '4:2:0', '4:1:1'):
    yield f'{name.replace(":", "")}.jpg', save(PICTURE, subsampling=name)
  # 4:4:0, as turned 4:2:2 has it.
  yield '440.jpg', patched(
      save(Image.fromarray(TEXTURE[:128, :128]), subsampling='4:2:2'),
      b'\xff\xc0', 11, b'\x12',
  )  # fmt: skip
  for step in (0, 1, 255):
    yield f'steps_{step}.jpg', jpeg_with(step)
  yield 'steps_16_bits.jpg', save(PICTURE, qtables=[[700] * 64, [900] * 64])
  yield 'tables_3.jpg', save(
      PICTURE, qtables=[[2] * 64, [9] * 64, [30] * 64], subsampling='4:4:4'
  )
  yield 'quality_1.jpg', save(PICTURE, quality=1)
  yield 'quality_100.jpg', save(PICTURE, quality=100)
  for turn in (*range(1, 9), 99):
    yield f'orientation_{turn}.jpg', save(PICTURE, exif=_exif(turn))
  yield 'bad_exif.jpg', save(PICTURE, exif=b'Exif\0\0MM\0*broken')
  yield 'endless_exif.jpg', save(
      PICTURE, exif=b'Exif\0\0II*\0\x08\0\0\0\xff\xff' + bytes(200)
  )
  yield 'tail.jpg', save(PICTURE) + b'PK\x03\x04' + bytes(5000)
  yield 'comment.jpg', save(PICTURE, comment=b'\x1b[2J' * 9)


def odd() -> Iterator[tuple[str, bytes]]:
  """Yields names and contents of images that can be used."""
  yield from _jpegs()
  for suffix, data in _whole().items():
    wrong = {'jpg': 'png', 'png': 'jpg'}.get(suffix, 'jpg')
    yield f'really_{suffix}.{wrong}', data
  for width, height in (
      (1, 1), (1, 7), (7, 1), (2, 2), (8, 8), (15, 15), (16, 16), (17, 33),
      (63, 63), (64, 64), (65, 64), (64, 1000), (1000, 64), (4096, 16),
      (4097, 16), (16, 4097), (65_500, 1), (1, 65_500),
  ):  # fmt: skip
    picture = Image.fromarray(np.resize(TEXTURE, (height, width, 3)))
    for kind, suffix in (('PNG', 'png'), ('JPEG', 'jpg')):
      yield f'size_{width}x{height}.{suffix}', encode(picture, kind)
  for name, level in (('black', 0), ('white', 255), ('flat', 100)):
    flat = Image.new('RGB', (200, 150), (level,) * 3)
    yield f'{name}.png', encode(flat, 'PNG')
    yield f'{name}.jpg', encode(flat, 'JPEG')
  red = np.zeros((100, 140, 3), np.uint8)
  red[:, 70:, 0] = 255
  yield 'saturated.jpg', encode(Image.fromarray(red), 'JPEG', quality=10)
  chess = np.uint8(255) * (np.indices((100, 140)).sum(0) % 2 > 0)
  yield 'chess.jpg', encode(Image.fromarray(chess), 'JPEG')
  noise = np.random.default_rng(1).integers(0, 256, (200, 150, 3), np.uint8)
  yield 'noise.png', encode(Image.fromarray(noise), 'PNG')
  deep = TEXTURE[..., 0].astype(np.uint16) * 256
  yield 'deep.png', encode(Image.fromarray(deep), 'PNG')
  yield 'deep.tif', encode(Image.fromarray(deep), 'TIFF')
  for mode in ('1', 'LA', 'P', 'RGBA'):
    yield f'mode_{mode}.png', encode(PICTURE.convert(mode), 'PNG')
  yield 'clear_palette.png', encode(
      PICTURE.quantize(9), 'PNG', transparency=bytes(range(9))
  )
  yield 'clear.gif', encode(PICTURE.quantize(9), 'GIF', transparency=3)
  yield 'cmyk.tif', encode(PICTURE.convert('CMYK'), 'TIFF')
  yield 'fax.tif', encode(PICTURE.convert('1'), 'TIFF', compression='group4')
  yield 'jpeg.tif', encode(PICTURE, 'TIFF', compression='jpeg')
  yield 'directories.tif', many_directories(100_000)
  others = [PICTURE.rotate(90), PICTURE.rotate(180)]
  for kind, suffix in (
      ('GIF', 'gif'), ('WEBP', 'webp'), ('PNG', 'png'), ('TIFF', 'tif'),
      ('MPO', 'jpg'),
  ):  # fmt: skip
    yield f'frames.{suffix}', encode(
        PICTURE, kind, save_all=True, append_images=others
    )
  info = PngImagePlugin.PngInfo()
  info.add_text('words', 'x' * 10_000, zip=True)
  yield 'text.png', encode(PICTURE, 'PNG', pnginfo=info)
  for name in ('line\nbreak', '-dash', 'naïve_写真', '\x1b[31mred', ' blank '):
    yield f'{name}.png', encode(PICTURE, 'PNG')


def write(folder: pathlib.Path, files: Iterator[tuple[str, bytes]]) -> None:
  folder.mkdir(parents=True)
  for name, content in files:
    path = folder / name
    assert not path.exists(), name
    path.write_bytes(content)


def no_files(folder: pathlib.Path) -> None:
  """Makes what looks like an image file and is no file."""
  folder.mkdir(parents=True)
  os.mkfifo(folder / 'pipe.jpg')
  (folder / 'loop.jpg').symlink_to('loop.jpg')
  (folder / 'loop_a.png').symlink_to('loop_b.png')
  (folder / 'loop_b.png').symlink_to('loop_a.png')
  (folder / 'dangling.jpg').symlink_to('nowhere.jpg')
  (folder / 'device.jpg').symlink_to('/dev/zero')
