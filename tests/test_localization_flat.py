"""Areas of one colour have no score, and do not change other scores."""

import json

import numpy as np
from PIL import Image
import pytest
from skimage import data as photographs
import test_localization_fusion

from manloc_jax import cli
from manloc_jax import run_config
from manloc_jax.data import images
from manloc_jax.localization import factory
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import localizer as fusion_lib
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib

PHOTO = np.ascontiguousarray(photographs.astronaut()[:133, 100:308])
COLOURS = [(0, 0, 0), (255, 255, 255), (119, 119, 119), (30, 200, 77)]


@pytest.fixture(scope='module')
def fusion(tmp_path_factory):
  path = tmp_path_factory.mktemp('weights') / 'fusion.safetensors'
  weights_lib.save(path, test_localization_fusion.random_weights())
  return fusion_lib.FusionLocalizer(path, device='cpu')


def framed(top, bottom, left, right, colour):
  height, width = PHOTO.shape[:2]
  image = np.empty((top + height + bottom, left + width + right, 3), np.uint8)
  image[:] = colour
  image[top : top + height, left : left + width] = PHOTO
  return image


def test_blocks_that_vary():
  pixels = np.full((30, 45, 3), 7, np.uint8)
  pixels[8:16, 16:24] = 9  # All alike, unlike the rest.
  pixels[17, 3, 2] = 8
  pixels[29, 44, 0] = 8  # In an incomplete block.
  varies = flat.varying(pixels)
  assert varies.shape == (4, 6)
  assert np.argwhere(varies).tolist() == [[2, 0], [3, 5]]
  tall = np.tile(pixels[:24, :40], (9, 2, 1))  # More than one strip.
  np.testing.assert_array_equal(
      flat.varying(tall), np.tile(flat.varying(pixels[:24, :40]), (9, 2))
  )


def test_bars_and_large_areas_do_not_count():
  assert flat.counted(PHOTO).all()
  pixels = np.concatenate([PHOTO[:128]] * 2)  # 32x26 blocks.
  pixels[40:80, 64:120] = 255  # 5x7 blocks, as compression may leave them.
  assert flat.counted(pixels).all()
  pixels[128:232, 48:152] = 255  # 13x13 blocks.
  pixels[128:184, 96:104] = 254  # Of another colour.
  pixels[:16] = 0
  pixels[:, -8:] = 9
  expected = np.ones((32, 26), bool)
  expected[16:29, 6:19] = False
  expected[16:23, 12] = True
  expected[:2] = False
  expected[:, -1] = False
  np.testing.assert_array_equal(flat.counted(pixels), expected)
  assert not flat.counted(np.full((64, 80, 3), 9, np.uint8)).any()


@pytest.mark.parametrize('colour', COLOURS)
@pytest.mark.parametrize('name', ['flat.png', 'flat.jpg'])
def test_nothing_is_marked_in_one_colour(colour, name, fusion, tmp_path):
  path = tmp_path / name
  Image.fromarray(np.full((200, 330, 3), colour, np.uint8)).save(path)
  image = images.read_image(path)
  result = fusion.localize(path, image)
  assert not result.mask.any() and result.image_score == 0
  assert 'Only 0 of 1050 blocks vary' in result.facts['not_measured']
  for method in run_config.CLASSICAL:
    localizer = factory.make(method)
    try:
      result = localizer.localize(path, image)
    except localizer_lib.NotApplicable:
      assert name == 'flat.png'  # It has no coefficients.
      continue
    assert not result.mask.any()
    assert (result.raw == localizer.constant_score).all()
    assert 'Nothing varies' in result.facts['not_measured']


@pytest.mark.parametrize('quality', [None, 85])
@pytest.mark.parametrize('colour', COLOURS[::3])
def test_bars_change_nothing_inside(colour, quality, fusion):
  steps = None if quality is None else np.full((8, 8), 6, np.int32)
  alone = fusion(PHOTO, steps)
  # The lower edge cuts through a block, which bars on that side fill up.
  for bars in ((64, 0, 0, 0), (0, 0, 80, 8), (8, 0, 16, 24)):
    framed_map = fusion(framed(*bars, colour), steps)
    top, left = bars[0], bars[2]
    inside = np.s_[top : top + 133, left : left + 208]
    np.testing.assert_allclose(framed_map.raw[inside], alone.raw, atol=1e-6)
    outside = np.ones(framed_map.mask.shape, bool)
    outside[inside] = False
    assert not framed_map.mask[outside].any()


@pytest.mark.parametrize('bars', [(61, 60, 0, 0), (0, 0, 13, 27), (9, 9, 9, 9)])
def test_bars_of_any_width_change_nothing_in_what_is_no_jpeg(bars, fusion):
  framed_map = fusion(framed(*bars, (0, 0, 0))).raw
  top, left = bars[0], bars[2]
  np.testing.assert_allclose(
      framed_map[top : top + 133, left : left + 208],
      fusion(PHOTO).raw,
      atol=1e-6,
  )


@pytest.mark.parametrize(
    ('width', 'subsampling'),
    [(16, '4:4:4'), (13, '4:4:4'), (22, '4:4:4'), (16, '4:2:0')],
)
def test_bars_of_any_width_change_nothing_in_whole_blocks_of_jpeg(
    width, subsampling, fusion, tmp_path
):
  """The picture's blocks that are the file's, too, have the same scores."""
  path = tmp_path / 'a.jpg'

  def scores(pixels):
    Image.fromarray(pixels).save(path, quality=90, subsampling=subsampling)
    return fusion.raw_map(path, images.read_image(path))

  picture = PHOTO[:128, :192]
  framed_map = scores(np.pad(picture, [(width, 0), (width, 0), (0, 0)]))
  inside = framed_map[width:, width:]
  first = -width % 8
  alone = scores(picture[first:, first:])
  # Colour of 4:2:0 spills over by a pixel.
  tolerance = 0 if subsampling == '4:4:4' else 0.05
  np.testing.assert_allclose(inside[first:, first:], alone, 0, tolerance)
  # Lines in cut blocks have the scores of the block beside them.
  assert inside.min() > 0
  assert not framed_map[: width - 2].any()


def test_a_flat_area_inside_is_never_marked_and_left_out(fusion):
  pixels = PHOTO.copy()
  pixels[16:112, 64:176] = 255
  measured = features.measure(pixels, None, None)
  is_flat = np.isnan(measured[..., 0])
  assert is_flat[2:14, 8:22].all() and is_flat.sum() == 168
  blocks, statistics, inside = network.normalize(
      measured, np.zeros(len(features.NAMES)), np.ones(len(features.NAMES))
  )
  assert np.isfinite(blocks).all() and np.isfinite(statistics).all()
  np.testing.assert_array_equal(inside, ~is_flat)
  # Whatever is flat, the statistics are those of the other blocks.
  rest = measured[~is_flat][:, None]
  np.testing.assert_array_equal(
      statistics,
      network.normalize(rest, np.zeros(1), np.ones(1))[1],
  )
  result = fusion(pixels)
  assert (result.raw[16:112, 64:176] == 0).all()
  assert result.facts['flat_share'] == pytest.approx(168 / (17 * 26))


def test_what_is_not_counted_changes_no_histogram():
  table = np.full((8, 8), 3, np.int32)
  alone = jpeg.from_pixels(PHOTO[:128], table)
  image = jpeg.from_pixels(framed(64, 3, 24, 8, (255, 255, 255))[:192], table)
  for method in ('dct', 'adjpeg', 'nadjpeg'):
    score = methods.METHODS[method].score
    np.testing.assert_allclose(
        score(image)[8:24, 3:29], score(alone), atol=1e-9
    )


@pytest.mark.parametrize('method', ['ela', 'blocks', 'noise'])
def test_bars_are_never_marked_by_classical_methods(method, tmp_path):
  path = tmp_path / 'a.png'
  Image.fromarray(framed(64, 67, 0, 0, (0, 0, 0))).save(path)
  result = factory.make(method).localize(path, images.read_image(path))
  assert not result.mask[:64].any() and not result.mask[200:].any()
  assert result.mask[64:197].any()


SMALL = [(1, 1), (8, 8), (15, 15), (63, 64)]


@pytest.mark.parametrize('size', SMALL)
def test_what_is_too_small_is_not_scored(size, fusion, tmp_path):
  path = tmp_path / 'a.jpg'
  Image.fromarray(PHOTO[: size[0], : size[1]]).save(path)
  image = images.read_image(path)
  words = rf'is {size[1]}x{size[0]} pixels, too small for .* 64x64 or more'
  for localizer in (fusion, *map(factory.make, ('dct', 'patchmatch'))):
    with pytest.raises(localizer_lib.NotApplicable, match=words):
      localizer.localize(path, image)
    with pytest.raises(localizer_lib.NotApplicable, match=words):
      localizer.raw_map(path, image)


def test_the_least_size_is_scored(fusion, tmp_path):
  sides = {name: method.min_side for name, method in methods.METHODS.items()}
  path = tmp_path / 'a.jpg'
  for name, side in {'fusion': 64, **sides}.items():
    localizer = fusion if name == 'fusion' else factory.make(name)
    Image.fromarray(PHOTO[:side, :side]).save(path)
    image = images.read_image(path)
    assert np.isfinite(localizer.raw_map(path, image)).all()
    Image.fromarray(PHOTO[: side - 1, :side]).save(path)
    image = images.read_image(path)
    with pytest.raises(localizer_lib.NotApplicable, match='too small'):
      localizer.raw_map(path, image)


def test_the_command_says_that_it_is_too_small(tmp_path, capsys):
  path = tmp_path / 'a.png'
  Image.fromarray(PHOTO[:8, :8]).save(path)
  out = f'--out={tmp_path}/out'
  code = cli.main(['localize', str(path), '--method=ela', out])
  record = json.loads(capsys.readouterr().out)
  assert code and 'needs 16x16 or more' in record['error']
  assert 'image_score' not in record


def test_the_flat_case(test_data, capsys, tmp_path):
  path = test_data / 'cases/flat.png'
  code = cli.main(['localize', str(path), '--device=cpu', f'--out={tmp_path}'])
  record = json.loads(capsys.readouterr().out)
  assert code == 0
  assert record['manipulated_share'] == record['region_count'] == 0
  assert 'nothing can be compared' in record['not_measured']
