"""Maps as localizers or files give them, in one form that can be scored."""

import dataclasses
import time

import numpy as np

from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.evaluation import map_folder
from manloc_jax.localization import localizer as localizer_lib


@dataclasses.dataclass(frozen=True)
class Map:
  """A map of an image.

  Attributes:
    raw: f32[h, w], the scores.
    picture: f32[h, w], the same from 0 to 1.
    mask: bool[h, w], what is marked; None if the file does not say.
    image_score: Of the image.
    is_probability: Whether the scores are from 0 to 1.
    threshold: Of the mask and of the image's score; None for a probability,
      whose threshold is 0.5.
    seconds: That it took to make; None for a file.
    not_applicable: Why the method cannot be applied, or nothing.
    note: What a reader should know, or nothing.
  """

  raw: np.ndarray
  picture: np.ndarray
  mask: np.ndarray | None
  image_score: float
  is_probability: bool
  threshold: float | None = None
  seconds: float | None = None
  not_applicable: str = ''
  note: str = ''


def given(
    method: map_folder.GivenMaps, record: spec.Record, size: tuple[int, int]
) -> Map:
  """Reads the map that another tool made of an image of this size.

  Raises:
    DataError: It cannot be read, or has another size.
  """
  given = method.localize(record.image, size)
  image_score = given.image_score
  if image_score is None:
    image_score = localizer_lib.image_score(given.raw)
  picture = given.raw
  if not given.is_probability:
    low, high = picture.min(), picture.max()
    picture = (picture - low) / max(high - low, np.float32(1e-30))
  return Map(
      given.raw,
      picture,
      given.mask,
      image_score,
      given.is_probability,
      given.threshold,
      note=given.note,
  )


def localized(
    method: localizer_lib.Localizer, record: spec.Record, image: images.Decoded
) -> Map:
  """Makes the map of an image; a constant one where that is not possible.

  Raises:
    DataError: The map is not finite.
    UserError: The weights of the method are broken.
  """
  start = time.perf_counter()
  try:
    result = method.localize(record.image, image)
  except localizer_lib.NotApplicable as error:
    size = image.pixels.shape[:2]
    raw = np.full(size, method.constant_score, np.float32)
    return Map(
        raw,
        np.zeros_like(raw),
        np.zeros(size, bool),
        method.constant_score,
        method.is_probability,
        not_applicable=str(error),
    )
  seconds = time.perf_counter() - start
  is_forgery_probability = result.facts.get(
      localizer_lib.IS_FORGERY_PROBABILITY
  )
  if not np.isfinite(result.raw).all():
    raise spec.DataError(
        f'The map of {record.image} holds values that are not finite; leave the'
        ' image out, or choose another method or run.'
    )
  return Map(
      result.raw,
      result.score,
      result.mask,
      result.image_score,
      method.is_probability,
      None if is_forgery_probability else result.threshold,
      seconds,
  )
