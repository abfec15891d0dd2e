"""The classical methods as localizers: maps at the size of their image.

Nothing here imports JAX, so that worker processes start fast.
"""

import dataclasses
import pathlib
from typing import Any

import cv2
import numpy as np

from manloc_jax import errors
from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.localization import localizer
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import methods

OTSU = 'otsu'

_LOWEST, _HIGHEST = 0.01, 0.99  # Quantiles that are shown as 0 and 1.
_PACKAGES = (
    'numpy',
    'scipy',
    'pillow',
    'opencv-python-headless',
    'PyWavelets',
    'jpeglib',
)


class ClassicalLocalizer:
  """Localizes with a classical method; see `localizer.Localizer`."""

  runs_in_workers = True

  def __init__(self, method: str, threshold: float | None = None):
    """Looks a method up.

    Args:
      method: Key of `methods.METHODS`.
      threshold: Of the mask, on the scale of `Result.score`; by default Otsu's
        for each image, which marks some pixels unless the map is constant.

    Raises:
      UserError: There is no such method, or the threshold is not in 0 to 1.
    """
    if method not in methods.METHODS:
      raise errors.UserError(
          f'The method is {method!r}; choose one of'
          f' {", ".join(methods.METHODS)} or network.'
      )
    if threshold is not None:
      localizer.check_threshold(threshold)
    self.name = method
    self._method = methods.METHODS[method]
    self._threshold = threshold
    self.provenance = {
        'method': method,
        'threshold': OTSU if threshold is None else threshold,
        'scale': 'as it is'
        if self._method.is_probability
        else 'from the 1st to the 99th percentile of the image',
        'version': provenance.VERSION,
    }
    if self._method.needs == 'jpeg':
      self.provenance['coefficient_reader'] = (
          'none' if jpeg.jpeglib is None else 'jpeglib'
      )
    self.packages = {
        name: version
        for name, version in provenance.versions(_PACKAGES).items()
        if version is not None
    }
    self.device = 'cpu'
    self.is_probability = self._method.is_probability
    self.constant_score = self._method.constant_score

  def raw_map(self, path: pathlib.Path, image: images.Decoded) -> np.ndarray:
    """Returns the method's own values, f32[h, w].

    All pixels of a block have its value; incomplete blocks at the right and
    lower border have the values of the last complete ones. An image of one
    colour has `constant_score` everywhere.

    Args:
      path: The file; methods on JPEG coefficients read it once more. Neither
        these nor the pixels are turned as EXIF says.
      image: Its pixels.

    Raises:
      NotApplicable: The method needs a JPEG file with luma and this is none,
        or the image is too small or too large for it.
    """
    return self._measured(path, image, _counted(image.pixels))[0]

  def _measured(
      self, path: pathlib.Path, image: images.Decoded, counts: np.ndarray
  ) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the map and the facts of `Result`; see `raw_map`."""
    height, width = image.pixels.shape[:2]
    localizer.check_size(
        str(path), (height, width), self._method.min_side, self.name
    )
    limit = self._method.max_megapixels
    if height * width > 1e6 * limit:
      raise localizer.NotApplicable(
          f'{path} has {height * width / 1e6:.0f} megapixels, but {self.name}'
          f' takes {limit} at most; choose another method or crop it.'
      )
    argument: np.ndarray | jpeg.Jpeg = image.pixels
    facts = {}
    if self._method.needs == 'jpeg':
      argument = self._read_jpeg(path)
      facts['coefficients'] = (
          'of the file' if argument.is_exact else 'computed from pixels'
      )
    if not counts.any():
      facts[localizer.NOT_MEASURED] = (
          'Nothing varies in any of its blocks, so that all scores are alike.'
      )
      constant = np.float32(self._method.constant_score)
      return np.full((height, width), constant), facts
    try:
      values = self._method.score(argument)
    except errors.UserError as error:
      raise localizer.NotApplicable(f'{path}: {error}') from error
    return _enlarged(values, self._method.block, (height, width)), facts

  def _read_jpeg(self, path: pathlib.Path) -> jpeg.Jpeg:
    try:
      image = jpeg.read(path)
    except errors.UserError as error:
      # The pixels could be read, so that other methods are applicable.
      raise localizer.NotApplicable(str(error)) from error
    if image is None:
      raise localizer.NotApplicable(
          f'{path} is no JPEG file with luma of its own, which {self.name}'
          ' needs; choose a method that works on pixels (ela, noise, blocks,'
          ' patchmatch).'
      )
    return image

  def localize(
      self, path: pathlib.Path, image: images.Decoded
  ) -> localizer.Result:
    """Returns map, mask and regions; see `raw_map`.

    Scale and threshold are computed without areas of one colour, whose score
    is 0.
    """
    counts = _counted(image.pixels)
    raw, facts = self._measured(path, image, counts)
    counted = flat.pick(raw, counts) if counts.any() else raw
    score = raw
    if not self._method.is_probability:
      score = _stretched(raw, counted)
    threshold = self._threshold
    if threshold is None:
      threshold = _otsu(flat.pick(score, counts) if counts.any() else score)
    if not counts.all():
      score = np.where(counts, score, np.float32(0))
    result = localizer.summarize(raw, score, threshold)
    return dataclasses.replace(result, facts=facts)


def _enlarged(
    values: np.ndarray, block: int, shape: tuple[int, int]
) -> np.ndarray:
  """Repeats the value of each block for its pixels, f32[shape]."""
  row, column = (
      np.minimum(np.arange(size) // block, blocks - 1)
      for size, blocks in zip(shape, values.shape, strict=True)
  )
  return values.astype(np.float32)[row[:, None], column]


def _counted(pixels: np.ndarray) -> np.ndarray:
  """Returns bool[h, w], the pixels that are not in areas of one colour."""
  return flat.enlarged(flat.counted(pixels), pixels.shape[:2])


def _stretched(raw: np.ndarray, counted: np.ndarray) -> np.ndarray:
  """Stretches an image's values to 0 to 1; a constant map becomes 0.

  Args:
    raw: f32[h, w].
    counted: f32[...], those of them that set the scale.

  Returns:
    f32[h, w].
  """
  low, high = np.quantile(counted, (_LOWEST, _HIGHEST))
  if low == high:  # Fewer than 1% of the pixels differ: they set the scale.
    low, high = counted.min(), counted.max()
  if low == high:
    return np.zeros_like(raw)
  return np.clip((raw - low) / (high - low), 0, 1).astype(np.float32)


def _otsu(score: np.ndarray) -> float:
  """Returns Otsu's threshold; that of a constant map is just above it."""
  if score.min() == score.max():
    return float(np.nextafter(score.max(), np.float32(2)))
  levels = np.rint(255 * score).astype(np.uint8)
  level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
  return (level + 0.5) / 255
