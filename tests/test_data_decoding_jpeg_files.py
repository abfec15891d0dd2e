"""JPEG files without an end are decoded whole or refused; kinds are named."""

import io

import numpy as np
from PIL import Image
import pytest
from skimage import data as photographs

from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import jpeg_files

PHOTO = Image.fromarray(photographs.astronaut()[:210, 100:305])
KINDS = {
    'baseline': {},
    'grey': {'grey': True},
    'progressive': {'progressive': True},
    'restarts': {'restart_marker_blocks': 3},
    'full colour': {'subsampling': '4:4:4'},
}


def encoded(grey=False, **options):
  file = io.BytesIO()
  photo = PHOTO.convert('L') if grey else PHOTO
  photo.save(file, 'JPEG', quality=80, **options)
  return file.getvalue()


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('left', [0, 1])
def test_a_missing_end_is_noted(kind, left, tmp_path):
  data = encoded(**KINDS[kind])
  path, whole = tmp_path / 'a.jpg', tmp_path / 'whole.jpg'
  whole.write_bytes(data)
  path.write_bytes(data[: len(data) - 2 + left])
  decoded = images.read_image(path)
  assert 'end marker is missing' in decoded.note
  np.testing.assert_array_equal(
      decoded.pixels, images.read_image(whole).pixels
  )


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('cut', [6, 20, 200, 0.5, 0.05])
def test_a_missing_block_is_refused(kind, cut, tmp_path):
  data = encoded(**KINDS[kind])
  path = tmp_path / 'a.jpg'
  path.write_bytes(data[: -cut if cut > 1 else int(cut * len(data))])
  # Of a nearly empty picture hardly anything is left.
  with pytest.raises(spec.DataError, match='is broken|far too short'):
    images.read_image(path)


def test_a_file_that_ends_between_restarts_is_refused(tmp_path):
  data = encoded(restart_marker_blocks=3)
  restarts = [
      at
      for at in range(len(data) - 1)
      if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7
  ]
  path = tmp_path / 'a.jpg'
  for at in (restarts[-1], restarts[-1] + 2, restarts[len(restarts) // 2]):
    path.write_bytes(data[:at])
    with pytest.raises(spec.DataError, match='is broken'):
      images.read_image(path)


def test_a_progressive_file_that_ends_between_scans_is_refused(tmp_path):
  data = encoded(progressive=True)
  path = tmp_path / 'a.jpg'
  path.write_bytes(data[: data.rindex(b'\xff\xc4')])
  with pytest.raises(spec.DataError, match='is broken'):
    images.read_image(path)


@pytest.mark.parametrize(
    'frame, bits, words',
    [
        (0xC1, 12, 'with 12 bits per sample'),
        (0xC3, 8, 'of the lossless kind'),
        (0xC5, 8, 'of the hierarchical kind'),
    ],
)
def test_what_is_not_read_is_named(frame, bits, words, tmp_path):
  data = bytearray(encoded())
  at = data.index(b'\xff\xc0')
  data[at + 1], data[at + 4] = frame, bits
  path = tmp_path / 'a.jpg'
  path.write_bytes(data)
  with pytest.raises(spec.DataError, match=f'a JPEG file {words}'):
    images.read_image(path)


def test_what_is_read_has_no_name():
  for kind in KINDS.values():
    assert jpeg_files.unsupported(encoded(**kind)) == ''
  assert jpeg_files.unsupported(b'GIF89a') == ''


def test_the_cases(test_data):
  for name in ('no_eoi.jpg', 'forge_part/noeoi.jpg'):
    assert 'end marker' in images.read_image(test_data / 'cases' / name).note
  assert images.read_image(test_data / 'cases/arithmetic.jpg').note == ''
  for name, words in (('trunc', 'broken'), ('sof3', 'lossless')):
    with pytest.raises(spec.DataError, match=words):
      images.read_image(test_data / f'cases/forge_part/{name}.jpg')
