"""Measures the features of images once, as training examples."""

from collections.abc import Sequence
import contextlib
import dataclasses
import functools
import hashlib
import pathlib
from typing import Any
import zlib

import cv2
import numpy as np

from manloc_jax import array_files
from manloc_jax import files
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.data.splits import options
from manloc_jax.data.splits import rules
from manloc_jax.data.storage import folders
from manloc_jax.localization.fusion import copies as copies_lib
from manloc_jax.localization.fusion import features as features_lib

# PatchMatch takes longer than all other methods: it runs on some training
# images only. Those without a copy show the network where PatchMatch errs.
_SEARCHED_PERCENT = {'copy-move': 50}
_SEARCHED_PERCENT_OF_OTHERS = 10
VERSION = 2  # Raise it where `features` measures something else.


@dataclasses.dataclass(frozen=True)
class Example:
  """The features of an image and their labels.

  Attributes:
    image_id: The image.
    manipulation: What was done to it; `none` for an untouched image.
    features: f16[rows, columns, len(features.NAMES)].
    fraction: uint8[rows, columns], 255 times the manipulated fraction of a
      block.
  """

  image_id: str
  manipulation: str
  features: np.ndarray
  fraction: np.ndarray


def split_records(data: Any) -> tuple[dict[str, list[spec.Record]], str]:
  """Splits a set; no file is opened.

  Args:
    data: The section `data` of the config, see configs/fusion.py.

  Returns:
    The images of each split, and the digest of the split. Of the untouched
    ones the fraction `data.pristine_fraction` is among them, chosen by name.

  Raises:
    DataError: There is no such set, or no such split of it.
  """
  pristine_percent = 100 * data.get('pristine_fraction', 0)
  if not 0 <= pristine_percent <= 100:
    raise spec.DataError(
        f'--config.data.pristine_fraction is {data.pristine_fraction}; choose a'
        ' number from 0 to 1.'
    )
  if data.split_rule not in options.RULES:
    raise spec.DataError(
        f'--config.data.split_rule is {data.split_rule!r}; choose one of'
        f' {", ".join(options.RULES)}.'
    )
  records, _ = datasets.find_records(
      data.name,
      pathlib.Path(data.root),
      allow_outside=bool(data.get('allow_outside')),
  )
  used = {
      x.image_id: x
      for x in records
      if x.mask is not None or _percent(x.image_id) < pristine_percent
  }
  image_ids = rules.split_by_rule(
      data.split_rule, used.values(), data.seed, data.fractions
  )
  by_split = {
      split: [used[image_id] for image_id in image_ids[split]]
      for split in image_ids
  }
  return by_split, rules.digest(image_ids)


def _percent(name: str) -> int:
  """Returns a number below 100 that only depends on a name."""
  return zlib.crc32(name.encode()) % 100


def collect(
    data: Any, records: Sequence[spec.Record], split: str
) -> list[Example]:
  """Measures images, or reads their features from the cache.

  Args:
    data: The section `data` of the config.
    records: Images of that set.
    split: Their split; copies are searched for in some images of `train`,
      and in all of other splits.

  Returns:
    The examples in the order of the records. Images without a mask that fits
    are left out, as `manloc audit` tells.

  Raises:
    DataError: None is left, or nothing can be written to the cache.
  """
  cache = folders.make_writable(data.cache, '--config.data.cache')
  measure_record = functools.partial(
      _measured, dataset=data.name, cache=cache, all_copies=split != 'train'
  )
  with worker_pool.ordered_map(data.workers or None) as run:
    measured = progress.progress(
        run(measure_record, records), f'measuring {split}', len(records)
    )
    examples = [example for example in measured if example is not None]
  if not examples:
    raise spec.DataError(
        f'No image of the split {split} can be used; look at the set with'
        f' manloc audit {data.name} {data.root}.'
    )
  return examples


def _measured(
    record: spec.Record, dataset: str, cache: pathlib.Path, all_copies: bool
) -> Example | None:
  searches = (
      all_copies
      or _percent(record.image.stem)
      < _SEARCHED_PERCENT.get(record.manipulation, _SEARCHED_PERCENT_OF_OTHERS)
  )
  path = cache / f'{_digest(record, dataset)}{"_copies" * searches}.npz'
  measured = _load(path)
  if measured is None:
    measured = measure(record, datasets.get(dataset), searches)
    if measured is None:
      return None
    with files.replacing(path) as temporary, temporary.open('wb') as file:
      # The names of version 0.1, whose files are still read.
      np.savez(file, evidence=measured[0], share=measured[1])
  return Example(record.image_id, record.manipulation, *measured)


def _load(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray] | None:
  """Returns features and fractions of a file; None unless it is complete."""
  try:
    saved = array_files.read_npz(path)
    return saved['evidence'], saved['share']
  except (OSError, *array_files.DAMAGED):
    return None


def _digest(record: spec.Record, dataset: str) -> str:
  """Hashes the files of an example and the version of their features."""
  facts = (VERSION, dataset, *features_lib.NAMES)
  digest = hashlib.sha256(' '.join(map(str, facts)).encode())
  for path in filter(None, (record.image, record.mask)):
    with contextlib.suppress(OSError):  # `measure` reports it.
      digest.update(files.read_bytes(path, declared_size.MAX_FILE_BYTES))
  return digest.hexdigest()[:20]


def measure(
    record: spec.Record, dataset: spec.Dataset, searches_copies: bool
) -> tuple[np.ndarray, np.ndarray] | None:
  """Returns features and fractions of an image; see `Example`.

  It is None if the image cannot be used: the image or its mask is broken, or
  they differ in size. Nothing is manipulated in an image without a mask.
  """
  try:
    pixels = images.read_image(record.image).pixels
    mask = np.zeros(pixels.shape[:2], np.uint8)
    if record.mask is not None:
      mask = images.read_mask(
          record.mask,
          dataset.is_manipulated,
          dataset.mask_mode,
          pixels.shape[:2],
      )
  except spec.DataError:
    return None
  if mask.shape != pixels.shape[:2]:
    return None
  copies = copies_lib.find(pixels).fractions if searches_copies else None
  quantization = quantization_lib.read(record.image)
  features = features_lib.measure(pixels, quantization, copies)
  return features.astype(np.float16), _fractions(mask)


def _fractions(mask: np.ndarray) -> np.ndarray:
  """Returns 255 times the fraction of ones in every block, cut at the edge."""
  block = features_lib.BLOCK
  rows, columns = (-(-side // block) for side in mask.shape)
  missing = [
      (0, n * block - side)
      for n, side in zip((rows, columns), mask.shape, strict=True)
  ]
  padded = np.pad(mask, missing, 'edge') * np.uint8(255)
  return cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
