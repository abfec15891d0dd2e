"""Analyses an uploaded file, and makes pictures, records and downloads."""

import collections
import dataclasses
import pathlib
import secrets
import shutil
import time
from typing import Protocol

import numpy as np

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.localization import batch
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import overlay

MAX_BYTES = 50 << 20
MAX_PIXELS = 40_000_000  # A full-size phone photograph has up to 50 million.
LONGEST = 1600  # Pixels of the longer side of a picture on the page.

# Of the scores in memory, in pixels of four bytes: a second image of the
# largest size, or a hundred of common ones.
_CACHE_PIXELS = 2 * MAX_PIXELS


class Localizer(localizer_lib.Localizer, Protocol):
  """A localizer whose scores are from 0 to 1, with one threshold for all."""

  threshold: float


@dataclasses.dataclass(frozen=True)
class View:
  """An analysis at a threshold.

  Attributes:
    mask: bool[h, w], where the score reaches the threshold.
    preview: bool[h', w'], the mask at the size of the pictures.
    record: The results, as JSON holds them.
  """

  mask: np.ndarray
  preview: np.ndarray
  record: batch.Record

  def mask_picture(self) -> np.ndarray:
    """Returns uint8[h', w'], 255 where manipulated."""
    return self.preview * np.uint8(255)


@dataclasses.dataclass(frozen=True)
class Analysis:
  """The scores of an image; the image itself is only kept reduced.

  Attributes:
    name: Of the file.
    image: uint8[h', w', 3], at most `LONGEST` pixels on a side.
    heat: f32[h', w'], the scores as large as `image`.
    score: f32[h, w].
    facts: The record at the threshold of the localizer.
  """

  name: str
  image: np.ndarray
  heat: np.ndarray
  score: np.ndarray
  facts: batch.Record

  def at(self, threshold: float) -> View:
    """Applies a threshold; runs no network.

    Raises:
      UserError: The threshold is not in 0 to 1.
    """
    localizer_lib.check_threshold(threshold)
    mask = self.score >= threshold
    regions, count = localizer_lib.find_regions(mask)
    record = {
        **self.facts,
        'threshold': threshold,
        'mask_threshold': threshold,
        'manipulated_share': float(mask.mean()),
        'regions': [dataclasses.asdict(region) for region in regions],
        'region_count': count,
    }
    return View(mask, overlay.reduce_mask(mask, LONGEST), record)

  def overlay(self, view: View, opacity: float) -> np.ndarray:
    """Draws the heat map over the image, uint8[h', w', 3]; see `overlay.draw`.

    Raises:
      UserError: The opacity is not in 0 to 1.
    """
    if not isinstance(opacity, (int, float)) or not 0 <= opacity <= 1:
      raise errors.UserError(
          f'The opacity is {opacity!r}; choose one from 0 to 1.'
      )
    return overlay.draw(self.image, self.heat, view.preview, opacity)


def analyse(path: pathlib.Path, name: str, localizer: Localizer) -> Analysis:
  """Reads a file and localizes in it.

  Args:
    path: The file.
    name: Its name for the user.
    localizer: The localizer to run.

  Raises:
    UserError: The file cannot be used, the method is not applicable, or the
      network's outputs are not finite.
  """
  try:
    image, digest = _read(path, name)
    start = time.monotonic()
    result = localizer.localize(path, image)
    seconds = time.monotonic() - start
    facts = batch.describe(name, image, result, localizer, seconds)
    return Analysis(
        name=name,
        image=overlay.reduce(image.pixels, LONGEST),
        heat=overlay.reduce(result.score, LONGEST),
        score=result.score,
        facts={**facts, 'image_sha256': digest},
    )
  except errors.UserError as error:
    # The user knows the name and not the path.
    raise errors.UserError(str(error).replace(str(path), name)) from error
  except Exception as error:
    if not errors.is_out_of_memory(error):
      raise
    raise errors.UserError(
        f'There is not enough memory for {name}; crop it first.'
    ) from None


def _read(path: pathlib.Path, name: str) -> tuple[images.Decoded, str]:
  if path.stat().st_size > MAX_BYTES:  # The server refuses most of them.
    raise spec.DataError(
        f'{name} has more than {MAX_BYTES >> 20} MB, the most that this'
        ' page takes; use manloc localize.'
    )
  height, width = images.read_size(path)
  if height * width > MAX_PIXELS:
    raise spec.DataError(
        f'{name} has {width} x {height} pixels, and this page takes'
        f' {MAX_PIXELS // 1_000_000} million at most; crop it, or use manloc'
        ' localize.'
    )
  image = images.read_image(path)
  return image, provenance.sha256_of_file(path)


class ResultCache:
  """The last analyses, for changes of the threshold, and their downloads.

  Attributes:
    folder: Holds a folder for each of them, with a name that cannot be
      guessed.
  """

  def __init__(self, folder: pathlib.Path, max_pixels: int = _CACHE_PIXELS):
    """Makes an empty cache.

    Args:
      folder: Folder for downloads.
      max_pixels: Of all scores together. The oldest analyses are deleted, but
        the newest is kept.
    """
    self.folder = folder
    self._max_pixels = max_pixels
    self._analyses: collections.OrderedDict[str, Analysis] = (
        collections.OrderedDict()
    )

  def add(self, analysis: Analysis) -> str:
    """Stores an analysis and the PNG of its heat map; returns its key."""
    key = secrets.token_urlsafe(16)
    self._analyses[key] = analysis
    while self._pixels() > self._max_pixels and len(self._analyses) > 1:
      oldest, _ = self._analyses.popitem(last=False)
      shutil.rmtree(self.folder / oldest, ignore_errors=True)
    (self.folder / key).mkdir(parents=True)
    with self._path(key, analysis.name, 'heat.png').open('wb') as file:
      batch.save_heat(file, analysis.score)
    return key

  def get(self, key: str) -> Analysis:
    """Returns an analysis.

    Raises:
      UserError: The analysis has been deleted.
    """
    try:
      return self._analyses[key]
    except KeyError:
      raise _gone() from None

  def downloads(self, key: str, view: View) -> list[str]:
    """Writes record and mask of a view; returns paths of JSON, mask and heat.

    Raises:
      UserError: The analysis has been deleted, perhaps since `get`.
    """
    record, mask, heat = (
        self._path(key, view.record['image'], kind)
        for kind in ('json', 'mask.png', 'heat.png')
    )
    try:
      files.write_json(record, view.record)
      with mask.open('wb') as file:
        batch.save_png(file, view.mask * np.uint8(255))
    except FileNotFoundError:
      raise _gone() from None
    return [str(record), str(mask), str(heat)]

  def _path(self, key: str, name: str, kind: str) -> pathlib.Path:
    return self.folder / key / f'{name}.{kind}'

  def _pixels(self) -> int:
    return sum(x.score.size for x in self._analyses.values())


def _gone() -> errors.UserError:
  return errors.UserError(
      'This result is no longer kept, because others came after it; drop the'
      ' photograph again.'
  )
