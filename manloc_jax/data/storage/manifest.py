"""The manifest of a prepared folder: how it was made and what is in it."""

from collections.abc import Iterable
import dataclasses
import hashlib
import json
import os
import pathlib

import numpy as np

from manloc_jax import provenance
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.splits import splits

FILE = 'manifest.json'
# Whole images as splits of an evaluation, and the parts they are of.
WHOLE_IMAGES = {'val_images': 'val', 'test_images': 'test'}
# Splits of patches, and all that an evaluation can be asked for.
PATCH_SPLITS = (*spec.SPLITS, 'test_grid')
EVALUATED = (*PATCH_SPLITS, *WHOLE_IMAGES)
# Raised when the same settings and files would give other bytes.
FORMAT_VERSION = 2

_PACKAGES = ('numpy', 'opencv-python-headless', 'pillow')


def fingerprint(
    settings: dict,
    found: list[spec.Record],
    rejected: list[spec.Rejected],
    root: pathlib.Path,
) -> str:
  """Hashes what a prepared folder is made from.

  That is the settings and the name, size and time of every file, but not the
  versions of the image libraries, which the manifest holds. Names count
  from `root`, so that a tree can be moved.
  """
  listing = []
  for record in found:
    for path in filter(None, (record.image, record.mask)):
      stat = path.stat()
      relative = os.path.relpath(path, root)
      listing.append([relative, stat.st_size, stat.st_mtime_ns])
    listing.append([record.group, record.manipulation, record.split])
  left_out = [os.path.relpath(one.path, root) for one in rejected]
  text = json.dumps([FORMAT_VERSION, settings, listing, left_out])
  return hashlib.sha256(text.encode()).hexdigest()


def write(
    folder: pathlib.Path,
    *,
    root: pathlib.Path,
    settings: dict,
    split: dict[str, list[str]],
    examined: Iterable[extract.Examined],
    rejected: list[spec.Rejected],
    parts: dict[str, dict],
) -> None:
  """Writes the manifest.

  Args:
    folder: The prepared folder.
    root: The image tree; paths of images are relative to it.
    settings: Keyword arguments of `prepare`.
    split: Image ids of train, val and test.
    examined: Every image that was decoded.
    rejected: Files left out.
    parts: What is known of each part: counts, shards, images.
  """
  examined = list(examined)
  content = {
      'format_version': FORMAT_VERSION,
      'dataset': settings['dataset'],
      'root': str(root),
      'settings': settings,
      'versions': provenance.versions(_PACKAGES),
      'split_digest': splits.digest(split),
      'warnings': _warnings(examined),
      'rejected': [dataclasses.asdict(one) for one in rejected],
      'converted': [
          {'image_id': one.image_id, 'note': one.note}
          for one in examined
          if one.note
      ],
      'splits': parts,
  }
  (folder / FILE).write_text(json.dumps(content, indent=1) + '\n')


def describe(
    records: list[spec.Record],
    examined: dict[str, extract.Examined],
    root: pathlib.Path,
) -> dict:
  """Describes the images of a part so that they can be found and read again.

  `image_index` of a patch counts in `images`.
  """
  ids = [record.image_id for record in records]
  return {
      'digest': splits.digest({'': ids}),
      'groups': len({record.group for record in records}),
      'images': [
          {
              'image_id': record.image_id,
              'image': os.path.relpath(record.image, root),
              'mask': record.mask and os.path.relpath(record.mask, root),
              'group': record.group,
              'manipulation': record.manipulation,
              'size': examined[record.image_id].size,
              'manipulated': examined[record.image_id].manipulated,
          }
          for record in records
      ],
  }


def read(folder: str | pathlib.Path) -> dict:
  """Reads the manifest of a prepared folder.

  Raises:
    DataError: The folder is not a prepared one.
  """
  try:
    return json.loads((pathlib.Path(folder) / FILE).read_text())
  except (FileNotFoundError, NotADirectoryError, ValueError):
    raise spec.DataError(
        f'{folder} has no readable {FILE}; it is no prepared folder, '
        'run the preparation again.'
    ) from None


def part(folder: str | pathlib.Path, split: str) -> dict:
  """Reads what the manifest says of one part.

  Raises:
    DataError: The folder is not a prepared one or has no such part.
  """
  parts = read(folder)['splits']
  if split not in parts:
    raise spec.DataError(
        f'{folder} has no part {split!r}; choose one of {", ".join(parts)}.'
    )
  return parts[split]


def count(folder: str | pathlib.Path, split: str) -> int:
  """Returns the number of patches of a part."""
  return part(folder, split)['num_patches']


def image_ids(folder: str | pathlib.Path, split: str) -> list[str]:
  """Lists the images of a part; a patch's `image_index` counts in it."""
  return [image['image_id'] for image in part(folder, split)['images']]


def list_records(
    folder: str | pathlib.Path, split: str, root: str | pathlib.Path
) -> list[spec.Record]:
  """Lists the images of a part in its order.

  Args:
    folder: The prepared folder.
    split: The part.
    root: Where the image tree lies now.
  """
  root = pathlib.Path(root)
  return [
      spec.Record(
          image_id=image['image_id'],
          image=root / image['image'],
          mask=root / image['mask'] if image['mask'] else None,
          group=image['group'],
          manipulation=image['manipulation'],
      )
      for image in part(folder, split)['images']
  ]


def read_job(folder: str | pathlib.Path) -> extract.Job:
  """Returns how a prepared set was made."""
  settings = read(folder)['settings']
  return extract.Job(
      dataset=settings['dataset'],
      sampler=patches.Sampler(**settings['sampler']),
      size_mismatch=settings['size_mismatch'],
      seed=settings['seed'],
  )


def epoch_steps(
    folder: str | pathlib.Path, split: str, batch_size: int, processes: int
) -> int:
  """Returns the number of full batches in one pass over a part.

  Args:
    folder: The prepared folder.
    split: The part.
    batch_size: Patches per batch of one process.
    processes: Processes that share the part.

  Raises:
    DataError: There is not even one.
  """
  total = count(folder, split)
  steps = total // processes // batch_size
  if not steps:
    raise spec.DataError(
        f'The part {split} of {folder} has {total} patches, fewer than one '
        f'batch of {batch_size} for each of {processes} processes; lower '
        '--config.batch_size.'
    )
  return steps


def shard_paths(folder: str | pathlib.Path, split: str) -> list[pathlib.Path]:
  """Lists the data files of a part, in the order they were written down.

  Raises:
    DataError: There is no such part, or a file is missing or has another size
      than was written.
  """
  paths = []
  for shard in part(folder, split)['shards']:
    path = pathlib.Path(folder) / shard['name']
    size = path.stat().st_size if path.is_file() else None
    if size != shard['bytes']:
      seen = 'is missing' if size is None else f'has {size} bytes'
      raise spec.DataError(
          f'The file {path} {seen} and should have {shard["bytes"]} bytes; '
          f'delete {folder} and run the preparation again.'
      )
    paths.append(path)
  return paths


def _warnings(examined: list[extract.Examined]) -> list[str]:
  shares = [one.manipulated for one in examined if one.manipulated]
  if not shares or np.mean(shares) <= 0.5:
    return []
  return [
      'More than half of all pixels count as manipulated: the masks may have '
      'the other polarity.'
  ]
