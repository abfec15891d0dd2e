"""Saves images as JPEG files like cameras, programs and web sites do.

Most software scales the two tables of the JPEG standard (Annex K) by a
quality, as libjpeg does; cameras and some editors have tables of their own,
which differ from those smoothly with frequency. Both kinds are sampled here.
"""

import dataclasses
import functools
import io
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL import JpegImagePlugin

SUBSAMPLINGS = ('4:4:4', '4:2:2', '4:2:0')
_GRID = 16  # Pixels of a coding unit with halved chroma.


@dataclasses.dataclass(frozen=True)
class Jpeg:
  """The parameters of a JPEG encoder.

  Attributes:
    quality: 1 to 100, as libjpeg scales tables.
    subsampling: One of `SUBSAMPLINGS`.
    own_tables: Quantization tables of luma and chroma, 64 numbers each; None
      for those of the standard, scaled by the quality.
  """

  quality: int
  subsampling: str
  own_tables: tuple[tuple[int, ...], tuple[int, ...]] | None = None

  def describe(self) -> dict:
    """Describes the encoder as JSON holds it."""
    tables = 'standard' if self.own_tables is None else 'own'
    return {
        'quality': self.quality,
        'subsampling': self.subsampling,
        'tables': tables,
    }


def camera(rng: np.random.Generator) -> Jpeg:
  """Samples the encoder of a camera: high quality, often its own tables."""
  quality = int(rng.choice((*range(80, 100), 95, 96, 97, 98, 92, 93)))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.2, 0.4, 0.4)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.5))


def web(rng: np.random.Generator) -> Jpeg:
  """Samples the encoder of a picture from the web: quality 55 to 98."""
  quality = round(55 + 43 * rng.beta(2.2, 1.2))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.15, 0.15, 0.7)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.2))


def editor(rng: np.random.Generator) -> Jpeg:
  """Samples the encoder of a forger: quality 60 to 98."""
  quality = round(60 + 38 * rng.beta(3.0, 1.1))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.35, 0.1, 0.55)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.3))


def own_tables(
    quality: int, rng: np.random.Generator, probability: float
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
  """Samples a camera's own quantization tables near a quality, or None.

  A random polynomial of second degree in the two frequencies is added to the
  logarithm of the standard's tables.

  Args:
    quality: 1 to 100, of the standard's tables that are modified.
    rng: Source of every choice.
    probability: Of tables of its own; otherwise None is returned.

  Returns:
    Tables of luma and chroma, 64 numbers each, or None.
  """
  if rng.random() >= probability:
    return None
  down, across = np.meshgrid(*2 * (np.linspace(-1, 1, 8),), indexing='ij')
  terms = (1, down + across, down * across, down**2 + across**2)
  tables = []
  for table in standard_tables(quality):
    bend = sum(rng.normal(0, 0.15) * term for term in terms)
    bent = np.rint(np.array(table) * np.exp(bend).ravel())
    tables.append(tuple(int(n) for n in np.clip(bent, 1, 255)))
  return tables[0], tables[1]


@functools.cache
def standard_tables(quality: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
  """Returns the standard's tables at a quality, row by row, from libjpeg."""
  buffer = io.BytesIO()
  Image.new('RGB', (8, 8)).save(buffer, 'JPEG', quality=quality)
  buffer.seek(0)
  tables = JpegImagePlugin.JpegImageFile(buffer).quantization
  return tuple(tables[0]), tuple(tables[1])


def encode(image: np.ndarray, jpeg: Jpeg) -> bytes:
  """Returns the JPEG file of uint8[h, w, 3]."""
  buffer = io.BytesIO()
  options: dict[str, Any] = {'quality': jpeg.quality}
  if jpeg.own_tables is not None:
    options = {'qtables': jpeg.own_tables}
  Image.fromarray(image).save(
      buffer, 'JPEG', subsampling=jpeg.subsampling, **options
  )
  return buffer.getvalue()


def encode_png(image: np.ndarray) -> bytes:
  """Returns the PNG file of uint8[h, w, 3] or uint8[h, w]."""
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, 'PNG', compress_level=1)
  return buffer.getvalue()


def decode(file: bytes) -> np.ndarray:
  """Returns uint8[h, w, 3] of a file that was encoded here."""
  with Image.open(io.BytesIO(file)) as image:
    return np.array(image)


def roundtrip(
    image: np.ndarray, jpeg: Jpeg, offset: tuple[int, int] = (0, 0)
) -> np.ndarray:
  """Encodes and decodes an image, uint8[h, w, 3].

  Args:
    image: uint8[h, w, 3].
    jpeg: The encoder.
    offset: Rows and columns of the image's corner in the first coding unit,
      each below 16: cropping leaves a JPEG grid that begins elsewhere.
  """
  down, right = (n % _GRID for n in offset)
  padded = cv2.copyMakeBorder(image, down, 0, right, 0, cv2.BORDER_REPLICATE)
  saved = decode(encode(padded, jpeg))
  return np.ascontiguousarray(saved[down:, right:])
