"""Finds test images that a run was trained on."""

from collections.abc import Mapping, Sequence
import dataclasses
import hashlib
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.evaluation import image_sets
from manloc_jax.evaluation import training_images

_HASH_SIDE = 8
_NEAR = 4  # Of 64 bits: as many may differ in near-duplicates.
_LISTED = 20  # Image ids in a result.
_MANY = 100  # Images that are worth starting processes for.


def choose_test(
    trainings: Sequence[training_images.Training], records: list[spec.Record]
) -> set[str]:
  """Returns the ids of the images of a set that are for test.

  Args:
    trainings: Of runs on this set, whose splits may differ.
    records: The images of the set.

  Returns:
    The images for test of all runs, and pristine images of photographs that
    none was trained on.
  """
  chosen = {record.image_id for record in records}
  for training in trainings:
    groups = {record.group for record in training.records}
    chosen &= {
        record.image_id
        for record in records
        if record.image_id in training.test_ids
        or (record.mask is None and record.group not in groups)
    }
  return chosen


def check(
    training: training_images.Training,
    image_set: image_sets.ImageSet,
    is_allowed: bool,
    workers: int | None = None,
    engine: worker_pool.Engine = worker_pool.ordered_map,
) -> dict[str, Any]:
  """Compares the images of a set with those of a training.

  Ids and groups are compared where both are of one published set, or of one
  folder; pixels are compared wherever the training images are at hand.

  Args:
    training: Of `training_images.training_of`.
    image_set: The set.
    is_allowed: Whether images in common are only reported.
    workers: Processes that read images.
    engine: Where the processes run.

  Returns:
    What a result holds: the number of images in common by `image_id`, `group`
    and `pixels`, some of their ids, whether that was `allowed`, how many look
    alike (`near_duplicates`), and what could not be compared (`unchecked`).

  Raises:
    DataError: There are images in common.
  """
  training = training_images.split_again(
      training, image_set.dataset, image_set.root
  )
  records = training.records
  found: dict[str, list[str]] = {'image_id': [], 'group': [], 'pixels': []}
  if _is_same_tree(training, image_set):
    ids = {record.image_id for record in records}
    groups = {record.group for record in records}
    for record in image_set.records:
      if record.image_id in ids:
        found['image_id'].append(record.image_id)
      elif record.group in groups:
        found['group'].append(record.image_id)
  near, read = _compare_pixels(records, image_set, found, workers, engine)
  common = sorted({x for ids in found.values() for x in ids})
  if common and not is_allowed:
    raise spec.DataError(_refusal(found, common, image_set, training))
  return {
      'allowed': bool(common),
      'images': {name: len(ids) for name, ids in found.items()},
      'image_ids': common[:_LISTED],
      'near_duplicates': near,
      'unchecked': _unchecked(records, read),
  }


def _unchecked(records: Sequence[spec.Record], read: int) -> str:
  if not records:
    return 'The training images of this run are not at hand.'
  if read < len(records):
    return f'{len(records) - read} training images could not be read.'
  return ''


def _refusal(
    found: Mapping[str, list[str]],
    common: list[str],
    image_set: image_sets.ImageSet,
    training: training_images.Training,
) -> str:
  own = len({*found['image_id'], *found['pixels']})
  reasons = [f'{own} are training or validation images'] * bool(own)
  others = len(common) - own
  reasons += [f'{others} share their photograph with one'] * bool(others)
  remedy = '--split=FILE names others'
  if training.test_ids and training.dataset == image_set.dataset:
    remedy = '--split=test scores the others only'
  return (
      f'Of {len(image_set.records)} images {" and ".join(reasons)}, such as'
      f' {common[0]}; {remedy}, and --allow_leakage scores them all the same.'
  )


def _is_same_tree(
    training: training_images.Training, image_set: image_sets.ImageSet
) -> bool:
  if training.dataset != image_set.dataset:
    return False
  if datasets.get(image_set.dataset).published or training.root is None:
    return True
  return training.root.resolve() == image_set.root.resolve()


def _compare_pixels(
    records: Sequence[spec.Record],
    image_set: image_sets.ImageSet,
    found: dict[str, list[str]],
    workers: int | None,
    engine: worker_pool.Engine,
) -> tuple[int, int]:
  """Adds images with the pixels of a training image to `found`.

  Returns:
    How many others look like one, and how many training images were read.
  """
  if not records:
    return 0, 0
  known = {*found['image_id'], *found['group']}
  tested = [x for x in image_set.records if x.image_id not in known]
  paths = [record.image for record in (*records, *tested)]
  with engine(workers if len(paths) > _MANY else 1) as run:
    title = f'{image_set.name}, leakage'
    looks = list(progress.progress(run(look, paths), title, len(paths)))
    trained = [x for x in looks[: len(records)] if x is not None]
    theirs = dict(zip(tested, looks[len(records) :], strict=True))
    # Only images of one size can have the same pixels.
    sizes = {x.size for x in trained} & {x.size for x in theirs.values() if x}
    alike = [x.path for x in looks if x is not None and x.size in sizes]
    digests = dict(zip(alike, run(digest, alike), strict=True))
  hashes = np.array([x.hash for x in trained], np.uint64)
  own = {digests[x.path] for x in trained if x.path in digests} - {None}
  near = 0
  for record, seen in theirs.items():
    if seen is None:
      continue
    if digests.get(seen.path) in own:
      found['pixels'].append(record.image_id)
    else:
      distance = np.bitwise_count(hashes ^ np.uint64(seen.hash))
      near += bool((distance <= _NEAR).any())
  return near, len(trained)


@dataclasses.dataclass(frozen=True)
class Look:
  """What an image looks like: its path, size and perceptual hash."""

  path: pathlib.Path
  size: tuple[int, int]
  hash: int


def look(path: pathlib.Path) -> Look | None:
  """Computes the difference hash of an image, 64 bits; None if it is broken.

  A bit tells whether one of 8x9 small grey pixels is brighter than its left
  neighbour. A JPEG file is decoded at a fraction of its size.
  """
  try:
    with Image.open(path) as image:
      size = image.size
      image.draft('L', (4 * _HASH_SIDE, 4 * _HASH_SIDE))
      small = image.convert('L').resize(
          (_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX
      )
  except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
    return None
  grey = np.asarray(small)
  bits = np.packbits(grey[:, 1:] > grey[:, :-1])
  return Look(path, size, int.from_bytes(bits.tobytes()))


def digest(path: pathlib.Path) -> str | None:
  """Returns a hash of the pixels of an image; None if it is broken."""
  try:
    pixels = images.read_image(path).pixels
  except spec.DataError:
    return None
  return hashlib.sha256(pixels.tobytes()).hexdigest()
