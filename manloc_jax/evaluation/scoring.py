"""Scores one image of any set with any localizer or given map.

Nothing here imports JAX, so that worker processes start fast.
"""

from collections.abc import Callable
import dataclasses
import json
import pathlib
from typing import Any

import cv2
import numpy as np

from manloc_jax import array_files
from manloc_jax import errors
from manloc_jax import files
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.evaluation import made_map
from manloc_jax.evaluation import map_folder
from manloc_jax.evaluation import measures
from manloc_jax.localization import localizer as localizer_lib

THUMBNAIL = 192  # Pixels of the longer side.

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Scored:
  """The scores of one image.

  Attributes:
    row: What its result holds of the image: `image_id`, `manipulation`,
      `pixels`, `manipulated` (fraction), `image_score`, `marked` (fraction of
      its mask) and the measures of a manipulated image; with `left_out`, the
      reason, there are no scores.
    bins: i32[n], as of `measures.Counted`; none of a pristine image.
    counts: i64[2, n], as of `measures.Counted`.
    thumbnail: uint8[h, w], the map on the scale of a picture, made smaller.
  """

  row: Row
  bins: np.ndarray
  counts: np.ndarray
  thumbnail: np.ndarray


def score(
    record: spec.Record,
    *,
    dataset: str,
    method: localizer_lib.Localizer | map_folder.GivenMaps,
) -> Scored:
  """Scores the map of an image.

  Args:
    record: An image.
    dataset: Key of `datasets.DATASETS`.
    method: Makes the map; where it is not applicable, the map is constant and
      nothing is marked.

  Returns:
    The scores; or the reason why the image is left out: it, its mask or its
    map cannot be read, they do not fit each other, or there is too little
    memory.

  Raises:
    UserError: The weights of the method are broken.
  """
  return _or_left_out(
      record, lambda row: _score(record, row, dataset, method)
  )


def read(
    record: spec.Record, dataset: str
) -> tuple[images.Decoded, np.ndarray | None]:
  """Reads an image and its mask, uint8[h, w]; None for a pristine image.

  Raises:
    DataError: One cannot be read, or they do not fit each other.
  """
  image = images.read_image(record.image)
  size = image.pixels.shape[:2]
  return image, _read_truth(record.mask, record, dataset, size)


def score_decoded(
    record: spec.Record,
    image: images.Decoded,
    truth: np.ndarray,
    method: localizer_lib.Localizer,
) -> Scored:
  """Scores the map of a manipulated image that was read before.

  Args:
    record: The image; methods may read its file, but the mask is not read.
    image: Of `read`.
    truth: Of `read`.
    method: As of `score`.

  Returns:
    As `score`.

  Raises:
    UserError: The weights of the method are broken.
  """
  return _or_left_out(
      record,
      lambda row: _measure(
          record, row, made_map.localized(method, record, image), truth
      ),
  )


def _or_left_out(
    record: spec.Record, make: Callable[[Row], Scored]
) -> Scored:
  """Makes the scores from a new row, or says why there are none."""
  row: Row = {
      'image_id': record.image_id,
      'manipulation': record.manipulation,
      'is_manipulated': record.mask is not None,
  }
  try:
    return make(row)
  except Exception as error:
    row['left_out'] = reason(error, record.image)
    return Scored(row, *_nothing())


def reason(error: Exception, path: pathlib.Path) -> str:
  """Returns why an image is left out.

  Raises:
    Exception: The reason holds for other images, too, or it is a bug.
  """
  if isinstance(error, spec.DataError):
    return str(error)
  if errors.is_out_of_memory(error):
    return (
        f'There is not enough memory for {path}; evaluate it on a machine with'
        ' more.'
    )
  if isinstance(error, OSError) and not errors.is_disk_full(error):
    name = error.filename or path
    return f'{name} cannot be read ({error.strerror or error}); check the file.'
  raise error


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  return (
      np.zeros(0, np.int32),
      np.zeros((2, 0), np.int64),
      np.zeros((0, 0), np.uint8),
  )


def _score(
    record: spec.Record,
    row: Row,
    dataset: str,
    method: localizer_lib.Localizer | map_folder.GivenMaps,
) -> Scored:
  if isinstance(method, map_folder.GivenMaps):
    size = images.read_size(record.image)
    truth = _read_truth(record.mask, record, dataset, size)
    made = made_map.given(method, record, size)
  else:
    image, truth = read(record, dataset)
    made = made_map.localized(method, record, image)
  scored = _measure(record, row, made, truth)
  if record.source_mask is not None and truth is not None:
    size = made.raw.shape[0], made.raw.shape[1]
    source = _read_truth(record.source_mask, record, dataset, size)
    assert source is not None, 'There is a mask.'
    row |= measures.measure_copy(made.raw, truth, source, made.mask)
  return scored


def _measure(
    record: spec.Record, row: Row, made: made_map.Map, truth: np.ndarray | None
) -> Scored:
  """Measures a map; the measures are added to the row."""
  row |= {
      'pixels': made.raw.size,
      'image_score': made.image_score,
      'is_probability': made.is_probability,
      'marked': None if made.mask is None else float(made.mask.mean()),
      'seconds': made.seconds,
  }
  masks = {} if made.mask is None else {'mask': made.mask}
  if made.is_probability:
    row['threshold'] = made.threshold
    # Where a method is not applicable, it marks nothing.
    masks['half'] = (made.raw >= 0.5) & (not made.not_applicable)
    row['marked_half'] = float(masks['half'].mean())
  notes = {'not_applicable': made.not_applicable, 'note': made.note}
  row |= {key: text for key, text in notes.items() if text}
  thumbnail = shrink(np.rint(255 * made.picture).astype(np.uint8))
  if truth is None:
    row['manipulated'] = 0.0
    bins, counts, _ = _nothing()
    return Scored(row, bins, counts, thumbnail)
  if truth.all():
    row['one_class'] = f'The mask {record.mask} marks every pixel.'
  counted = measures.measure(made.raw, truth, masks)
  row['manipulated'] = float(truth.mean())
  row |= counted.measures
  return Scored(row, counted.bins, counted.counts, thumbnail)


def _read_truth(
    path: pathlib.Path | None,
    record: spec.Record,
    dataset: str,
    size: tuple[int, int],
) -> np.ndarray | None:
  """Reads a mask, uint8[h, w]; None for a pristine image.

  Raises:
    DataError: It cannot be read, has another size, or marks no pixel.
  """
  if path is None:
    return None
  of = datasets.get(dataset)
  truth = images.read_mask(path, of.is_manipulated, of.mask_mode, size)
  if truth.shape != size:
    raise spec.DataError(
        f'{record.image} has {size[1]}x{size[0]} pixels and its mask {path}'
        f' {truth.shape[1]}x{truth.shape[0]}; correct the files.'
    )
  if not truth.any():
    raise spec.DataError(
        f'The mask {path} marks no pixel; mend it, or list its image as'
        ' pristine, without a mask.'
    )
  return truth


def shrink(pixels: np.ndarray) -> np.ndarray:
  """Returns uint8[h, w] or uint8[h, w, 3] of `THUMBNAIL` pixels at most."""
  height, width = pixels.shape[:2]
  factor = THUMBNAIL / max(height, width)
  if factor >= 1:
    return pixels
  size = max(round(width * factor), 1), max(round(height * factor), 1)
  return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def save(path: pathlib.Path, scored: Scored) -> None:
  """Writes the scores of an image atomically."""
  arrays = {**vars(scored), 'row': np.array(json.dumps(scored.row))}
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    np.savez(file, **arrays)


def load(path: pathlib.Path) -> Scored | None:
  """Reads what `save` wrote; None if the file is missing or damaged."""
  try:
    arrays = array_files.read_npz(path)
    row = json.loads(arrays.pop('row').item())  # It may hold NaN.
    return Scored(row, **arrays)
  except (OSError, *array_files.DAMAGED):
    return None
