"""What a worker process does with one image: examine it, draw its patches.

Nothing here imports TensorFlow, so that workers start fast and stay small.
"""

import dataclasses

import cv2
import numpy as np

from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import patches
from manloc_jax.data import spec

SIZE_POLICIES = ('skip', 'resize', 'error')


class SizeMismatch(spec.DataError):
  """A mask that does not have the size of its image."""


@dataclasses.dataclass(frozen=True)
class Job:
  """What all images of a run have in common.

  Attributes:
    dataset: Name of the dataset, which knows the polarity of its masks.
    sampler: The knobs of training patches.
    size_mismatch: `skip` rejects an image whose mask has another size,
      `resize` brings the mask to the image's size, `error` stops the run.
    seed: Fixes which patches are drawn.
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


@dataclasses.dataclass(frozen=True)
class Examined:
  """What is known of an image once it has been decoded.

  Attributes:
    image_id: The image.
    reason: Why it cannot be used; empty if it can.
    note: What was done to read it; empty if nothing.
    size: `(height, width)`.
    manipulated: Share of manipulated pixels.
    train: `(manipulated, pristine)` candidates at the training stride.
    test: The same at the stride of validation and test.
  """

  image_id: str
  reason: str = ''
  note: str = ''
  size: tuple[int, int] = (0, 0)
  manipulated: float = 0.0
  train: tuple[int, int] = (0, 0)
  test: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class Draw:
  """An order for patches of one image.

  Attributes:
    record: The image.
    quota: `(manipulated, pristine)` patches to draw; None for every window
      of the plain lattice.
    is_test: Whether the stride of validation and test applies.
  """

  record: spec.Record
  quota: tuple[int, int] | None
  is_test: bool


def examine(record: spec.Record, job: Job) -> Examined:
  """Decodes an image and its mask in full and counts candidate patches.

  Raises:
    SizeMismatch: Sizes differ and the policy is `error`.
  """
  try:
    image, mask, note = load(record, job)
  except SizeMismatch as error:
    if job.size_mismatch == 'error':
      raise
    return Examined(record.image_id, reason=str(error))
  except spec.DataError as error:
    return Examined(record.image_id, reason=str(error))
  return Examined(
      image_id=record.image_id,
      note=note,
      size=image.shape[:2],
      manipulated=float(mask.mean()),
      train=_count(mask, job.sampler),
      test=_count(mask, job.sampler.for_test()),
  )


def draw(order: Draw, job: Job) -> list[spec.Patch]:
  """Draws the ordered patches of one image.

  Raises:
    DataError: The files have changed since they were examined.
  """
  image, mask, _ = load(order.record, job)
  if order.quota is None:
    return cut_windows(image, mask, job.sampler)
  sampler = job.sampler.for_test() if order.is_test else job.sampler
  found = patches.candidates(mask, sampler)
  rng = patches.rng_for(job.seed, order.record.image_id)
  return patches.cut(
      image, mask, found, patches.choose(found, *order.quota, rng)
  )


def cut_windows(
    image: np.ndarray, mask: np.ndarray, sampler: patches.Sampler
) -> list[spec.Patch]:
  """Cuts every window of the plain lattice out of an image.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    sampler: Its label rule is read.
  """
  found = patches.grid(mask, sampler)
  return patches.cut(image, mask, found, np.arange(len(found.labels)))


def load(
    record: spec.Record, job: Job
) -> tuple[np.ndarray, np.ndarray, str]:
  """Returns image uint8[h, w, 3], mask uint8[h, w] and a note.

  Raises:
    DataError: A file cannot be used.
  """
  decoded = images.read_image(record.image)
  notes = [decoded.note]
  size = decoded.pixels.shape[:2]
  if min(size) < spec.SIDE:
    raise spec.DataError(
        f'{record.image} has {_text(size)} pixels, less than a patch of '
        f'{spec.SIDE}x{spec.SIDE}.'
    )
  if record.mask is None:
    return decoded.pixels, np.zeros(size, np.uint8), decoded.note
  dataset = datasets.get(job.dataset)
  mask = images.read_mask(
      record.mask, dataset.is_manipulated, dataset.mask_mode
  )
  if mask.shape != size:
    text = f'its mask has {_text(mask.shape)} pixels'
    if job.size_mismatch != 'resize':
      raise SizeMismatch(
          f'{record.image} has {_text(size)} pixels and {text}; correct the '
          'files, or set --config.data.size_mismatch to skip (which leaves '
          'such images out) or resize.'
      )
    mask = cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    notes.append(f'{text} and was resized')
  if not mask.any():
    raise spec.DataError(f'The mask {record.mask} marks no pixel.')
  if mask.all():
    notes.append('its mask marks every pixel')
  return decoded.pixels, mask, ', '.join(filter(None, notes))


def _count(mask: np.ndarray, sampler: patches.Sampler) -> tuple[int, int]:
  labels = patches.candidates(mask, sampler).labels
  positives = int(labels.sum())
  return positives, len(labels) - positives


def _text(size: tuple[int, int]) -> str:
  return f'{size[1]}x{size[0]}'
