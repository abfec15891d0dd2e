"""Analyses an uploaded file, and makes pictures, records and downloads."""

import dataclasses
import io
import json
import pathlib
import time
from typing import Protocol

import numpy as np
from PIL import Image

from manloc_jax import errors
from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.localization import batch
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import measurable
from manloc_jax.localization import overlay

MAX_BYTES = 50 << 20
MAX_PIXELS = 14_000_000  # A phone takes 12; more would need 1.5 GB of memory.
LONGEST = 1600  # Pixels of the longer side of a picture on the page.

# Of the scores in memory: one image of the largest size, or fifty common ones.
CACHE_BYTES = 4 * MAX_PIXELS
_QUALITY = 90  # Of JPEG files on the page.


class Localizer(localizer_lib.Localizer, Protocol):
  """A localizer whose scores are from 0 to 1, with one threshold for all."""

  threshold: float


@dataclasses.dataclass(frozen=True)
class View:
  """An analysis at a threshold.

  Attributes:
    mask: bool[h, w], regions where the score reaches the threshold.
    record: The results, as JSON holds them.
  """

  mask: np.ndarray
  record: batch.Record

  def pictures(self) -> tuple[bytes, bytes]:
    """Returns PNG files of the mask and of its outline, at most `LONGEST`.

    The mask is white where manipulated; all but the outline is transparent.
    """
    preview = overlay.reduce_mask(self.mask, LONGEST)
    black = np.zeros((*preview.shape, 3), np.uint8)
    score = np.zeros(preview.shape, np.float32)
    outline = overlay.draw(black, score, preview, 0)
    copies = self.record.get(localizer_lib.COPIES, ())
    outline = overlay.arrows(outline, copies, self.mask.shape)
    alpha = outline.max(axis=2, keepdims=True)
    return (
        _png(preview * np.uint8(255)),
        _png(np.concatenate([outline, alpha], axis=2)),
    )


@dataclasses.dataclass(frozen=True)
class Analysis:
  """The scores of an image.

  Attributes:
    score: f32[h, w].
    facts: The record at the threshold of the localizer.
    photograph: JPEG file, at most `LONGEST` pixels on a side.
    heat: JPEG file of the colours of the scores, as large.
  """

  score: np.ndarray
  facts: batch.Record
  photograph: bytes
  heat: bytes

  @property
  def nbytes(self) -> int:
    """Bytes of the scores."""
    return self.score.nbytes

  @property
  def threshold(self) -> float:
    """The threshold of the localizer for this image."""
    return self.facts['mask_threshold']

  def at(self, threshold: float) -> View:
    """Applies a threshold; runs no network.

    Raises:
      UserError: The threshold is not in 0 to 1.
    """
    localizer_lib.check_threshold(threshold)
    mask = self.score >= threshold
    smallest = self.facts.get(localizer_lib.SMALLEST_REGION, 0)
    regions, count = localizer_lib.find_regions(mask, smallest)
    record = {
        **self.facts,
        'threshold': threshold,
        'mask_threshold': threshold,
        'manipulated_share': float(mask.mean()),
        'regions': [dataclasses.asdict(region) for region in regions],
        'region_count': count,
    }
    return View(mask, record)

  def download(self, kind: str, threshold: float) -> bytes:
    """Returns the content of a file: `json`, `mask.png` or `heat.png`.

    Raises:
      UserError: The threshold is not in 0 to 1.
    """
    if kind == 'heat.png':
      file = io.BytesIO()
      batch.save_heat(file, self.score)
      return file.getvalue()
    view = self.at(threshold)
    if kind == 'mask.png':
      return _png(view.mask * np.uint8(255))
    return json.dumps(view.record, indent=1).encode() + b'\n'


def check(path: pathlib.Path, name: str) -> int:
  """Reads the header of a file; decodes nothing.

  Args:
    path: The file.
    name: Its name for the user.

  Returns:
    Its number of pixels.

  Raises:
    UserError: It is no image, or too large for the page.
  """
  try:
    if path.stat().st_size > MAX_BYTES:  # The server refuses most of them.
      raise spec.DataError(
          f'{name} has more than {MAX_BYTES >> 20} MB, the most that this'
          ' page takes; use manloc localize.'
      )
    height, width = images.read_size(path)
  except errors.UserError as error:
    raise named(error, path, name) from None
  if height * width > MAX_PIXELS:
    raise spec.DataError(
        f'{name} has {width} x {height} pixels, and this page takes'
        f' {MAX_PIXELS // 1_000_000} million at most; crop it, or use manloc'
        ' localize.'
    )
  return height * width


def analyse(path: pathlib.Path, name: str, localizer: Localizer) -> Analysis:
  """Reads a file and localizes in it.

  Args:
    path: The file.
    name: Its name for the user.
    localizer: The localizer to run.

  Raises:
    UserError: The file cannot be used, the method is not applicable, the
      network's outputs are not finite, or there is too little memory.
  """
  check(path, name)
  try:
    image = images.read_image(path)
    digest = provenance.sha256_of_file(path)
    start = time.monotonic()
    result = localizer.localize(path, image)
    seconds = time.monotonic() - start
    facts = batch.describe(name, image, result, localizer, seconds)
    photograph = overlay.reduce(image.pixels, LONGEST)
    heat = overlay.reduce(result.score, LONGEST)
    nowhere = np.zeros(heat.shape, bool)
    can_measure = measurable.blocks(image.pixels)
    drawn = overlay.draw(photograph, heat, nowhere, 1)
    return Analysis(
        score=result.score,
        facts={
            **facts,
            **batch.describe_limits(path, can_measure),
            'image_sha256': digest,
        },
        photograph=_jpeg(photograph),
        heat=_jpeg(overlay.hatch(drawn, ~can_measure)),
    )
  except errors.UserError as error:
    raise named(error, path, name) from error
  except Exception as error:
    if not errors.is_out_of_memory(error):
      raise
    raise errors.UserError(
        f'There is not enough memory for {name}; crop it first.'
    ) from None


def named(
    error: Exception, path: pathlib.Path, name: str
) -> errors.UserError:
  """Returns the error with the name that the user knows, and no path."""
  return errors.UserError(str(error).replace(str(path), name))


def _jpeg(pixels: np.ndarray) -> bytes:
  file = io.BytesIO()
  Image.fromarray(pixels).save(file, 'JPEG', quality=_QUALITY)
  return file.getvalue()


def _png(pixels: np.ndarray) -> bytes:
  file = io.BytesIO()
  batch.save_png(file, pixels)
  return file.getvalue()
