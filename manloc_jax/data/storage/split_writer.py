"""Writes one split of a prepared set and counts its patches."""

import pathlib

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import backend


class CountingWriter:
  """A context manager; `counts` and `shards` are valid once it is closed."""

  def __init__(
      self, folder: pathlib.Path, name: str, ids: list[str], settings: dict
  ):
    """Makes the writer; files are opened on entry.

    Args:
      folder: The folder to write to.
      name: The split.
      ids: Its images; a patch holds an index into them.
      settings: The `settings` of the manifest.
    """
    self._writer = backend.split_writer(folder, name, settings)
    self._index = {image_id: i for i, image_id in enumerate(ids)}
    self._counts = np.zeros((len(patches.SOURCES), 2), int)
    self._manipulated_pixels = 0
    self._without: list[str] = []

  def __enter__(self) -> 'CountingWriter':
    self._writer.__enter__()
    return self

  def __exit__(self, *error) -> None:
    self._writer.__exit__(*error)

  def write(self, image_id: str, cut: patches.Cut) -> None:
    """Writes all patches of an image."""
    for patch in cut:
      self._writer.write(patch, image_id, self._index[image_id])
    np.add.at(self._counts, (cut.locations.sources, cut.locations.labels), 1)
    self._manipulated_pixels += int(np.count_nonzero(cut.masks))
    if not cut:
      self._without.append(image_id)

  @property
  def shards(self) -> list[dict]:
    """The files, as the manifest lists them."""
    return self._writer.shards

  def counts(self) -> dict:
    """Returns the counts of patches for the manifest."""
    pristine, manipulated = self._counts.sum(axis=0).tolist()
    total = pristine + manipulated
    return {
        'num_images': len(self._index),
        'num_patches': total,
        'pristine': pristine,
        'manipulated': manipulated,
        'by_source': {
            source: {'pristine': counts[0], 'manipulated': counts[1]}
            for source, counts in zip(
                patches.SOURCES, self._counts.tolist(), strict=True
            )
        },
        'manipulated_pixel_share': self._manipulated_pixels
        / max(total * spec.SIDE**2, 1),
        'images_without_patches': self._without,
    }
