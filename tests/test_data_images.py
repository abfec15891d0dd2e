"""Odd files are converted with a note, or refused in one sentence."""

import numpy as np
from PIL import Image
import pytest

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size

RGB = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def save(path, pixels, mode=None, **options):
  image = Image.fromarray(pixels)
  (image.convert(mode) if mode else image).save(path, **options)
  return path


def test_plain_rgb_has_no_note(tmp_path):
  decoded = images.read_image(save(tmp_path / 'a.png', RGB))
  np.testing.assert_array_equal(decoded.pixels, RGB)
  assert decoded.note == ''


def test_alpha_is_dropped_not_blended(tmp_path):
  alpha = np.zeros((40, 50, 1), np.uint8)
  path = save(tmp_path / 'a.png', np.concatenate([RGB, alpha], axis=2))
  decoded = images.read_image(path)
  np.testing.assert_array_equal(decoded.pixels, RGB)
  assert decoded.note == 'alpha dropped'


@pytest.mark.parametrize(
    'mode, name, note',
    [
        ('L', 'a.png', 'grey'),
        ('1', 'a.png', 'black and white'),
        ('P', 'a.png', 'palette'),
        ('CMYK', 'a.jpg', 'CMYK'),
    ],
)
def test_other_modes_become_rgb(tmp_path, mode, name, note):
  decoded = images.read_image(save(tmp_path / name, RGB, mode))
  assert decoded.pixels.shape == RGB.shape
  assert decoded.pixels.dtype == np.uint8
  assert note in decoded.note


def test_sixteen_bits_keep_the_high_byte(tmp_path):
  deep = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 32
  decoded = images.read_image(save(tmp_path / 'a.png', deep))
  np.testing.assert_array_equal(decoded.pixels[..., 0], deep >> 8)
  assert '16 bits' in decoded.note


def test_deep_colour_is_noted(tmp_path):
  cv2 = pytest.importorskip('cv2')
  path = tmp_path / 'a.png'
  cv2.imwrite(str(path), RGB[..., ::-1].astype(np.uint16) << 8)
  decoded = images.read_image(path)
  np.testing.assert_array_equal(decoded.pixels, RGB)
  assert '16 bits' in decoded.note


def test_orientation_is_not_applied(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  path = save(tmp_path / 'a.jpg', RGB, exif=exif)
  assert images.read_image(path).pixels.shape == RGB.shape


def test_a_truncated_file_is_refused(tmp_path):
  path = save(tmp_path / 'a.jpg', RGB)
  path.write_bytes(path.read_bytes()[:-400])
  with pytest.raises(spec.DataError, match='broken'):
    images.read_image(path)


def test_text_is_refused_whatever_its_name(tmp_path):
  path = tmp_path / 'a.png'
  path.write_text('not an image')
  with pytest.raises(spec.DataError, match='not an image'):
    images.read_image(path)


def test_an_absent_file_is_refused(tmp_path):
  with pytest.raises(spec.DataError, match='no file'):
    images.read_image(tmp_path / 'a.png')


def test_floats_are_refused(tmp_path):
  path = save(tmp_path / 'a.tif', RGB[..., 0].astype(np.float32))
  with pytest.raises(spec.DataError, match='mode F'):
    images.read_image(path)


@pytest.mark.parametrize('limit', [1500, 900])
def test_a_bomb_is_refused_from_its_header(tmp_path, monkeypatch, limit):
  path = save(tmp_path / 'a.png', RGB)  # 2000 pixels.
  monkeypatch.setattr(declared_size, 'MAX_PIXELS', limit)
  with pytest.raises(spec.DataError, match='bomb'):
    images.read_image(path)


@pytest.mark.parametrize('mode', ['1', 'L', 'P', 'RGB', 'RGBA', 'LA'])
def test_masks_of_any_mode(tmp_path, mode):
  truth = RGB[..., 0] > 127
  path = save(tmp_path / 'a.png', truth.astype(np.uint8) * 255, mode)
  mask = images.read_mask(path, lambda grey: grey > 127)
  np.testing.assert_array_equal(mask, truth)
  assert mask.dtype == np.uint8


@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.tif'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_pixels_stay_as_they_are_stored(tmp_path, name, orientation):
  plain = images.read_image(save(tmp_path / f'plain{name}', RGB))
  exif = Image.Exif()
  exif[0x0112] = orientation
  turned = images.read_image(save(tmp_path / name, RGB, exif=exif))
  np.testing.assert_array_equal(turned.pixels, plain.pixels)
  assert turned.orientation == orientation


def test_a_broken_exif_block_does_no_harm(tmp_path):
  path = save(tmp_path / 'a.jpg', RGB, exif=b'Exif\0\0MM\0*broken')
  assert images.read_image(path).orientation == 1


@pytest.mark.parametrize('name', ['_as_rgb', '_as_mask'])
def test_missing_memory_after_decoding_names_the_file(
    tmp_path, monkeypatch, name
):
  def fail(*unused):
    raise MemoryError('Unable to allocate 9 GiB')

  path = tmp_path / 'a.png'
  Image.new('L', (8, 8)).save(path)
  monkeypatch.setattr(images, name, fail)
  with pytest.raises(errors.MissingMemory, match='to read .*a.png'):
    if name == '_as_rgb':
      images.read_image(path)
    else:
      images.read_mask(path, lambda levels: levels > 0)


def test_a_mask_that_dwarfs_its_image_is_not_decoded(tmp_path, monkeypatch):
  path = tmp_path / 'mask.png'
  Image.new('1', (9000, 9000)).save(path)
  monkeypatch.setattr(images, '_read_stored', lambda path: pytest.fail())
  with pytest.raises(spec.DataError, match='has 9000x9000 pixels and its'):
    images.read_mask(path, lambda grey: grey > 127, image_size=(64, 64))
