"""Headers that promise more than a file holds, and sides beyond all cameras."""

import struct
import time
import tracemalloc
import zlib

import hostile
import numpy as np
from PIL import Image
import pytest

from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import image_formats
from manloc_jax.data.decoding import jpeg_files

SIDE = 6300
_U16, _U32 = struct.Struct('>H'), struct.Struct('<I')
_SMALL = hostile.PICTURE.resize((64, 64))
_EXIF = b'\xff\xe1\x04\x02' + bytes(1024)  # A segment that pads the file.


def _jpeg(**options) -> bytes:
  """64x64 pixels of data under a header of SIDE x SIDE."""
  marker = b'\xff\xc2' if options.get('progressive') else b'\xff\xc0'
  data = hostile.encode(_SMALL, 'JPEG', **options)
  return hostile.patched(data, marker, 5, 2 * _U16.pack(SIDE))


def _gif() -> bytes:
  size = 2 * struct.pack('<H', SIDE)
  data = hostile.patched(hostile.encode(_SMALL, 'GIF'), b'GIF8', 6, size)
  return hostile.patched(data, b'\0\0\0\0\x40\0\x40\0', 4, size)


def _webp_canvas() -> bytes:
  """An animation of one small frame on a large canvas."""
  other = _SMALL.rotate(90)
  data = hostile.encode(
      _SMALL, 'WEBP', save_all=True, append_images=[other], lossless=True
  )
  size = 2 * _U32.pack(SIDE - 1)[:3]
  return hostile.patched(data, b'VP8X', 12, size)


def _short() -> dict[str, bytes]:
  """Files whose data are far shorter than their header says."""
  size = 2 * _U32.pack(SIDE)
  rows = zlib.compress(bytes(3 * 64 * 64))
  jpeg = _jpeg()
  return {
      'baseline.jpg': jpeg,
      'progressive.jpg': _jpeg(progressive=True),
      'one_colour.jpg': _jpeg(subsampling=0, optimize=True),
      'restarts.jpg': _jpeg(restart_marker_blocks=2),
      # What is no data of a scan does not count.
      'padded.jpg': jpeg[:2] + 600 * _EXIF + jpeg[2:],
      'comments.jpg': jpeg[:-2] + 600 * _EXIF.replace(b'\xe1', b'\xfe') + (
          b'\xff\xd9'
      ),
      'tail.jpg': jpeg + bytes(500_000),
      'a.png': hostile.png(SIDE, SIDE, data=rows),
      'a.gif': _gif(),
      'canvas.gif': hostile.patched(
          hostile.encode(_SMALL, 'GIF'), b'GIF8', 6, 2 * struct.pack('<H', SIDE)
      ),
      'canvas.webp': _webp_canvas(),
      'a.bmp': hostile.patched(
          hostile.encode(_SMALL, 'BMP'), b'BM', 18, size
      ),
      'a.ppm': b'P6 %d %d 255 ' % (SIDE, SIDE) + bytes(9000),
      'raw.tif': hostile.tiff_of(SIDE, SIDE),
      # The strips lie beyond the end of the file.
      'strips.tif': hostile.tiff([
          (256, 4, SIDE), (257, 4, SIDE), (258, 3, 8), (259, 3, 50_000),
          (262, 3, 1), (273, 4, 122), (277, 3, 1), (278, 4, SIDE),
          (279, 4, 40_000_000),
      ], bytes(100)),
  }  # fmt: skip


@pytest.mark.parametrize('name', _short())
def test_what_is_far_too_short_is_refused_at_once(name, tmp_path):
  path = tmp_path / name
  path.write_bytes(_short()[name])
  tracemalloc.start()
  start = time.monotonic()
  with pytest.raises(spec.DataError) as error:
    images.read_image(path)
  # 40 million pixels take a second and 120 MB to decode.
  assert time.monotonic() - start < 0.5
  assert tracemalloc.get_traced_memory()[1] < 5_000_000
  tracemalloc.stop()
  assert 'far too short' in str(error.value)
  assert f'{SIDE}x{SIDE}' in str(error.value)
  assert len(str(error.value).replace(str(path), '')) < 200
  with pytest.raises(spec.DataError):  # Nor is its size believed.
    images.read_size(path)


def _flat() -> list[tuple[str, dict]]:
  return [
      ('JPEG', {}), ('JPEG', {'optimize': True, 'quality': 1}),
      ('JPEG', {'optimize': True, 'subsampling': 0}),
      ('JPEG', {'progressive': True, 'quality': 1}), ('PNG', {}),
      ('PNG', {'optimize': True}), ('GIF', {}), ('BMP', {}), ('WEBP', {}),
      ('WEBP', {'lossless': True}), ('PPM', {}), ('TIFF', {}),
      ('TIFF', {'compression': 'tiff_lzw'}),
      ('TIFF', {'compression': 'tiff_adobe_deflate'}),
      ('TIFF', {'compression': 'packbits'}),
      ('TIFF', {'compression': 'jpeg'}),
  ]  # fmt: skip


@pytest.mark.parametrize('kind, options', _flat())
@pytest.mark.parametrize('size', [(8, 8), (1500, 900)])
@pytest.mark.parametrize('mode', ['1', 'L', 'RGB'])
def test_no_coding_of_one_colour_is_too_short(
    kind, options, size, mode, tmp_path
):
  if mode == '1' and kind in ('JPEG', 'WEBP', 'TIFF') and options:
    pytest.skip('These have no pixels of one bit.')
  path = tmp_path / 'a'
  Image.new(mode, size).save(path, kind, **options)
  assert images.read_image(path).pixels.shape == (*size[::-1], 3)


def test_fax_and_other_schemes_have_no_bound(tmp_path):
  path = tmp_path / 'a.tif'
  Image.new('1', (6000, 6000)).save(path, compression='group4')
  assert path.stat().st_size < 3000
  assert images.read_size(path) == (6000, 6000)


@pytest.mark.parametrize('kind', ['PNG', 'TIFF', 'GIF'])
@pytest.mark.parametrize('turned', [False, True])
def test_sides_have_a_limit(kind, turned, tmp_path, monkeypatch):
  monkeypatch.setattr(declared_size, 'MAX_SIDE', 1000)
  path = tmp_path / 'a'
  for side in (1000, 1001):
    size = (1, side) if turned else (side, 1)
    Image.new('L', size).save(path, kind)
    if side == 1000:
      assert images.read_image(path).pixels.size == 3000
      continue
    for read in (images.read_image, images.read_size):
      with pytest.raises(spec.DataError, match='a side of more than 1,000'):
        read(path)
    with pytest.raises(spec.DataError, match='a side of more than 1,000'):
      images.read_mask(path, lambda grey: grey > 127)


@pytest.mark.parametrize('width', [200_000, 40_000_000])
def test_a_thin_image_takes_no_time(width, tmp_path):
  path = tmp_path / 'a.png'
  path.write_bytes(
      hostile.png(width, 1, data=zlib.compress(bytes(1 + 3 * width)))
  )
  start = time.monotonic()
  with pytest.raises(spec.DataError, match='a side of more than 65,500'):
    images.read_image(path)
  assert time.monotonic() - start < 0.5


def test_photographs_of_all_kinds_hold_enough(test_data):
  """None of the images at hand is refused; one that is no image is."""
  count = 0
  for path in sorted(test_data.rglob('*')):
    if path.suffix.lower() in ('.jpg', '.jpeg', '.tif', '.tiff', '.png'):
      if path.parent.name in ('cases', 'folder_search'):
        continue  # Broken on purpose.
      images.read_size(path)
      count += 1
  assert count > 500


def test_data_between_scans_count_once():
  whole = hostile.encode(hostile.PICTURE, 'JPEG', progressive=True)
  assert jpeg_files.may_be_complete(whole)
  assert jpeg_files.may_be_complete(whole[: len(whole) // 2])
  start = whole[: whole.index(b'\xff\xda')]
  assert not jpeg_files.may_be_complete(start)
  assert not jpeg_files.may_be_complete(start + b'\xff\xd9' + whole)


def test_no_reader_waits_for_what_is_no_file(tmp_path):
  hostile.no_files(tmp_path / 'none')
  for path in (tmp_path / 'none').iterdir():
    with pytest.raises(spec.DataError):
      with image_formats.opened(path):
        pass


def test_a_mask_has_the_limits_of_an_image(tmp_path):
  path = tmp_path / 'mask.png'
  path.write_bytes(hostile.png(60_000, 60_000))
  with pytest.raises(spec.DataError, match='200,000,000 pixels'):
    images.read_mask(path, lambda grey: grey > np.uint8(127))
