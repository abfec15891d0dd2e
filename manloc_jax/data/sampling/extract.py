"""Examines an image and samples its patches, in a worker process.

Nothing here imports TensorFlow, so that workers start fast and stay small.
"""

import dataclasses
import zlib

import cv2
import numpy as np

from manloc_jax.data import argument_checks
from manloc_jax.data import compression as compression_lib
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.sampling import patches

SIZE_POLICIES = ('skip', 'resize', 'error')


class SizeMismatch(spec.DataError):
  """The error that a mask does not have the size of its image."""


@dataclasses.dataclass(frozen=True)
class Job:
  """The arguments that are the same for all images.

  Attributes:
    dataset: Key of `datasets.DATASETS`.
    sampler: How training patches are sampled.
    size_mismatch: `skip` rejects an image whose mask has another size,
      `resize` brings the mask to the image's size, `error` stops the run.
    seed: Fixes which patches are sampled; not negative.
  """

  dataset: str
  sampler: patches.Sampler
  size_mismatch: str
  seed: int

  def __post_init__(self):
    if self.size_mismatch not in SIZE_POLICIES:
      raise spec.DataError(
          f'--config.data.size_mismatch is {self.size_mismatch!r}; choose one '
          f'of {", ".join(SIZE_POLICIES)}.'
      )
    argument_checks.check_seed(self.seed)


@dataclasses.dataclass(frozen=True)
class Examined:
  """The result of examining an image.

  Attributes:
    image_id: The image.
    reason: Why it cannot be used; empty if it can.
    note: What was done to read it; empty if nothing.
    mask_note: The same for its mask alone.
    mask: The mask, packed: a few kilobytes even for large images.
    size: `(height, width)`.
    manipulated: Fraction of manipulated pixels.
    train: `(manipulated, pristine)` candidates at the training stride.
    test: The same at the stride of validation and test.
  """

  image_id: str
  reason: str = ''
  note: str = ''
  mask_note: str = ''
  mask: bytes = b''
  size: tuple[int, int] = (0, 0)
  manipulated: float = 0.0
  train: tuple[int, int] = (0, 0)
  test: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class Request:
  """The patches to sample from one image.

  Attributes:
    record: The image.
    examined: The result of examining it.
    num_patches: `(manipulated, pristine)`, how many of each label.
    is_test: Whether the stride of validation and test applies.
    grid: Whether to cut out every window of the lattice as well.
  """

  record: spec.Record
  examined: Examined
  num_patches: tuple[int, int]
  is_test: bool
  grid: bool


@dataclasses.dataclass(frozen=True)
class Sample:
  """The patches of one image.

  Attributes:
    reason: Why the image cannot be used after all; empty if it can.
    note: What was done to read it; empty if nothing.
    cut: The requested patches.
    grid: The windows of the lattice; None if not requested.
  """

  reason: str = ''
  note: str = ''
  cut: patches.Cut | None = None
  grid: patches.Cut | None = None


def examine(record: spec.Record, job: Job) -> Examined:
  """Decodes a mask, reads the header of its image and counts candidates.

  Large photographs take long to decode: `sample` does it, and may still find
  that the file is broken.

  Raises:
    SizeMismatch: Sizes differ and the policy is `error`.
  """
  try:
    size = images.read_size(record.image)
    mask, note = _read_mask(record, size, job)
  except SizeMismatch as error:
    if job.size_mismatch == 'error':
      raise
    return Examined(record.image_id, reason=str(error))
  except spec.DataError as error:
    return Examined(record.image_id, reason=str(error))
  return Examined(
      image_id=record.image_id,
      mask_note=note,
      mask=_pack(mask),
      size=size,
      manipulated=cv2.countNonZero(mask) / mask.size,
      train=_count(mask, job.sampler),
      test=_count(mask, job.sampler.for_test()),
  )


def sample(request: Request, job: Job) -> Sample:
  """Decodes an image in full and samples the requested patches."""
  record, examined = request.record, request.examined
  try:
    decoded = images.read_image(record.image)
    compression = compression_lib.of_file(record.image, decoded.pixels)
  except spec.DataError as error:
    return Sample(reason=str(error))
  if decoded.pixels.shape[:2] != examined.size:
    return Sample(
        reason=f'{record.image} is broken (its header tells another size); '
        'fetch it again or remove it.'
    )
  mask = _unpack(examined.mask, examined.size)
  sampler = job.sampler.for_test() if request.is_test else job.sampler
  candidates = patches.candidates(mask, sampler)
  rng = patches.rng_for(job.seed, record.image_id)
  chosen = patches.choose(candidates, *request.num_patches, rng)
  cut = patches.cut(
      decoded.pixels, mask, candidates, chosen, compression
  )
  grid = None
  if request.grid:
    grid = cut_windows(decoded.pixels, mask, job.sampler, compression)
  note = ', '.join(filter(None, (decoded.note, examined.mask_note)))
  return Sample(note=note, cut=cut, grid=grid)


def cut_windows(
    image: np.ndarray,
    mask: np.ndarray,
    sampler: patches.Sampler,
    compression: np.ndarray,
) -> patches.Cut:
  """Cuts every window of the lattice out of an image.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    sampler: Only its label rule and its grid are used.
    compression: uint8[8, 8, 34], of the image, see `compression.measure`.
  """
  windows = patches.grid(mask, sampler)
  index = np.arange(len(windows.labels))
  return patches.cut(image, mask, windows, index, compression)


def load(
    record: spec.Record, job: Job
) -> tuple[np.ndarray, np.ndarray, str]:
  """Reads an image uint8[h, w, 3] and its mask uint8[h, w], with a note.

  Raises:
    DataError: A file cannot be used.
  """
  decoded = images.read_image(record.image)
  mask, note = _read_mask(record, decoded.pixels.shape[:2], job)
  return decoded.pixels, mask, ', '.join(filter(None, (decoded.note, note)))


def _pack(mask: np.ndarray) -> bytes:
  return zlib.compress(np.packbits(mask).tobytes(), 1)


def _unpack(packed: bytes, size: tuple[int, int]) -> np.ndarray:
  bits = np.frombuffer(zlib.decompress(packed), np.uint8)
  return np.unpackbits(bits, count=size[0] * size[1]).reshape(size)


def _read_mask(
    record: spec.Record, size: tuple[int, int], job: Job
) -> tuple[np.ndarray, str]:
  """Reads the mask of an image of this size, uint8[h, w], with a note."""
  if min(size) < spec.SIDE:
    raise spec.DataError(
        f'{record.image} has {_text(size)} pixels, less than a patch of '
        f'{spec.SIDE}x{spec.SIDE}.'
    )
  if record.mask is None:
    return np.zeros(size, np.uint8), ''
  notes = []
  dataset = datasets.get(job.dataset)
  mask = images.read_mask(
      record.mask, dataset.is_manipulated, dataset.mask_mode, size
  )
  if mask.shape != size:
    text = f'its mask has {_text(mask.shape)} pixels'
    if job.size_mismatch != 'resize':
      raise SizeMismatch(
          f'{record.image} has {_text(size)} pixels and {text}; correct the '
          'files, or set --size_mismatch (manloc) or '
          '--config.data.size_mismatch to skip (which leaves such images out) '
          'or resize.'
      )
    mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    notes.append(f'{text} and was resized')
  if not mask.any():
    raise spec.DataError(f'The mask {record.mask} marks no pixel.')
  if mask.all():
    notes.append('its mask marks every pixel')
  return mask, ', '.join(notes)


def _count(mask: np.ndarray, sampler: patches.Sampler) -> tuple[int, int]:
  labels = patches.candidates(mask, sampler).labels
  positives = int(labels.sum())
  return positives, len(labels) - positives


def _text(size: tuple[int, int]) -> str:
  return f'{size[1]}x{size[0]}'
