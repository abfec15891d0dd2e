"""Photographs to forge, and small trees of forgeries, laid out as real ones."""

import numpy as np
import pytest

from manloc_jax.data import forge
from manloc_jax.data.forge import tree

COUNTS = (3, 2, 3)
SIZE = (96, 128)


def textured(height, width, seed=0):
  """Returns an image without equal neighbours."""
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope='session')
def packaged():
  return forge.Photographs(forge.packaged().listed[:6])


def write(root, **options):
  options = {'counts': COUNTS, 'seed': 1, 'size': SIZE, **options}
  return tree.write(root, forge.packaged().listed, **options)
