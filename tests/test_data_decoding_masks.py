"""Masks on any scale are two classes, or are refused with the reason."""

import cv2
import numpy as np
from PIL import Image
import pytest

from manloc_jax.data import images
from manloc_jax.data import pairing
from manloc_jax.data import spec

TRUTH = np.zeros((90, 130), bool)
TRUTH[20:60, 30:90] = True
TRUTH[60:75, 70:80] = True


def write(path, pixels, mode=None, **options):
  image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
  (image.convert(mode) if mode else image).save(path, **options)
  return path


def coloured(dark, bright):
  return np.where(TRUTH[..., None], bright, dark).astype(np.uint8)


def palette(*colours):
  image = Image.fromarray(TRUTH.astype(np.uint8), 'P')
  image.putpalette([level for colour in colours for level in colour])
  return image


def rgba(colour, alpha):
  image = Image.new('RGBA', TRUTH.shape[::-1], colour)
  image.putalpha(Image.fromarray(alpha))
  return image


def grey_palette_with_alpha():
  image = palette((0, 0, 0), (0, 0, 0))
  image.info['transparency'] = b'\x00\xff'
  return image


EXACT = {
    '1 bit': lambda: Image.fromarray(TRUTH),
    '0 and 255': lambda: np.uint8(255) * TRUTH,
    '0 and 1': lambda: TRUTH.astype(np.uint8),
    '0 and 100': lambda: np.uint8(100) * TRUTH,
    '40 and 90': lambda: np.where(TRUTH, 90, 40).astype(np.uint8),
    '16 bits, 0 and 1': lambda: TRUTH.astype(np.uint16),
    '16 bits, 0 and 65535': lambda: TRUTH * np.uint16(65535),
    '32 bits, 0 and 1': lambda: TRUTH.astype(np.int32),
    'floats, 0 and 1': lambda: TRUTH.astype(np.float32),
    'red': lambda: coloured((0, 0, 0), (255, 0, 0)),
    'dark blue': lambda: coloured((0, 0, 0), (0, 0, 70)),
    'palette': lambda: palette((0, 0, 0), (128, 0, 0)),
    'palette of greys': lambda: palette((0, 0, 0), (1, 1, 1)),
    'opaque': lambda: rgba((0, 0, 0, 0), np.uint8(255) * TRUTH),
    'opaque palette': grey_palette_with_alpha,
    'opaque grey': lambda: Image.merge(
        'LA', [Image.new('L', TRUTH.shape[::-1]),
               Image.fromarray(np.uint8(255) * TRUTH)]
    ),
    'white, all opaque': lambda: Image.fromarray(
        np.uint8(255) * TRUTH
    ).convert('RGBA'),
}  # fmt: skip


@pytest.mark.parametrize('kind', EXACT)
def test_two_values_are_two_classes_on_any_scale(kind, tmp_path):
  suffix = 'tif' if kind.startswith(('32', 'floats')) else 'png'
  path = write(tmp_path / f'a.{suffix}', EXACT[kind]())
  mask = images.read_mask(path, pairing.white)
  assert mask.dtype == np.uint8
  np.testing.assert_array_equal(mask, TRUTH)
  np.testing.assert_array_equal(images.read_mask(path, pairing.black), ~TRUTH)


def test_the_order_of_a_palette_means_nothing(tmp_path):
  path = write(tmp_path / 'a.png', palette((255, 255, 255), (0, 0, 0)))
  np.testing.assert_array_equal(images.read_mask(path, pairing.white), ~TRUTH)


@pytest.mark.parametrize('suffix', ['jpg', 'webp', 'avif'])
@pytest.mark.parametrize('quality', [30, 75, 95])
@pytest.mark.parametrize('colour', [(255, 255, 255), (255, 0, 0)])
def test_lossy_masks_do_not_grow(suffix, quality, colour, tmp_path):
  pixels = coloured((0, 0, 0), colour)
  path = write(tmp_path / f'a.{suffix}', pixels, quality=quality)
  mask = images.read_mask(path, pairing.white)
  assert np.count_nonzero(mask != TRUTH) < 0.01 * TRUTH.sum()


def test_what_was_lossy_once_does_not_grow(tmp_path):
  path = write(tmp_path / 'a.jpg', np.uint8(255) * TRUTH, quality=60)
  with Image.open(path) as image:
    path = write(tmp_path / 'a.png', image)
  np.testing.assert_array_equal(images.read_mask(path, pairing.white), TRUTH)


@pytest.mark.parametrize('sigma', [1, 4])
@pytest.mark.parametrize('white', [255, 100])
def test_soft_edges_are_parted_in_the_middle(sigma, white, tmp_path):
  soft = cv2.GaussianBlur(TRUTH * np.float32(white), (0, 0), sigma)
  path = write(tmp_path / 'a.png', np.rint(soft).astype(np.uint8))
  mask = images.read_mask(path, pairing.white)
  assert np.count_nonzero(mask != TRUTH) < 0.05 * TRUTH.sum()


@pytest.mark.parametrize('level, marked', [(0, 0), (255, 1)])
@pytest.mark.parametrize('suffix', ['png', 'jpg'])
def test_all_black_and_all_white(level, marked, suffix, tmp_path):
  path = write(tmp_path / f'a.{suffix}', np.full((40, 50), level, np.uint8))
  assert (images.read_mask(path, pairing.white) == marked).all()
  assert (images.read_mask(path, pairing.black) == 1 - marked).all()


def test_large_masks_are_read_in_strips(tmp_path):
  truth = np.kron(TRUTH, np.ones((10, 10), bool))  # 900 rows.
  soft = cv2.GaussianBlur(truth * np.float32(255), (0, 0), 2)
  path = write(tmp_path / 'a.png', np.rint(soft).astype(np.uint8))
  mask = images.read_mask(path, pairing.white)
  assert np.count_nonzero(mask != truth) < 0.01 * truth.sum()


def three_areas(*values):
  labels = TRUTH.astype(np.uint8)
  labels[:, 100:] = 2
  return np.array(values)[labels].astype(np.uint8)


REFUSED = {
    'one grey': (np.full((40, 50), 7, np.uint8), 'all pixels are 7'),
    'one colour': (np.full((40, 50, 3), (255, 0, 0), np.uint8), 'no black'),
    'labels': (three_areas(0, 1, 2), r'values are 0 .*, 1 .*, 2 '),
    'a void label': (three_areas(0, 1, 255), r'values are 0 .*, 1 .*, 255 '),
    'three greys': (three_areas(0, 128, 255), r'values are 0 .*, 128 .*, 255 '),
    'two colours': (
        three_areas((0, 0, 0), (255, 0, 0), (0, 255, 0)), 'more than one colour'
    ),
    'red and green': (coloured((255, 0, 0), (0, 255, 0)), 'no black'),
    'red on white': (coloured((255, 255, 255), (255, 0, 0)), 'no black'),
    'a gradient': (
        np.tile(np.linspace(0, 255, 80).astype(np.uint8), (60, 1)), 'neither'
    ),
    'noise': (
        np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8), 'neither'
    ),
    'not a number': (np.where(TRUTH, np.float32('nan'), 1), 'not finite'),
}  # fmt: skip


@pytest.mark.parametrize('kind', REFUSED)
def test_what_is_not_two_classes_is_refused(kind, tmp_path):
  pixels, reason = REFUSED[kind]
  suffix = 'tif' if pixels.dtype == np.float32 else 'png'
  path = write(tmp_path / f'a.{suffix}', pixels)
  with pytest.raises(spec.DataError, match=f'two classes: .*{reason}'):
    images.read_mask(path, pairing.white)


def test_a_third_class_is_seen_through_jpeg(tmp_path):
  path = write(tmp_path / 'a.jpg', three_areas(0, 128, 255), quality=80)
  with pytest.raises(spec.DataError, match='besides 0 and 255 it has areas'):
    images.read_mask(path, pairing.white)


def test_what_jpeg_has_wiped_out_is_refused(tmp_path):
  path = write(tmp_path / 'a.jpg', np.uint8(9) * TRUTH, quality=80)
  with pytest.raises(spec.DataError, match='no further apart'):
    images.read_mask(path, pairing.white)


def test_sixteen_bits_of_colour_are_not_read_as_empty(tmp_path):
  path = tmp_path / 'a.png'
  cv2.imwrite(str(path), np.dstack(3 * [TRUTH]).astype(np.uint16))
  with pytest.raises(spec.DataError, match='16 bits a channel'):
    images.read_mask(path, pairing.white)


def test_greys_that_a_set_reads_itself(tmp_path):
  grey = three_areas(0, 128, 255)
  path = write(tmp_path / 'a.png', grey)
  mask = images.read_mask(path, lambda grey: grey > 10, 'levels')
  np.testing.assert_array_equal(mask, grey > 10)
  # Ringing around black would be more than 10.
  path = write(tmp_path / 'a.jpg', np.uint8(255) * TRUTH, quality=75)
  mask = images.read_mask(path, lambda grey: grey > 10, 'levels')
  np.testing.assert_array_equal(mask, TRUTH)


def test_masks_of_the_cases(test_data):
  found = {
      path.name: int(images.read_mask(path, pairing.white).sum())
      for path in (test_data / 'cases/masks').iterdir()
  }
  soft = found.pop('Sp_S_NNN_A_ani0002_ani0002_0002_gt.png')
  assert set(found.values()) == {2439} and soft == 2336
