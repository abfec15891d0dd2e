"""Scores the map of one image, whatever the range of its values.

The maps of classical methods have no common range, but a histogram over all
images needs one set of bins. The bins follow the order of 32-bit floats: a bin
holds the values that share their sign, their exponent and the first 11 bits of
their fraction, so that a bin is never wider than 1/2048 of its values. 0, 0.5
and 1 are edges of bins. The area under the ROC curve of a single image is
computed from exact ranks.

Nothing here imports JAX, so that worker processes start fast.
"""

import dataclasses
import pathlib
import time

import numpy as np

from manloc_jax import array_files
from manloc_jax import errors
from manloc_jax import files
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.localization import localizer as localizer_lib

_BITS = 20  # Of 32: sign, exponent and 11 of the fraction.
BINS = 2**_BITS
_SIGN = np.uint32(2**31)


@dataclasses.dataclass(frozen=True)
class Scored:
  """The scores of one image.

  Attributes:
    bins: i32[n], the bins that hold pixels, rising.
    counts: i64[2, n], pristine and manipulated pixels in these bins.
    auc: Area under the exact ROC curve; NaN where all pixels are of one class.
    seconds: Time to compute the map, without decoding the pixels.
    pixels: Number of pixels.
    reason: Why the localizer is not applicable and the map is constant; empty
      if it is applicable.
  """

  bins: np.ndarray
  counts: np.ndarray
  auc: float
  seconds: float
  pixels: int
  reason: str


def score(
    record: spec.Record, job: extract.Job, localizer: localizer_lib.Localizer
) -> Scored:
  """Scores the map of a whole image.

  Args:
    record: An image.
    job: How its set was prepared.
    localizer: Makes the map; where it is not applicable, the map is constant.

  Returns:
    The scores of the image.

  Raises:
    DataError: The files have changed since they were prepared.
    UserError: The map holds values that are not finite.
  """
  pixels, mask, note = extract.load(record, job)
  start = time.perf_counter()
  reason = ''
  try:
    raw = localizer.raw_map(record.image, images.Decoded(pixels, note))
  except localizer_lib.NotApplicable as error:
    raw = np.full(mask.shape, localizer.constant_score, np.float32)
    reason = str(error)
  seconds = time.perf_counter() - start
  if not np.isfinite(raw).all():
    raise errors.UserError(
        f'The map of {record.image} holds values that are not finite; leave the'
        ' image out, or choose another method or run.'
    )
  bins, counts = histogram(raw, mask)
  area = exact_auc(raw, mask)
  return Scored(bins, counts, area, seconds, raw.size, reason)


def histogram(
    raw: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Counts pixels by class and bin.

  Args:
    raw: f32[h, w].
    mask: uint8[h, w], 1 = manipulated.

  Returns:
    The bins that hold any, i32[n], and counts, i64[2, n].
  """
  index = bin_of(raw)
  counts = np.stack([
      np.bincount(index[mask == label], minlength=BINS) for label in (0, 1)
  ])
  bins = np.flatnonzero(counts.any(axis=0))
  return bins.astype(np.int32), counts[:, bins]


def bin_of(values: np.ndarray) -> np.ndarray:
  """Returns the bins of values, i32; higher values are never in lower ones.

  Raises:
    ValueError: A value is not finite.
  """
  if not np.isfinite(values).all():
    raise ValueError('Only finite values have a bin.')
  # Adding zero makes one of both zeros.
  bits = (np.asarray(values, np.float32) + np.float32(0)).view(np.uint32)
  ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)
  return (ordered >> np.uint32(32 - _BITS)).astype(np.int32)


def edge(index: int) -> float:
  """Returns the lowest value of a bin."""
  ordered = np.array([index], np.uint32) << np.uint32(32 - _BITS)
  bits = np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered)
  return float(bits.view(np.float32)[0])


def exact_auc(raw: np.ndarray, mask: np.ndarray) -> float:
  """Returns the area under the ROC curve; NaN if a class is empty.

  Args:
    raw: f32[h, w].
    mask: uint8[h, w], 1 = manipulated.
  """
  negatives, positives = np.sort(raw[mask == 0]), raw[mask == 1]
  if not negatives.size or not positives.size:
    return float('nan')
  below = sum(
      np.searchsorted(negatives, positives, side).sum(dtype=np.float64)
      for side in ('left', 'right')
  )
  return float(below / 2 / positives.size / negatives.size)


def save(path: pathlib.Path, scored: Scored) -> None:
  """Writes the scores of an image atomically."""
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    np.savez(file, **dataclasses.asdict(scored))


def load(path: pathlib.Path) -> Scored | None:
  """Reads what `save` wrote; None if the file is missing or damaged."""
  try:
    arrays = array_files.read_npz(path)
    single = {k: v.item() for k, v in arrays.items() if not v.ndim}
    return Scored(**{**arrays, **single})
  except (OSError, *array_files.DAMAGED):
    return None
