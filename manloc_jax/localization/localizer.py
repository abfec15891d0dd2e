"""The protocol of localizers, their results, and checks that they share."""

from collections.abc import Mapping
import dataclasses
import numbers
import pathlib
from typing import Any, Protocol

import cv2
import numpy as np

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.data import spec


class NotApplicable(spec.DataError):
  """The error that a method does not apply to a file, in one sentence."""


# Fraction of the pixels that may score higher than the image does.
_TOP_FRACTION = 0.01
MAX_REGIONS = 20  # In a list; the mask of a noisy map has thousands.
# Key of `Result.facts`: why nothing could be measured in an image.
NOT_MEASURED = 'not_measured'
# Key of `Result.facts`: true where `image_score` is that of a forgery.
IS_FORGERY_PROBABILITY = 'image_score_is_probability'
# Key of `Result.facts`: regions that occur twice, see `fusion.copies.describe`.
COPIES = 'copies'
# Key of `Localizer.provenance`: pixels of the smallest region of its masks.
SMALLEST_REGION = 'smallest_region'


@dataclasses.dataclass(frozen=True)
class Region:
  """Manipulated pixels that touch each other, by a side or a corner.

  Attributes:
    top: First row of the bounding box.
    left: First column of the bounding box.
    height: Rows of the bounding box.
    width: Columns of the bounding box.
    pixels: Number of manipulated pixels.
  """

  top: int
  left: int
  height: int
  width: int
  pixels: int


@dataclasses.dataclass(frozen=True)
class Result:
  """The result for an image.

  Attributes:
    score: f32[h, w] in 0 to 1, for pictures: a network's scores, or
      `raw` on such a scale.
    raw: f32[h, w], the values that are evaluated; a network's are its scores.
    mask: bool[h, w], where the score reaches the threshold.
    threshold: Of the mask.
    image_score: The probability that the image is forged, of a method that was
      trained to tell it, or the 99th percentile of `raw`: one percent of the
      image has to look manipulated. The largest score of an image means
      little, for among millions of pixels some are always near 1.
    regions: The largest connected regions of the mask, the largest first.
    region_count: How many there are in all.
    facts: What else the result of this file depends on, as JSON holds it, such
      as how coefficients were read; part of the record.
  """

  score: np.ndarray
  raw: np.ndarray
  mask: np.ndarray
  threshold: float
  image_score: float
  regions: list[Region]
  region_count: int
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Localizer(Protocol):
  """Computes maps of image files.

  Attributes:
    provenance: What the results depend on, as JSON holds it.
    packages: Versions of the packages that compute them, by name.
    device: Kind of the device.
    is_probability: Whether values lie in 0 to 1, so that 0.5 separates them.
    constant_score: Value of a constant map, where the method does not apply.
    runs_in_workers: Whether other processes may use copies of it.
  """

  provenance: dict[str, Any]
  packages: dict[str, str]
  device: str
  is_probability: bool
  constant_score: float
  runs_in_workers: bool

  def raw_map(
      self, path: pathlib.Path, image: images.Decoded
  ) -> np.ndarray:
    """Returns the map alone, f32[h, w], high where manipulated.

    Args:
      path: The file, for methods that read more than its pixels.
      image: Of `images.read_image`.

    Raises:
      NotApplicable: The method does not apply to this file.
    """

  def localize(self, path: pathlib.Path, image: images.Decoded) -> Result:
    """Returns map, mask and regions; arguments as of `raw_map`."""


def check_pixels(pixels: np.ndarray) -> None:
  """Raises ValueError unless `pixels` is an image, uint8[h, w, 3]."""
  if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
    raise ValueError(
        f'An image must be uint8[h, w, 3], not {pixels.dtype}{pixels.shape}.'
    )
  if not pixels.size:
    raise ValueError(f'An image of shape {pixels.shape} has no pixels.')


def check_size(
    subject: str, shape: tuple[int, ...], min_side: int, method: str
) -> None:
  """Raises NotApplicable for an image that is too small for a method.

  Args:
    subject: What the sentence begins with: a file, or `The image`.
    shape: Of its pixels, height and width first.
    min_side: Pixels.
    method: Its name.
  """
  height, width = shape[:2]
  if min(height, width) < min_side:
    raise NotApplicable(
        f'{subject} is {width}x{height} pixels, too small for {method} to'
        f' measure anything: it needs {min_side}x{min_side} or more; choose a'
        ' larger image.'
    )


def check_threshold(threshold: float) -> None:
  """Raises UserError unless a threshold is on the scale of `Result.score`."""
  if not isinstance(threshold, numbers.Real) or not 0 <= threshold <= 1:
    raise errors.UserError(
        f'A threshold of {threshold} is not on the scale of the heat maps;'
        ' choose one from 0 to 1.'
    )


def check_finite(score: np.ndarray) -> None:
  """Raises UserError unless all outputs of a network are finite."""
  if not np.isfinite(score).all():
    raise errors.UserError(
        'The outputs of the network are not finite: its weights are broken or'
        ' its training diverged; choose another run.'
    )


def summarize(
    raw: np.ndarray,
    score: np.ndarray,
    threshold: float,
    probability: float | None = None,
    smallest_region: int = 0,
) -> Result:
  """Computes the mask, its regions and the image's score.

  Args:
    raw: f32[h, w].
    score: f32[h, w] in 0 to 1.
    threshold: Scores from here on are manipulated.
    probability: The image's score, of a method that gives a probability of a
      forgery; by default `image_score`, for which a map is copied.
    smallest_region: Connected regions of fewer pixels are not in the mask.
  """
  mask = score >= threshold
  regions, count = find_regions(mask, smallest_region)
  total = image_score(raw) if probability is None else probability
  return Result(score, raw, mask, threshold, total, regions, count)


def image_score(raw: np.ndarray) -> float:
  """Returns the score of an image with this map; see `Result.image_score`."""
  return float(np.quantile(raw, 1 - _TOP_FRACTION))


def find_regions(
    mask: np.ndarray, smallest: int = 0
) -> tuple[list[Region], int]:
  """Returns the largest regions of a mask, and how many there are in all.

  Args:
    mask: bool[h, w]; smaller regions than `smallest` are taken out of it.
    smallest: Pixels of a connected region that stays.

  Returns:
    At most `MAX_REGIONS` regions, the largest first, and the number of all.
  """
  _, labels, stats, _ = cv2.connectedComponentsWithStats(
      mask.view(np.uint8), connectivity=8
  )
  stats = stats[1:]  # Row 0 is the background.
  is_small = stats[:, cv2.CC_STAT_AREA] < smallest
  for index in np.flatnonzero(is_small):
    left, top, width, height, _ = stats[index]
    box = np.s_[top : top + height, left : left + width]
    mask[box][labels[box] == index + 1] = False
  stats = stats[~is_small]
  order = np.argsort(-stats[:, cv2.CC_STAT_AREA], kind='stable')
  largest = order[:MAX_REGIONS]
  columns = [
      cv2.CC_STAT_TOP,
      cv2.CC_STAT_LEFT,
      cv2.CC_STAT_HEIGHT,
      cv2.CC_STAT_WIDTH,
      cv2.CC_STAT_AREA,
  ]
  rows = stats[largest][:, columns].tolist()
  return [Region(*row) for row in rows], len(stats)
