"""Classical methods: against the toolbox's maps, and on planted cases."""

import io

import cv2
import numpy as np
from PIL import Image
import pytest
from scipy import ndimage
import scipy.io
import scipy.stats
from skimage import data as photographs
from skimage import metrics as similarity

from manloc_jax.data import images
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import luma
from manloc_jax.localization.classical import methods
from manloc_jax.localization.classical.methods import adjpeg
from manloc_jax.localization.classical.methods import blocks
from manloc_jax.localization.classical.methods import dct
from manloc_jax.localization.classical.methods import ela
from manloc_jax.localization.classical.methods import nadjpeg
from manloc_jax.localization.classical.methods import noise
from manloc_jax.localization.classical.methods import patchmatch

# Method -> the toolbox's name of it.
GOLDEN = {
    'dct': 'ADQ1',
    'adjpeg': 'ADQ2',
    'nadjpeg': 'NADQ',
    'ela': 'ELA',
    'noise': 'NOI1',
    'blocks': 'BLK',
}
PHOTO = photographs.astronaut()
RANDOM = np.random.default_rng(0)


def jpeg_bytes(pixels, quality, **options):
  file = io.BytesIO()
  Image.fromarray(pixels).save(file, 'JPEG', quality=quality, **options)
  return file


def recompressed(pixels, quality):
  with Image.open(jpeg_bytes(pixels, quality)) as image:
    return np.array(image)  # One that can be written to.


def auc(scores, inside):
  """Probability that a cell inside scores higher than one outside."""
  ranks = scipy.stats.rankdata(scores)[inside.ravel()]
  n, m = inside.sum(), (~inside).sum()
  return (ranks.sum() - n * (n + 1) / 2) / (n * m)


def given(needs, path):
  if needs == 'jpeg':
    return jpeg.read(path)
  return images.read_image(path).pixels


@pytest.mark.parametrize('name', GOLDEN)
def test_agrees_with_the_toolbox(name, test_data):
  folder = test_data / 'pyifd_golden'
  file = scipy.io.loadmat(folder / f'168_{GOLDEN[name]}.mat')
  golden = file['OutputMap'].astype(np.float64)
  method = methods.METHODS[name]
  if method.needs == 'jpeg' and jpeg.jpeglib is None:
    pytest.skip('The extra `jpeg` is not installed: no exact coefficients.')
  ours = method.score(given(method.needs, folder / '168_image.jpg'))
  assert ours.shape == golden.shape
  structure = similarity.structural_similarity(
      golden, ours.astype(np.float64), data_range=np.ptp(golden)
  )
  assert structure >= 0.95
  assert scipy.stats.spearmanr(golden, ours, axis=None)[0] >= 0.95


def test_ela_of_a_constant_image_is_constant():
  scores = ela.score(np.full((48, 64, 3), 77, np.uint8))
  assert scores.shape == (48, 64)
  assert np.ptp(scores) == 0


def test_ela_sees_what_was_not_compressed_before():
  pixels = recompressed(PHOTO, 90)
  pixels[128:256, 128:256] = PHOTO[128:256, 128:256]
  inside = np.zeros((512, 512), bool)
  inside[128:256, 128:256] = True
  assert auc(ela.score(pixels), inside) > 0.85


def test_noise_sees_planted_noise():
  planted = RANDOM.normal(0, 8, (128, 128, 1))
  pixels = PHOTO.copy()
  pixels[128:256, 256:384] = np.clip(
      pixels[128:256, 256:384] + planted, 0, 255
  )
  scores = noise.score(pixels)
  assert scores.shape == (32, 32)
  inside = np.zeros((32, 32), bool)
  inside[9:15, 17:23] = True  # Clear of the wavelet's support.
  assert auc(scores, inside) > 0.95
  assert 6 < np.median(scores[inside]) < 11  # It is in grey levels.


def test_blocks_sees_a_displaced_grid():
  pixels = recompressed(PHOTO, 60)
  moved = pixels[3:131, 4:132].copy()  # Its grid lies elsewhere now.
  pixels[192:320, 192:320] = moved
  inside = np.zeros((64, 64), bool)
  inside[26:38, 26:38] = True  # Clear of the filters' reach.
  assert auc(blocks.score(pixels), inside) > 0.9
  pixels[192:320, 192:320] = recompressed(PHOTO, 60)[:128, 8:136]
  assert auc(blocks.score(pixels), inside) < 0.7


def spliced_jpeg(path):
  """A photograph compressed twice, but for a pasted square: once.

  Returns:
    bool[64, 64], blocks of the square.
  """
  pixels = recompressed(PHOTO, 60)
  pixels[128:256, 128:256] = PHOTO[128:256, 128:256]
  path.write_bytes(jpeg_bytes(pixels, 90).getvalue())
  inside = np.zeros((64, 64), bool)
  inside[16:32, 16:32] = True
  return inside


@pytest.mark.parametrize('method', [dct, adjpeg])
def test_single_compression_shows_in_double(method, tmp_path):
  inside = spliced_jpeg(tmp_path / 'a.jpg')
  scores = method.score(jpeg.read(tmp_path / 'a.jpg'))
  assert scores.shape == inside.shape
  assert scores.min() >= 0 and scores.max() <= 1
  assert auc(scores, inside) > 0.9


@pytest.mark.parametrize('shift', [(3, 6), (0, 4), (5, 7)])
def test_moved_grid_shows_as_another_compression(shift, tmp_path):
  down, right = shift
  pixels = photographs.chelsea()[:296, :448].copy()
  moved = recompressed(pixels, 60)[8 - down :, 8 - right :]
  pixels[8:152, 8:232] = moved[8:152, 8:232]
  (tmp_path / 'a.jpg').write_bytes(jpeg_bytes(pixels, 95).getvalue())
  inside = np.zeros((37, 56), bool)
  inside[1:19, 1:29] = True
  scores = nadjpeg.score(jpeg.read(tmp_path / 'a.jpg'))
  assert scores.shape == inside.shape
  assert auc(scores, inside) > 0.95


def test_sums_of_channels_are_those_of_numpy():
  pixels = np.random.default_rng(0).integers(0, 256, (150, 33, 3), np.uint8)
  weights = np.array([0.1, 0.7, 0.2])
  np.testing.assert_array_equal(luma.mix(pixels, weights), pixels @ weights)


def test_median_of_five():
  lines = np.random.default_rng(0).integers(0, 4, (5, 4096)).astype(np.float32)
  np.testing.assert_array_equal(
      blocks._median_of_5(*lines), np.median(lines, axis=0)
  )


@pytest.mark.parametrize('height', [40, 200])
def test_median_of_many_lines_is_that_of_scipy(height):
  line = np.random.default_rng(0).integers(0, 99, (height, 50)).astype('f4')
  expected = ndimage.median_filter(line, (33, 1), mode='reflect')
  np.testing.assert_array_equal(blocks._median_across(line), expected)


@pytest.mark.parametrize('height', [32, 129, 135, 143, 300])
def test_noise_in_strips_is_that_of_the_whole_image(height):
  shape = (height, 70, 3)
  pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  grey = np.round(luma.studio_luma(pixels))
  np.testing.assert_allclose(noise.score(pixels), noise._deviations(grey))


@pytest.mark.parametrize('subsampling', ['4:4:4', '4:2:2', '4:2:0', None])
def test_coefficients_need_no_library(subsampling, tmp_path, monkeypatch):
  pytest.importorskip('jpeglib', reason='The extra `jpeg` is not installed.')
  path = tmp_path / 'a.jpg'
  odd = PHOTO[:202, :333]  # No multiple of 8, so incomplete blocks drop out.
  if subsampling:
    path.write_bytes(jpeg_bytes(odd, 75, subsampling=subsampling).getvalue())
  else:
    path.write_bytes(jpeg_bytes(odd[..., 0], 75).getvalue())
  exact = jpeg.read(path)
  monkeypatch.setattr(jpeg, 'jpeglib', None)
  ours = jpeg.read(path)
  assert exact.coefficients.shape == ours.coefficients.shape == (25, 41, 8, 8)
  assert np.mean(exact.coefficients != ours.coefficients) < 0.01
  np.testing.assert_array_equal(exact.quantization, ours.quantization)
  if subsampling:
    assert np.abs(exact.chroma - ours.chroma).mean() < 2  # Of 256 levels.
  else:
    assert exact.chroma is ours.chroma is None


def test_luma_is_that_of_the_decoder(tmp_path):
  path = tmp_path / 'a.jpg'
  path.write_bytes(jpeg_bytes(PHOTO, 75).getvalue())
  grey = images.read_image(path).pixels @ np.array([0.299, 0.587, 0.114])
  difference = np.abs(jpeg.read(path).luma + 128 - grey)
  assert np.median(difference) < 0.5


@pytest.mark.parametrize('kind', ['PNG', 'CMYK', 'RGB'])
def test_not_applicable_without_jpeg_luma(kind, tmp_path):
  path = tmp_path / 'a'
  image = Image.fromarray(PHOTO)
  if kind == 'PNG':
    image.save(path, 'PNG')
  elif kind == 'CMYK':
    image.convert('CMYK').save(path, 'JPEG')
  else:
    image.save(path, 'JPEG', keep_rgb=True)
  assert jpeg.read(path) is None


def copied(pixels, source, target, radius, angle=0, scale=1):
  """Copies a disc, turned by degrees and scaled, elsewhere in the image.

  Returns:
    The forgery, and bool[h, w] of the copy and its source.
  """
  height, width = pixels.shape[:2]
  matrix = cv2.getRotationMatrix2D(source[::-1], angle, scale)
  matrix[:, 2] += (target[1] - source[1], target[0] - source[0])
  moved = cv2.warpAffine(
      pixels, matrix, (width, height), flags=cv2.INTER_CUBIC
  )
  y, x = np.indices((height, width))
  disc = lambda at, r: (y - at[0]) ** 2 + (x - at[1]) ** 2 <= r**2
  copy = disc(target, radius * scale)
  forgery = np.where(copy[..., None], moved, pixels)
  return forgery, copy | disc(source, radius)


def precision_and_recall(marked, truth):
  hit = np.sum(marked & truth)
  return hit / max(marked.sum(), 1), hit / truth.sum()


def test_patchmatch_finds_a_copy():
  photo = PHOTO[100:300, 130:390]
  forgery, truth = copied(photo, (50, 180), (140, 60), 36, 20)
  precision, recall = precision_and_recall(
      patchmatch.score(forgery) > 0, truth
  )
  assert precision > 0.9 and recall > 0.75


@pytest.mark.slow  # Half a minute.
@pytest.mark.parametrize(
    'angle, scale', [(0, 1), (20, 1), (90, 1), (0, 1.1), (15, 1.1)]
)
def test_patchmatch_finds_turned_and_scaled_copies(angle, scale):
  forgery, truth = copied(PHOTO, (150, 330), (380, 380), 55, angle, scale)
  precision, recall = precision_and_recall(
      patchmatch.score(forgery) > 0, truth
  )
  assert precision > 0.97 and recall > 0.85


@pytest.mark.slow  # Quarter of a minute.
@pytest.mark.parametrize('name', ['astronaut', 'chelsea'])
def test_patchmatch_marks_nothing_in_a_photograph(name):
  assert not patchmatch.score(getattr(photographs, name)()).any()


@pytest.mark.parametrize('quality', [1, 100])
@pytest.mark.parametrize('method', [dct, adjpeg, nadjpeg])
def test_extreme_jpegs_have_finite_scores(method, quality, tmp_path):
  extreme = RANDOM.integers(0, 2, (64, 72, 3), np.uint8) * 255
  extreme[:, :32] = 77
  (tmp_path / 'a.jpg').write_bytes(jpeg_bytes(extreme, quality).getvalue())
  scores = method.score(jpeg.read(tmp_path / 'a.jpg'))
  assert scores.shape == (8, 9)
  assert np.isfinite(scores).all()
