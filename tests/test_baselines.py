"""Classical detectors: against the toolbox's maps, and on planted cases."""

import io

import numpy as np
import pytest
import scipy.io
import scipy.stats
from PIL import Image
from skimage import data as photographs
from skimage import metrics as similarity

from manloc_jax import baselines
from manloc_jax import errors
from manloc_jax.baselines import blocks
from manloc_jax.baselines import ela
from manloc_jax.baselines import noise
from manloc_jax.data import images

# Method -> the toolbox's name of it.
GOLDEN = {
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
  return images.read_image(path).pixels


@pytest.mark.parametrize('name', GOLDEN)
def test_agrees_with_the_toolbox(name, test_data):
  folder = test_data / 'pyifd_golden'
  file = scipy.io.loadmat(folder / f'168_{GOLDEN[name]}.mat')
  golden = file['OutputMap'].astype(np.float64)
  method = baselines.METHODS[name]
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


def test_blocks_refuses_tiny_images():
  with pytest.raises(errors.UserError, match='16x16 or more'):
    blocks.score(np.zeros((15, 40, 3), np.uint8))
