"""Samples labelled 64x64 patches from an image and its mask.

The paper's sampler has three kinds of patches: native windows on a lattice,
boxes around the manipulated regions, and those boxes shifted (section 4.1).
"""

from collections.abc import Iterator
import dataclasses
import hashlib

import cv2
import numpy as np

from manloc_jax import errors
from manloc_jax.data import argument_checks
from manloc_jax.data import compression as compression_lib
from manloc_jax.data import spec
from manloc_jax.data.sampling import locations

SOURCES = ('window', 'box', 'slide')
LABEL_RULES = ('area', 'iou', 'coverage')
_SHAPE = (spec.SIDE, spec.SIDE)
_FLAG = '--config.data.sampler.'


@dataclasses.dataclass(frozen=True)
class Sampler:
  """The hyperparameters of sampling patches."""

  # Paper: describes windows, contours, boxes, their enlargement and shifts, and
  # gives no number but the threshold of 12.5 %. Here: each open choice is a
  # field, so that its effect can be measured.

  sources: tuple[str, ...] = SOURCES
  # Pixels between native windows.
  stride: int = 32
  # The same for validation and test.
  test_stride: int = 64
  # Native windows begin at multiples of it; 8 puts them on the grid of the
  # blocks of a JPEG file.
  window_grid: int = 1
  # One box per connected region, or one for their union.
  box_per: str = 'component'
  # Regions whose outline encloses fewer pixels get no box: they are specks.
  min_area: float = 64.0
  # Side of the box over side of the region, the region in the middle.
  enlarge: float = 2.0
  # Shifts, as fractions of the box's side, in each of four directions.
  slides: tuple[float, ...] = (0.25, 0.5)
  # A patch is manipulated if its measure is strictly above this fraction.
  label_threshold: float = 0.125
  # The measure: manipulated pixels over the patch (`area`), over patch and
  # regions together (`iou`), or over the regions alone (`coverage`).
  label_rule: str = 'area'
  # Pristine patches per manipulated one; 0 keeps all.
  neg_per_pos: float = 1.0
  # Patches of one image; 0 keeps all. Boxes go before windows.
  max_per_image: int = 256

  def __post_init__(self):
    for field, known in (
        ('label_rule', LABEL_RULES),
        ('box_per', ('component', 'union')),
    ):
      if getattr(self, field) not in known:
        raise spec.DataError(
            f'--config.data.sampler.{field} is'
            f' {errors.shown(getattr(self, field))}; '
            f'choose one of {", ".join(known)}.'
        )
    if not self.sources or set(self.sources) - set(SOURCES):
      raise spec.DataError(
          f'--config.data.sampler.sources is {errors.shown(self.sources)}; '
          f'choose some of {", ".join(SOURCES)}.'
      )
    for field, least in (
        ('stride', 1),
        ('test_stride', 1),
        ('window_grid', 1),
        ('max_per_image', 0),
    ):
      argument_checks.check_count(_FLAG + field, getattr(self, field), least)
    for field, least, most in (
        ('neg_per_pos', 0, np.inf),
        ('min_area', 0, np.inf),
        ('enlarge', 1, np.inf),
        ('slides', 0, np.inf),
        ('label_threshold', 0, 1),
    ):
      value = getattr(self, field)
      argument_checks.check_numbers(_FLAG + field, value, least, most)

    strides = (self.stride, self.test_stride, spec.SIDE)
    if any(stride % self.window_grid for stride in strides):
      raise spec.DataError(
          f'{_FLAG}window_grid is {self.window_grid} and the strides of windows'
          f' are {self.stride}, {self.test_stride} for validation and test, and'
          f' {spec.SIDE} for test_grid; choose multiples of the grid.'
      )

  def for_test(self) -> 'Sampler':
    """Returns the same sampler with the stride of validation and test."""
    return dataclasses.replace(self, stride=self.test_stride)


@dataclasses.dataclass(frozen=True)
class Candidates:
  """All locations in one image that may become patches.

  Attributes:
    boxes: int32[n, 4], `(top, left, height, width)`, no two alike.
    sources: int32[n], index into `SOURCES`.
    labels: int32[n], 1 = manipulated.
  """

  boxes: np.ndarray
  sources: np.ndarray
  labels: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
  """Patches of one image as arrays, which are fast to send between processes.

  Attributes:
    images: uint8[n, 64, 64, 3].
    masks: uint8[n, 64, 64].
    locations: The n locations of the patches.
    compression: uint8[n, 8, 8, 34], see `spec.Patch`.
  """

  images: np.ndarray
  masks: np.ndarray
  locations: Candidates
  compression: np.ndarray

  def __len__(self) -> int:
    return len(self.images)

  def __iter__(self) -> Iterator[spec.Patch]:
    return (self[i] for i in range(len(self)))

  def __getitem__(self, index: int) -> spec.Patch:
    top, left, height, width = self.locations.boxes[index].tolist()
    return spec.Patch(
        image=self.images[index],
        mask=self.masks[index],
        label=int(self.locations.labels[index]),
        box=(top, left, height, width),
        source=SOURCES[self.locations.sources[index]],
        compression=self.compression[index],
    )


def candidates(mask: np.ndarray, sampler: Sampler) -> Candidates:
  """Lists all locations in an image and labels them.

  Args:
    mask: uint8[h, w], 1 = manipulated; all zero for a pristine image.
    sampler: Its hyperparameters. Labels count pixels of the image, before any
      resize.
  """
  boxes = locations.boxes(
      mask,
      box_per=sampler.box_per,
      min_area=sampler.min_area,
      enlarge=sampler.enlarge,
  )
  by_source = {
      'window': locations.windows(
          mask.shape, sampler.stride, sampler.window_grid
      ),
      'box': boxes,
      'slide': locations.shifted(boxes, sampler.slides, mask.shape),
  }
  sources = np.concatenate([
      np.full(len(by_source[name]), SOURCES.index(name))
      for name in sampler.sources
  ])
  # A box shifted inside may land on another: each location counts once.
  unique, first = _unique(
      np.concatenate([by_source[name] for name in sampler.sources])
  )
  labels = _labels(mask, unique, sampler)
  return Candidates(unique, sources[first].astype(np.int32), labels)


def choose(
    candidates: Candidates,
    num_positives: int,
    num_negatives: int,
    rng: np.random.Generator,
) -> np.ndarray:
  """Samples locations: boxes and shifted boxes before windows.

  Boxes are few and specific to the paper; windows fill up the numbers.

  Args:
    candidates: All locations in the image.
    num_positives: Manipulated ones to choose; all where there are fewer.
    num_negatives: Pristine ones to choose.
    rng: Decides among locations of one kind.

  Returns:
    Sorted int64 indices into `candidates`.
  """
  order = rng.permutation(len(candidates.labels))
  is_window = candidates.sources[order] == SOURCES.index('window')
  order = order[np.argsort(is_window, kind='stable')]
  labels = candidates.labels[order]
  return np.sort(np.concatenate([
      order[labels == 1][:num_positives], order[labels == 0][:num_negatives]
  ]))


def rng_for(seed: int, image_id: str) -> np.random.Generator:
  """Returns the random generator of an image, whatever order or worker."""
  name = hashlib.sha256(image_id.encode()).digest()
  return np.random.default_rng([seed, *name])


def cut(
    image: np.ndarray,
    mask: np.ndarray,
    candidates: Candidates,
    index: np.ndarray,
    compression: np.ndarray,
) -> Cut:
  """Cuts out the chosen locations and resizes them to 64x64 pixels.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    candidates: All locations in the image.
    index: int64[n], the chosen ones.
    compression: uint8[8, 8, 34], of the whole image, see `compression.measure`.
  """
  images = np.empty((len(index), *_SHAPE, 3), np.uint8)
  masks = np.empty((len(index), *_SHAPE), np.uint8)
  boxes = candidates.boxes[index]
  for i, (top, left, height, width) in enumerate(boxes.tolist()):
    crop = image[top : top + height, left : left + width]
    truth = mask[top : top + height, left : left + width]
    if (height, width) != _SHAPE:
      # No box is smaller than a patch, so that this only ever shrinks.
      crop = cv2.resize(crop, _SHAPE, interpolation=cv2.INTER_AREA)
      truth = cv2.resize(truth, _SHAPE, interpolation=cv2.INTER_NEAREST_EXACT)
    images[i], masks[i] = crop, truth
  chosen = Candidates(
      boxes, candidates.sources[index], candidates.labels[index]
  )
  of_patches = np.empty((len(boxes), *compression_lib.SHAPE), np.uint8)
  of_patches[:] = compression_lib.NONE
  block = compression_lib.BLOCK
  is_on_grid = (boxes[:, :2] % block == 0) & (boxes[:, 2:] == spec.SIDE)
  of_patches[is_on_grid.all(axis=1)] = compression
  return Cut(images, masks, chosen, of_patches)


def grid(mask: np.ndarray, sampler: Sampler) -> Candidates:
  """Lists every native window of the image, 64 pixels apart.

  Nothing is balanced: labels come with their natural prevalence.
  """
  boxes = locations.windows(mask.shape, spec.SIDE, sampler.window_grid)
  labels = _labels(mask, boxes, sampler)
  return Candidates(boxes, np.zeros(len(boxes), np.int32), labels)


def _labels(
    mask: np.ndarray, boxes: np.ndarray, sampler: Sampler
) -> np.ndarray:
  inside = locations.manipulated_pixels(mask, boxes)
  area = boxes[:, 2] * boxes[:, 3]
  total = cv2.countNonZero(mask)
  whole = {
      'area': area,
      'iou': area + total - inside,
      'coverage': np.full_like(area, max(total, 1)),
  }[sampler.label_rule]
  return (inside / whole > sampler.label_threshold).astype(np.int32)


def _unique(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Sorts rows and drops repeated ones, many times faster than `np.unique`.

  Returns:
    The rows and where each occurs first.
  """
  order = np.lexsort(boxes.T[::-1])
  rows = boxes[order]
  is_new = np.ones(len(rows), bool)
  is_new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
  return rows[is_new], order[is_new]
