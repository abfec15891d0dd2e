"""Examples for the network: the evidence of forged images, measured once."""

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
import tqdm

from manloc_jax import files
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import splits
from manloc_jax.localization.fusion import features as evidence

# PatchMatch takes longer than all the rest: of training images it sees some
# only, and of those without a copy fewer, to show where it errs.
_SOUGHT = {'copy-move': 50}  # Percent of the images.
_SOUGHT_ELSEWHERE = 10
VERSION = 1  # Raise it where `evidence` measures something else.


@dataclasses.dataclass(frozen=True)
class Example:
  """An image as the network sees it.

  Attributes:
    image_id: The image.
    manipulation: What was done to it.
    evidence: f16[rows, columns, len(evidence.NAMES)].
    share: uint8[rows, columns], 255 times the manipulated share of a block.
  """

  image_id: str
  manipulation: str
  evidence: np.ndarray
  share: np.ndarray


def draw(data: Any) -> tuple[dict[str, list[spec.Record]], str]:
  """Draws the parts of a set from names alone.

  Args:
    data: The section of the settings, see configs/fusion.py.

  Returns:
    The manipulated images of each part, and the digest of the split.

  Raises:
    DataError: There is no such set, or no such split of it.
  """
  if data.split_rule not in rules.RULES:
    raise spec.DataError(
        f'--config.data.split_rule is {data.split_rule!r}; choose one of'
        f' {", ".join(rules.RULES)}.'
    )
  records, _ = datasets.get(data.name).find_records(pathlib.Path(data.root))
  forged = {one.image_id: one for one in records if one.mask is not None}
  split = splits.draw(
      data.split_rule, forged.values(), data.seed, data.fractions
  )
  parts = {part: [forged[name] for name in split[part]] for part in split}
  return parts, splits.digest(split)


def collect(
    data: Any, records: Sequence[spec.Record], part: str
) -> list[Example]:
  """Measures images, or reads what was measured before.

  Args:
    data: The section of the settings.
    records: Manipulated images.
    part: Which they are; copies are sought in some images of `train`, and in
      all of other parts.

  Returns:
    The examples in the order of the records. Images without a mask that fits
    are left out, as `manloc audit` tells.

  Raises:
    DataError: None is left.
  """
  cache = pathlib.Path(data.cache)
  cache.mkdir(parents=True, exist_ok=True)
  one = functools.partial(
      _measured, dataset=data.name, cache=cache, all_copies=part != 'train'
  )
  with worker_pool.ordered_map(data.workers or None) as run:
    done = tqdm.tqdm(
        run(one, records),
        f'measuring {part}',
        len(records),
        unit='image',
        disable=None,
    )
    found = [example for example in done if example is not None]
  if not found:
    raise spec.DataError(
        f'No image of the part {part} can be used; look at the set with'
        f' manloc audit {data.name} {data.root}.'
    )
  return found


def _measured(
    record: spec.Record, dataset: str, cache: pathlib.Path, all_copies: bool
) -> Example | None:
  seeks = (
      all_copies
      or zlib.crc32(record.image.stem.encode()) % 100
      < _SOUGHT.get(record.manipulation, _SOUGHT_ELSEWHERE)
  )
  path = cache / f'{_digest(record, dataset)}{"_copies" * seeks}.npz'
  if not path.exists():
    found = measure(record, datasets.get(dataset), seeks)
    if found is None:
      return None
    with files.replacing(path) as fresh, fresh.open('wb') as file:
      np.savez(file, evidence=found[0], share=found[1])
  with np.load(path, allow_pickle=False) as saved:
    return Example(
        record.image_id,
        record.manipulation,
        saved['evidence'],
        saved['share'],
    )


def _digest(record: spec.Record, dataset: str) -> str:
  """Names what is measured by what the files hold and how they are read."""
  facts = (VERSION, dataset, *evidence.NAMES)
  digest = hashlib.sha256(' '.join(map(str, facts)).encode())
  for path in (record.image, record.mask):
    with contextlib.suppress(OSError):  # Said when it is decoded.
      digest.update(path.read_bytes())
  return digest.hexdigest()[:20]


def measure(
    record: spec.Record, dataset: spec.Dataset, seeks_copies: bool
) -> tuple[np.ndarray, np.ndarray] | None:
  """Returns evidence and share of a manipulated image; see `Example`.

  None stands for an image that cannot be used: it or its mask is broken, or
  they are not of one size.
  """
  try:
    pixels = images.read_image(record.image).pixels
    mask = images.read_mask(
        record.mask, dataset.is_manipulated, dataset.mask_mode
    )
  except spec.DataError:
    return None
  if mask.shape != pixels.shape[:2]:
    return None
  copies = evidence.find_copies(pixels) if seeks_copies else None
  found = evidence.measure(pixels, evidence.read_steps(record.image), copies)
  return found.astype(np.float16), _shares(mask)


def _shares(mask: np.ndarray) -> np.ndarray:
  """Returns 255 times the share of ones in every block, at the edge in part."""
  rows, columns = (-(-side // evidence.BLOCK) for side in mask.shape)
  missing = [
      (0, n * evidence.BLOCK - side)
      for n, side in zip((rows, columns), mask.shape, strict=True)
  ]
  padded = np.pad(mask, missing, 'edge') * np.uint8(255)
  return cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
