"""Represents a prepared set: its folder and its manifest, read once."""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import manifest as manifest_lib


@dataclasses.dataclass(frozen=True)
class PreparedSet:
  """A prepared set, which training and evaluation read.

  Attributes:
    folder: The prepared folder.
    manifest: The content of its manifest; see `manifest.write`.
  """

  folder: pathlib.Path
  manifest: Mapping[str, Any]

  @classmethod
  def open(cls, folder: str | pathlib.Path) -> 'PreparedSet':
    """Reads the manifest of a folder.

    Raises:
      DataError: The folder is not a prepared one.
    """
    return cls(pathlib.Path(folder), manifest_lib.read(folder))

  @property
  def backend(self) -> str:
    """The key of `backend_names.BACKENDS` that it was prepared for."""
    return backend_names.of_settings(self.manifest['settings'])

  @property
  def digest(self) -> str:
    """The hash of the image ids of train, val and test."""
    return self.manifest['split_digest']

  @property
  def root(self) -> pathlib.Path:
    """The folder of the image tree when the set was prepared."""
    return pathlib.Path(self.manifest['root'])

  @property
  def job(self) -> extract.Job:
    """The arguments that its patches were sampled with."""
    settings = self.manifest['settings']
    # JSON has lists where there were tuples.
    sampler: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in settings['sampler'].items()
    }
    with errors.refusing_malformed(
        f'The settings of {self.folder}', 'run the preparation again'
    ):
      return extract.Job(
          dataset=settings['dataset'],
          sampler=patches.Sampler(**sampler),
          size_mismatch=settings['size_mismatch'],
          seed=settings['seed'],
      )

  def split(self, name: str) -> Mapping[str, Any]:
    """Returns the description of a split in the manifest.

    Raises:
      DataError: There is no such split.
    """
    splits = self.manifest['splits']
    if name not in splits:
      raise spec.DataError(
          f'{self.folder} has no split {name!r}; choose one of'
          f' {", ".join(splits)}.'
      )
    return splits[name]

  def count(self, name: str) -> int:
    """Returns the number of patches of a split."""
    return self.split(name)['num_patches']

  def image_ids(self, name: str) -> list[str]:
    """Lists the images of a split; `image_index` is an index into the list."""
    return [image['image_id'] for image in self.split(name)['images']]

  def manipulations(self, name: str) -> list[str]:
    """Lists the manipulation of each image of a split."""
    return [image['manipulation'] for image in self.split(name)['images']]

  def records(
      self,
      name: str,
      root: str | pathlib.Path,
      allow_outside: bool = False,
  ) -> list[spec.Record]:
    """Lists the images of a split in its order.

    Args:
      name: The split.
      root: The folder of the image tree now.
      allow_outside: As it was prepared with; see `datasets.find_records`.

    Raises:
      DataError: There is no such split, or a file lies outside of the root.
    """
    root = pathlib.Path(root)
    listed = [
        spec.Record(
            image_id=image['image_id'],
            image=root / image['image'],
            mask=root / image['mask'] if image['mask'] else None,
            group=image['group'],
            manipulation=image['manipulation'],
        )
        for image in self.split(name)['images']
    ]
    if not allow_outside:
      spec.check_inside(listed, root)
    return listed

  def epoch_steps(self, name: str, batch_size: int) -> int:
    """Returns the number of full batches in one pass over a split.

    Args:
      name: The split.
      batch_size: Patches per batch of all processes together.

    Raises:
      DataError: There is no full batch.
    """
    total = self.count(name)
    if total < batch_size:
      raise spec.DataError(
          f'The split {name} of {self.folder} has {total} patches, fewer than'
          f' one batch of {batch_size}; lower --config.batch_size.'
      )
    return total // batch_size

  def shard_paths(self, name: str) -> list[pathlib.Path]:
    """Lists the data files of a split, in the order of the manifest.

    Raises:
      DataError: There is no such split, a file is missing or has another size
        than was written, or an older version wrote them.
    """
    version = self.manifest['format_version']
    if version < manifest_lib.FORMAT_VERSION:
      raise spec.DataError(
          f'{self.folder} was prepared by an older version of manloc_jax, and'
          ' its patches do not tell how they were compressed; delete it and run'
          ' the preparation again.'
      )
    paths = []
    for shard in self.split(name)['shards']:
      path = self.folder / shard['name']
      size = path.stat().st_size if path.is_file() else None
      if size != shard['bytes']:
        state = 'is missing' if size is None else f'has {size} bytes'
        raise spec.DataError(
            f'The file {path} {state} and should have {shard["bytes"]} bytes;'
            f' delete {self.folder} and run the preparation again.'
        )
      paths.append(path)
    return paths

  def facts(self, name: str) -> dict[str, Any]:
    """Describes the patches behind the scores of a split, for results."""
    trained_on = self.count('train')
    is_online = self.backend == backend_names.ONLINE
    return {
        'dataset': self.manifest['dataset'],
        'settings': self.manifest['settings'],
        'split_digest': self.split(name)['digest'],
        'images_of_set': sum(len(self.image_ids(x)) for x in spec.SPLITS),
        # Online generation does not train on the prepared patches.
        'training_patches': None if is_online else trained_on,
    }
