"""Degrades images by JPEG compression, blur, noise and resizing.

The kinds and, but for resizing, the levels are those of IMDL-BenCo (arXiv
2406.10580). The levels of noise are standard deviations here and variances
there.
"""

from collections.abc import Callable
import dataclasses
import io

import cv2
import numpy as np
import PIL
from PIL import features
from PIL import Image

from manloc_jax.data.decoding import quantization as quantization_lib

Pair = tuple[np.ndarray, np.ndarray]

_STRIP = 256  # Rows that noise is added to at once.


@dataclasses.dataclass(frozen=True)
class Series:
  """A kind of degradation at rising strength.

  Attributes:
    title: The name of the kind.
    unit: The unit of a level.
    levels: The strengths, from mild to strong.
    apply: `apply(image, mask, level, rng) -> (image, mask)`.
    quantization: `quantization(level)`, the table of luma, int32[8, 8], with
      which a degraded image was compressed last; None if it was not.
  """

  title: str
  unit: str
  levels: tuple[float, ...]
  apply: Callable[[np.ndarray, np.ndarray, float, np.random.Generator], Pair]
  quantization: Callable[[float], np.ndarray | None] = lambda level: None


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
  """Compresses an image as JPEG and decodes it, uint8[h, w, 3].

  The encoder is Pillow's, that is libjpeg-turbo, with its standard tables
  scaled by `quality`, chroma halved both ways (4:2:0) and no other option.

  Args:
    image: uint8[h, w, 3], RGB.
    quality: 1 to 100.
  """
  with Image.open(io.BytesIO(_encode(image, quality))) as decoded:
    return np.array(decoded)


def _encode(image: np.ndarray, quality: int) -> bytes:
  """Returns the JPEG file of `jpeg`."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(
      buffer, 'JPEG', quality=quality, subsampling='4:2:0'
  )
  return buffer.getvalue()


def jpeg_quantization(quality: int) -> np.ndarray | None:
  """Returns the table of luma, int32[8, 8], that `jpeg` compresses with."""
  # It does not depend on the image.
  return quantization_lib.of_bytes(
      _encode(np.zeros((8, 8, 3), np.uint8), quality)
  )


def blur(image: np.ndarray, kernel: int) -> np.ndarray:
  """Convolves an image with a Gaussian, uint8[h, w, 3]; mirrors borders.

  Args:
    image: uint8[h, w, 3].
    kernel: Side in pixels, odd. Its standard deviation is OpenCV's for that
      side, `0.15 * kernel + 0.35` pixels.
  """
  return cv2.GaussianBlur(image, (kernel, kernel), sigmaX=0)


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


def resize(image: np.ndarray, mask: np.ndarray, factor: float) -> Pair:
  """Reduces an image by averaging areas, and its mask to nearest pixels.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    factor: New side over old side, at most 1; sides are rounded.
  """
  height, width = (max(1, round(factor * side)) for side in mask.shape)
  return (
      cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA),
      cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
  )


SERIES: dict[str, Series] = {
    'jpeg': Series(
        title='JPEG',
        unit='quality',
        levels=(100, 90, 80, 70, 60, 50),
        apply=lambda image, mask, level, rng: (jpeg(image, int(level)), mask),
        quantization=lambda level: jpeg_quantization(int(level)),
    ),
    'blur': Series(
        title='Gaussian blur',
        unit='kernel side in pixels',
        levels=(3, 7, 11, 15, 19, 23),
        apply=lambda image, mask, level, rng: (blur(image, int(level)), mask),
    ),
    'noise': Series(
        title='Gaussian noise',
        unit='standard deviation in grey levels',
        levels=(3, 7, 11, 15, 19, 23),
        apply=lambda image, mask, level, rng: (noise(image, level, rng), mask),
    ),
    'resize': Series(
        title='Resize',
        unit='factor of both sides',
        levels=(0.9, 0.78, 0.65, 0.5, 0.35, 0.25),
        apply=lambda image, mask, level, rng: resize(image, mask, level),
    ),
}


def versions() -> dict[str, str | None]:
  """Returns the versions of the libraries that degraded pixels depend on."""
  return {
      'pillow': PIL.__version__,
      'libjpeg-turbo': features.version('libjpeg_turbo'),
      'opencv': cv2.__version__,
  }
