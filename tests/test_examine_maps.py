"""Maps of a report: features of the fusion, JPEG ghosts, and their pictures."""

import base64
import io
import pathlib

import numpy as np
from PIL import Image
import pytest
import specimens

from manloc_jax.data import images
from manloc_jax.examine import classical_maps
from manloc_jax.examine import figures
from manloc_jax.examine import ghosts
from manloc_jax.examine import maps
from manloc_jax.examine import section as section_lib
from manloc_jax.localization import factory
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import localizer as fusion_lib
from manloc_jax.localization.fusion import tiles


@pytest.fixture(scope='module')
def fusion() -> fusion_lib.FusionLocalizer:
  return factory.make('fusion', device='cpu')


def noisy(height: int, width: int) -> np.ndarray:
  """A picture in which every block varies, uint8[h, w, 3]."""
  noise = np.random.default_rng(0).normal(128, 20, (height, width, 3))
  return np.clip(noise, 0, 255).astype(np.uint8)


def saved(path: pathlib.Path, pixels: np.ndarray) -> images.Decoded:
  Image.fromarray(pixels).save(path, quality=90)
  return images.read_image(path)


def test_features_are_those_that_the_fusion_reads(fusion, tmp_path):
  path = tmp_path / 'a.png'
  decoded = saved(path, noisy(100, 140))
  result, measured = fusion.localize_and_measure(
      path, decoded, fusion.names
  )
  expected = fusion.localize(path, decoded)
  np.testing.assert_array_equal(result.score, expected.score)
  assert measured.shape == (13, 18, len(fusion.names))
  expected = features.measure(decoded.pixels, None, None, fusion.names)
  np.testing.assert_array_equal(measured[..., :-2], expected[..., :-2])


def test_features_of_tiles_are_put_together(fusion, tmp_path, monkeypatch):
  path = tmp_path / 'a.png'
  decoded = saved(path, noisy(512, 384))
  _, whole = fusion.localize_and_measure(path, decoded, ['error_level'])
  monkeypatch.setattr(tiles, '_PIXELS', 80_000)
  _, tiled = fusion.localize_and_measure(path, decoded, ['error_level'])
  assert len(list(tiles.cut(*whole.shape[:2]))) > 1
  np.testing.assert_allclose(tiled, whole, atol=0.1)


@pytest.mark.parametrize('name', ['a.png', 'a.jpg'])
def test_nothing_is_measured_in_bars(fusion, tmp_path, name):
  pixels = np.zeros((160, 160, 3), np.uint8)
  pixels[44:116] = noisy(72, 160)
  decoded = saved(tmp_path / name, pixels)
  _, measured = fusion.localize_and_measure(
      tmp_path / name, decoded, classical_maps.FEATURES
  )
  assert np.isnan(measured[:4]).all() and np.isnan(measured[-4:]).all()
  assert np.isfinite(measured[7:13]).all()


def test_an_image_of_one_colour_has_no_maps(fusion, opened):
  data = specimens.jpeg(Image.new('RGB', (128, 128), (9, 99, 199)))
  made = maps.section(opened(data), fusion)
  for fact in (made.facts['fusion'], *made.facts['classical'].values()):
    assert not section_lib.is_told(fact)
  assert made.facts['ghosts']['changes']


def test_every_map_has_a_range_and_a_picture(fusion, opened):
  pixels = noisy(96, 200)
  made = maps.section(opened(specimens.jpeg(Image.fromarray(pixels))), fusion)
  names = [p.name for p in made.pictures if p.group == classical_maps.GROUP]
  assert names == list(classical_maps.MAPS) == list(made.facts['classical'])
  for fact in made.facts['classical'].values():
    assert fact['lowest'] <= fact['highest']
    assert fact['darkest'] <= fact['brightest']
  for picture in made.pictures:
    assert picture.caption and max(picture.pixels.shape) <= 1024
  assert made.facts['classical']['ela']['highest'] > 15


def test_a_localizer_without_features_says_so(opened):
  made = maps.section(opened(specimens.jpeg()), specimens.Localizer())
  assert section_lib.is_told(made.facts['fusion'])
  assert not section_lib.is_told(made.facts['classical']['ela'])


def test_a_region_saved_before_is_a_ghost():
  """Darker than the rest at its own quality, as in the article."""
  picture = Image.fromarray(noisy(256, 256)).resize((512, 512))
  file = io.BytesIO()
  picture.convert('L').save(file, 'JPEG', quality=65)
  with Image.open(file) as image:
    before = np.asarray(image.convert('RGB'))
  pixels = np.asarray(picture).copy()
  pixels[128:256, 128:256] = before[128:256, 128:256]
  scaled = ghosts.scale(ghosts.measure(pixels))
  inside = np.zeros(scaled.shape[1:], bool)
  inside[8:16, 8:16] = True
  at_65 = scaled[ghosts.QUALITIES.index(65)]
  assert at_65[inside].max() < 0.1 < at_65[~inside].min()
  others = scaled[ghosts.QUALITIES.index(50)]
  assert others[inside].mean() > 0.5


@pytest.mark.parametrize(
    ('shape', 'told'), [((64, 64), True), ((63, 400), False)]
)
def test_small_images_have_no_ghosts(shape, told):
  made = ghosts.section(noisy(*shape))
  assert section_lib.is_told(made.facts) == told
  assert len(made.pictures) == told * len(ghosts.QUALITIES)


def test_large_images_have_no_ghosts(monkeypatch):
  monkeypatch.setattr(ghosts, '_MOST_PIXELS', 9_999)
  assert 'lost these traces' in ghosts.section(noisy(100, 100)).facts[
      'cannot_tell'
  ]


def test_maps_are_coloured_and_hatched():
  values = np.zeros((10, 20), np.float32)
  values[:, 10:] = 1
  values[:5, :] = np.nan
  picture = section_lib.coloured(values)
  assert picture.shape == (250, 500, 3)
  assert picture[200, 100].sum() < 20 and picture[200, 400].sum() > 600
  assert len(np.unique(picture[:100].reshape(-1, 3), axis=0)) == 3
  wide = section_lib.coloured(np.zeros((100, 3000), np.float32))
  assert wide.shape[1] == section_lib.SIDE


def test_pictures_of_maps_are_stored_exactly():
  picture = section_lib.coloured(np.linspace(0, 1, 64).reshape(8, 8))
  assert figures.data_uri(picture, 'PNG').startswith('data:image/png;base64,')
  with Image.open(_file(figures.data_uri(picture, 'PNG'))) as image:
    np.testing.assert_array_equal(np.asarray(image.convert('RGB')), picture)


def _file(address: str) -> io.BytesIO:
  return io.BytesIO(base64.b64decode(address.partition(',')[2]))


def test_a_picture_is_enlarged_by_its_address():
  picture = section_lib.Picture(
      'ela', 'A "caption".', noisy(9, 9), 'A title', classical_maps.GROUP,
      ('0', '5', 'grey levels'),
  )  # fmt: skip
  text = figures.of_section('maps', [picture])
  assert '<figure id="maps-ela"><a href="#maps-ela"' in text
  assert 'alt="A title: A &quot;caption&quot;."' in text
  assert text.count('<img') == 1 and '<script' not in text
