"""Saves a forgery as its forger does, and perhaps a web site after that.

A third of the saved JPEG files go through a web site, which mostly reduces them
and always saves them with halved colours: what an analyst is sent has rarely
come straight from the forger.
"""

import dataclasses
from typing import Any

import cv2
import numpy as np

from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import views

_RESIZED, _CROPPED, _PNG, _WEB = 0.15, 0.12, 0.12, 0.33  # Probabilities.
_MOST_CROPPED = 7  # Pixels at the top and at the left: the JPEG grid moves.
_WEB_RESIZED = 0.6  # Probability.
_WEB_QUALITY = (70, 90)  # Least and largest.


@dataclasses.dataclass(frozen=True)
class Finished:
  """A file and the mask at its size.

  Attributes:
    file: The finished file.
    suffix: `.jpg` or `.png`, its format.
    mask: uint8[h, w].
    facts: Each resizing, crop and save, as JSON holds them.
  """

  file: bytes
  suffix: str
  mask: np.ndarray
  facts: list[dict[str, Any]]


def finish(
    image: np.ndarray,
    mask: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Finished:
  """Resizes, crops and saves an image.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    size: Least and largest short side in pixels of the result; an image
      outside of them comes closer to them or stays as it is.
    rng: Source of every choice, which do not depend on the pixels.
  """
  facts: list[dict[str, Any]] = []
  if rng.random() < _RESIZED:
    image, mask = _resize(image, mask, size, facts, rng)
  if rng.random() < _CROPPED:
    most = max(0, min(_MOST_CROPPED, min(mask.shape) - size[0]))
    top, left = rng.integers(0, most + 1, 2).tolist()
    image = np.ascontiguousarray(image[top:, left:])
    mask = np.ascontiguousarray(mask[top:, left:])
    facts.append({'cropped': [top, left]})
  if rng.random() < _PNG:
    facts.append({'format': 'png'})
    return Finished(cameras.encode_png(image), '.png', mask, facts)
  jpeg = cameras.editor(rng)
  facts.append({'format': 'jpeg', **jpeg.describe()})
  if rng.random() < _WEB:
    image = cameras.roundtrip(image, jpeg)
    if rng.random() < _WEB_RESIZED:
      image, mask = _resize(image, mask, size, facts, rng)
    quality = int(rng.integers(_WEB_QUALITY[0], _WEB_QUALITY[1] + 1))
    jpeg = cameras.Jpeg(quality, '4:2:0')
    facts.append({'format': 'jpeg', **jpeg.describe()})
  return Finished(cameras.encode(image, jpeg), '.jpg', mask, facts)


def _resize(
    image: np.ndarray,
    mask: np.ndarray,
    size: tuple[int, int],
    facts: list[dict[str, Any]],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
  """Resizes image and mask, unless that would leave the range of sizes."""
  least, most = (side / min(mask.shape) for side in size)
  least = max(0.5, min(1.0, least))
  most = min(1.25, max(1.0, most))
  if most - least < 0.05:
    return image, mask
  factor = float(rng.uniform(least, most))
  image, name = views.resize(image, factor, rng)
  mask = cv2.resize(
      mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT
  )
  facts.append({'resized': round(factor, 4), 'filter': name})
  return image, mask
