"""Writes and reads the manifest of a prepared folder."""

from collections.abc import Iterable, Mapping
import dataclasses
import hashlib
import json
import os
import pathlib
import re
from typing import Any

import numpy as np

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.splits import rules

FILE = 'manifest.json'
# Whole images as splits of an evaluation, and the splits they are of.
WHOLE_IMAGES = {'val_images': 'val', 'test_images': 'test'}
# Splits of patches, and all that an evaluation can be asked for.
PATCH_SPLITS = (*spec.SPLITS, 'test_grid')
EVALUATED = (*PATCH_SPLITS, *WHOLE_IMAGES)
# Raised when the same settings and files would give other bytes.
FORMAT_VERSION = 3

# What is read of a manifest, and its types.
_FIELDS: dict[str, Any] = {
    'format_version': int, 'dataset': str, 'root': str, 'settings': dict,
    'split_digest': str, 'splits': dict,
}  # fmt: skip
_SETTINGS: dict[str, Any] = {
    'dataset': str, 'sampler': dict, 'size_mismatch': str, 'seed': int,
    'source': str,
}  # fmt: skip
_SPLIT_FIELDS: dict[str, Any] = {
    'num_patches': int, 'images': list, 'shards': list, 'digest': str
}  # fmt: skip
_IMAGE_FIELDS: dict[str, Any] = {
    'image_id': str, 'image': str, 'mask': str | None, 'group': str,
    'manipulation': str,
}  # fmt: skip
_SHARD_FIELDS: dict[str, Any] = {'name': str, 'bytes': int}
_PLAIN_NAME = re.compile(r'[\w-][\w.-]{0,119}')
_MAX_REASON = 120  # Characters of an error of Python's.
_PACKAGES = ('numpy', 'opencv-python-headless', 'pillow')


def fingerprint(
    settings: dict,
    records: list[spec.Record],
    rejected: list[spec.Rejected],
    root: pathlib.Path,
) -> str:
  """Hashes the inputs of a prepared folder.

  These are the settings and the name, size and time of every file, but not the
  versions of the image libraries, which the manifest holds. Names are relative
  to `root`, so that a tree can be moved.
  """
  listing = []
  for record in records:
    for path in filter(None, (record.image, record.mask)):
      stat = path.stat()
      relative = os.path.relpath(path, root)
      listing.append([relative, stat.st_size, stat.st_mtime_ns])
    listing.append([record.group, record.manipulation, record.split])
  left_out = [os.path.relpath(file.path, root) for file in rejected]
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
    contents: dict[str, dict],
) -> None:
  """Writes the manifest.

  Args:
    folder: The prepared folder.
    root: The image tree; paths of images are relative to it.
    settings: The arguments of `prepare` that the patches depend on.
    split: Image ids of train, val and test.
    examined: Every image that was decoded.
    rejected: Files left out.
    contents: Counts, shards and images of each split.
  """
  examined = list(examined)
  content = {
      'format_version': FORMAT_VERSION,
      'dataset': settings['dataset'],
      'root': str(root),
      'settings': settings,
      'versions': provenance.versions(_PACKAGES),
      'split_digest': rules.digest(split),
      'warnings': _warnings(examined),
      'rejected': [dataclasses.asdict(file) for file in rejected],
      'converted': [
          {'image_id': result.image_id, 'note': result.note}
          for result in examined
          if result.note
      ],
      'splits': contents,
  }
  files.write_json(folder / FILE, content)


def describe(
    records: list[spec.Record],
    examined: dict[str, extract.Examined],
    root: pathlib.Path,
) -> dict:
  """Describes the images of a split, so that they can be read again.

  `image_index` of a patch is an index into `images`.
  """
  ids = [record.image_id for record in records]
  return {
      'digest': rules.digest({'': ids}),
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
    content = files.read_json(pathlib.Path(folder) / FILE)
    _check(content)
    return content
  except (OSError, ValueError) as error:
    reason = error.strerror if isinstance(error, OSError) else error
    raise spec.DataError(
        f'{folder} has no readable {FILE} ({str(reason)[:_MAX_REASON]}); it is'
        ' no prepared folder, run the preparation again.'
    ) from None


def _check(content: Any) -> None:
  """Raises ValueError unless readers can rely on what a manifest holds."""
  _check_fields(content, _FIELDS, 'it')
  settings = content['settings']
  # Folders older than the field have no source.
  _check_fields({'source': '', **settings}, _SETTINGS, 'settings')
  for name, split in content['splits'].items():
    where = f'the split {errors.shown(name, 20)}'
    _check_fields(split, _SPLIT_FIELDS, where)
    if split['num_patches'] < 0:
      raise ValueError(f'{where} has less than no patches')
    for image in split['images']:
      _check_fields(image, _IMAGE_FIELDS, f'an image of {where}')
    for shard in split.get('shards', ()):
      _check_fields(shard, _SHARD_FIELDS, f'a file of {where}')
      # A name such as ../x would lead out of the folder.
      if not _PLAIN_NAME.fullmatch(shard['name']):
        raise ValueError(f'{errors.shown(shard["name"])} is no name of a file')


def _check_fields(content: Any, kinds: Mapping[str, Any], where: str) -> None:
  if not isinstance(content, dict):
    raise ValueError(f'{where} is no object')
  for key, kind in kinds.items():
    if key not in content:
      raise ValueError(f'{where} has no {key}')
    value = content[key]
    # To Python, true is a number.
    if isinstance(value, bool) or not isinstance(value, kind):
      raise ValueError(f'{where} has the {key} {errors.shown(value)}')


def _warnings(examined: list[extract.Examined]) -> list[str]:
  fractions = [x.manipulated for x in examined if x.manipulated]
  if not fractions or np.mean(fractions) <= 0.5:
    return []
  return [
      'More than half of all pixels count as manipulated: the masks may have '
      'the other polarity.'
  ]
