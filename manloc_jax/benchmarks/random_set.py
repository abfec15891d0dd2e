"""Writes a prepared set of noise with the writers of real sets."""

import pathlib

import numpy as np

from manloc_jax.data import compression
from manloc_jax.data import spec
from manloc_jax.data.storage import backend as backend_lib
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import prepared_set

_IMAGES = 16  # Number of images that the patches are attributed to.


def write(
    folder: pathlib.Path,
    split: str,
    *,
    patches: int,
    backend: str,
    num_shards: int,
) -> prepared_set.PreparedSet:
  """Writes a prepared set with one split; returns it.

  Args:
    folder: The folder, made here.
    split: Name of the split.
    patches: Number of patches.
    backend: Key of `backend_names.BACKENDS`.
    num_shards: Files of the split of `tfrecord`; others have one per field.
  """
  folder.mkdir()
  settings = {
      'dataset': 'noise',
      'source': backend_names.BACKENDS[backend],
      'num_shards': num_shards,
      'sampler': {},
      'size_mismatch': 'error',
      'seed': 0,
  }
  rng = np.random.default_rng(0)
  images = [f'noise{i}' for i in range(_IMAGES)]
  with backend_lib.split_writer(folder, split, settings) as writer:
    for i in range(patches):
      image = rng.integers(0, 256, (spec.SIDE, spec.SIDE, 3), np.uint8)
      patch = spec.Patch(
          image=image,
          mask=image[..., 0] & 1,
          label=i % 2,
          box=(0, 0, spec.SIDE, spec.SIDE),
          source='window',
          compression=compression.NONE,
      )
      writer.write(patch, images[i % _IMAGES], i % _IMAGES)
  contents = {
      'num_patches': patches,
      'images': [
          {
              'image_id': image,
              'image': image,
              'mask': None,
              'group': image,
              'manipulation': 'none',
          }
          for image in images
      ],
      'digest': '',
      'shards': writer.shards,
  }
  manifest.write(
      folder,
      root=folder,
      settings=settings,
      split={split: images},
      examined=[],
      rejected=[],
      contents={split: contents},
  )
  return prepared_set.PreparedSet.open(folder)
