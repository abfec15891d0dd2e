"""JPEG histories: how cameras, programs and web sites save an image.

Most software scales the two tables of the JPEG standard (Annex K) by a
quality, as libjpeg does; cameras and some editors bring tables of their own,
which differ from those smoothly with frequency. Both kinds occur here.
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
_GRID = 16  # Pixels of a coding unit with halved colours.


@dataclasses.dataclass(frozen=True)
class Jpeg:
  """What a JPEG encoder is told.

  Attributes:
    quality: 1 to 100, as libjpeg scales tables.
    subsampling: One of `SUBSAMPLINGS`.
    own_tables: Quantization of brightness and colours, 64 numbers each, of a
      camera's own; None for the standard's, scaled by the quality.
  """

  quality: int
  subsampling: str
  own_tables: tuple[tuple[int, ...], tuple[int, ...]] | None = None

  def describe(self) -> dict:
    """Returns the facts that JSON can hold."""
    tables = 'standard' if self.own_tables is None else 'own'
    return {
        'quality': self.quality,
        'subsampling': self.subsampling,
        'tables': tables,
    }


def camera(rng: np.random.Generator) -> Jpeg:
  """Samples how a camera or phone saves: well, often with its own tables."""
  quality = int(rng.choice((*range(80, 100), 95, 96, 97, 98, 92, 93)))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.2, 0.4, 0.4)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.5))


def web(rng: np.random.Generator) -> Jpeg:
  """Samples how a picture from the web was saved: from poorly to well."""
  quality = round(55 + 43 * rng.beta(2.2, 1.2))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.15, 0.15, 0.7)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.2))


def editor(rng: np.random.Generator) -> Jpeg:
  """Samples how the forger saves the result: quality 60 to 98."""
  quality = round(60 + 38 * rng.beta(3.0, 1.1))
  subsampling = str(rng.choice(SUBSAMPLINGS, p=(0.35, 0.1, 0.55)))
  return Jpeg(quality, subsampling, own_tables(quality, rng, probability=0.3))


def own_tables(
    quality: int, rng: np.random.Generator, probability: float
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
  """Samples a camera's own tables near a quality; mostly there are none.

  The logarithm of the standard's tables is bent by a random polynomial of
  second degree in the two frequencies.

  Args:
    quality: 1 to 100, of the standard's tables that are bent.
    rng: Source of every choice.
    probability: Of tables of its own; otherwise None is returned.

  Returns:
    Tables of brightness and colours, 64 numbers each, or None.
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
  """Saves and loads.

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
