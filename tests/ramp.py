"""A localizer whose scores are known, and analyses by it."""

import numpy as np
from PIL import Image
import pytest

from manloc_jax.localization import localizer
from manloc_jax.serve import analysis


class Ramp:
  """Scores columns from 0 on the left to 1 on the right; counts its calls."""

  threshold = 0.75
  device = 'paper and pencil'

  packages = {'paper': '1.0'}

  def __init__(self):
    self.provenance = {'threshold': self.threshold, 'weights_sha256': 'f' * 64}
    self.calls = 0

  def localize(self, path, image):
    self.calls += 1
    height, width = image.pixels.shape[:2]
    row = np.linspace(0, 1, width, dtype=np.float32)
    score = np.tile(row, (height, 1))
    return localizer.summarize(score, score, self.threshold)


@pytest.fixture
def analyse(tmp_path):
  """Returns an analysis of an image of this size, and its localizer."""

  def run(size=(101, 40), name='a.png', mode='RGB', **options):
    path = tmp_path / name
    Image.new(mode, size).save(path, **options)
    ramp = Ramp()
    return analysis.analyse(path, path.name, ramp), ramp

  return run
