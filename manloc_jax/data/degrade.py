"""Degrades images by JPEG, blur, noise, resizing and what web sites do.

The first four kinds are those of IMDL-BenCo (arXiv 2406.10580), at levels where
methods begin to fail: there a blur is given by the side of its kernel, from 3
pixels on, and noise by its variance.
"""

from collections.abc import Callable, Collection
import dataclasses
import io
from typing import Any

import cv2
import numpy as np
import PIL
from PIL import features
from PIL import Image

Level = float | str
# Series and level; both None for the image as it is.
Step = tuple[str | None, Level | None]

_STRIP = 256  # Rows that noise is added to at once.


@dataclasses.dataclass(frozen=True)
class Degraded:
  """A degraded image.

  Attributes:
    pixels: uint8[h, w, 3], RGB.
    mask: uint8[h, w], its truth.
    jpeg: The JPEG file that `pixels` are decoded from; None where compression
      is not what was done last.
  """

  pixels: np.ndarray
  mask: np.ndarray
  jpeg: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Series:
  """A kind of degradation at rising strength.

  Attributes:
    title: The name of the kind.
    unit: The unit of a level.
    levels: The strengths, from mild to strong.
    apply: `apply(image, mask, level, rng) -> Degraded`.
  """

  title: str
  unit: str
  levels: tuple[Level, ...]
  apply: Callable[
      [np.ndarray, np.ndarray, Any, np.random.Generator], Degraded
  ]


def jpeg(image: np.ndarray, mask: np.ndarray, quality: int) -> Degraded:
  """Compresses an image as JPEG and decodes it.

  The encoder is Pillow's, that is libjpeg-turbo, with its standard tables
  scaled by `quality`, chroma halved both ways (4:2:0) and no other option.

  Args:
    image: uint8[h, w, 3], RGB.
    mask: uint8[h, w], returned as it is.
    quality: 1 to 100.
  """
  buffer = io.BytesIO()
  Image.fromarray(image).save(
      buffer, 'JPEG', quality=quality, subsampling='4:2:0'
  )
  with Image.open(buffer) as decoded:
    return Degraded(np.array(decoded), mask, buffer.getvalue())


def blur(image: np.ndarray, deviation: float) -> np.ndarray:
  """Convolves an image with a Gaussian, uint8[h, w, 3]; mirrors borders.

  Args:
    image: uint8[h, w, 3].
    deviation: Standard deviation in pixels. The side of the kernel is OpenCV's
      for 8 bits, `6 * deviation + 1`, rounded and then made odd: 3 pixels at
      0.3, 5 at 0.5 and 0.7, 7 at 1, 11 at 1.5, 13 at 2.
  """
  return cv2.GaussianBlur(image, (0, 0), sigmaX=deviation)


def noise(
    image: np.ndarray, deviation: float, rng: np.random.Generator
) -> np.ndarray:
  """Adds white Gaussian noise, independent in each channel.

  Args:
    image: uint8[h, w, 3].
    deviation: Standard deviation in grey levels; the variance is its square.
    rng: Random generator of the noise.
  """
  noisy = np.empty_like(image)
  # By strips: the noise of a whole large image takes gigabytes.
  for top in range(0, len(image), _STRIP):
    strip = image[top : top + _STRIP]
    added = deviation * rng.standard_normal(strip.shape, np.float32)
    noisy[top : top + _STRIP] = np.rint(strip + added).clip(0, 255)
  return noisy


def resize(image: np.ndarray, mask: np.ndarray, factor: float) -> Degraded:
  """Reduces an image by averaging areas, and its mask to nearest pixels.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    factor: New side over old side, at most 1; sides are rounded.
  """
  height, width = (max(1, round(factor * side)) for side in mask.shape)
  return Degraded(
      cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA),
      cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
  )


def web(image: np.ndarray, mask: np.ndarray, level: str) -> Degraded:
  """Does what web sites do: reduces large images and saves them as JPEG.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    level: Key of `WEB`.
  """
  side, quality = WEB[level]
  longest = max(mask.shape)
  if longest > side:
    reduced = resize(image, mask, side / longest)
    image, mask = reduced.pixels, reduced.mask
  return jpeg(image, mask, quality)


# Longest side in pixels, to which larger images are reduced, and JPEG quality.
WEB = {
    '2048px q85': (2048, 85),
    '1600px q80': (1600, 80),
    '1080px q75': (1080, 75),
    '1080px q70': (1080, 70),
}
SERIES: dict[str, Series] = {
    'jpeg': Series(
        title='JPEG',
        unit='quality',
        levels=(95, 90, 80, 70, 50, 30),
        apply=lambda image, mask, level, rng: jpeg(image, mask, level),
    ),
    'blur': Series(
        title='Gaussian blur',
        unit='standard deviation in pixels',
        levels=(0.3, 0.5, 0.7, 1, 1.5, 2),
        apply=lambda image, mask, level, rng: Degraded(
            blur(image, level), mask
        ),
    ),
    'noise': Series(
        title='Gaussian noise',
        unit='standard deviation in grey levels',
        levels=(1, 2, 3, 5, 7, 10),
        apply=lambda image, mask, level, rng: Degraded(
            noise(image, level, rng), mask
        ),
    ),
    'resize': Series(
        title='Resize',
        unit='factor of both sides',
        levels=(0.9, 0.8, 0.7, 0.6, 0.5, 0.4),
        apply=lambda image, mask, level, rng: resize(image, mask, level),
    ),
    'web': Series(
        title='Web site',
        unit='longest side and JPEG quality',
        levels=tuple(WEB),
        apply=lambda image, mask, level, rng: web(image, mask, level),
    ),
}


def steps(series: Collection[str] = tuple(SERIES)) -> tuple[Step, ...]:
  """Returns the undegraded image and then all levels of some series.

  Args:
    series: Keys of `SERIES`; they are taken in its order.
  """
  return (
      (None, None),
      *(
          (name, level)
          for name, one in SERIES.items()
          if name in series
          for level in one.levels
      ),
  )


def name_of(step: Step) -> str:
  """Returns what messages call a level."""
  series, level = step
  return f'{series} {level}' if series else 'undegraded'


def facts() -> dict[str, dict[str, Any]]:
  """Returns title, unit and levels of each series, as JSON holds them."""
  return {
      name: {
          'title': series.title,
          'unit': series.unit,
          'levels': list(series.levels),
      }
      for name, series in SERIES.items()
  }


def versions() -> dict[str, str | None]:
  """Returns the versions of the libraries that degraded pixels depend on."""
  return {
      'pillow': PIL.__version__,
      'libjpeg-turbo': features.version('libjpeg_turbo'),
      'opencv': cv2.__version__,
  }
