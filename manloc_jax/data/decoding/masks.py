"""Reads the two classes of ground-truth masks.

A mask file has a dark and a bright class, on whatever scale: 0 and 255, 0 and 1
with 8 or 16 bits, black and any one grey or colour, transparent and opaque.
Soft and lossy edges are cut in the middle. A mask that does not have two
classes is refused; the dataset defines which class is manipulated.
"""

from collections.abc import Iterator
import pathlib

import numpy as np
from PIL import Image

from manloc_jax.data import spec

_WHITE = {'1': 1, 'L': 255, 'I;16': 65535, 'I;16L': 65535, 'I;16B': 65535,
          'F': 1}  # fmt: skip
_ROWS = 256  # Of a strip: large masks are processed in little memory.
# Levels of 255 by which a lossy file changes an even area.
_LOSSY_NOISE = 32
_MAX_LABELS = 4  # Fewer different values than soft edges have.
_BINS = 16  # Of the range from dark to bright; the outer two are the classes.
_EVEN = 1 / 128  # Of the range: neighbours in an even area differ by no more.
# More even area between the classes, of the smaller one, is a third class.
_MAX_BETWEEN = 0.1
# More pixels between the classes are no edges, but those of a photograph.
_MAX_SOFT = 0.5
_OFF_COLOUR = 48  # Levels from black mixed with the one colour.


class _Unclear(Exception):
  """The reason why there are not two classes, as the end of a sentence."""


def two_classes(
    path: pathlib.Path, image: Image.Image, is_lossy: bool
) -> np.ndarray:
  """Separates the bright class from the dark one.

  Args:
    path: The file, for error messages.
    image: Its image with its original mode, transparency and depth.
    is_lossy: Whether its format changes values.

  Returns:
    bool[h, w], the bright class. An image that is all black or all white has
    one class only. In an image of one colour with transparency, opaque pixels
    are bright.

  Raises:
    DataError: The image has one value that is neither black nor white, three
      or more classes, or colours but no black.
  """
  try:
    if image.mode in ('I', *_WHITE):
      levels = np.asarray(image)
      return _bright(levels, _WHITE.get(image.mode), is_lossy)
    return _bright_of_colour(image, is_lossy)
  except _Unclear as reason:
    raise spec.DataError(
        f'The mask {path} cannot be read as two classes: {reason}; save it as'
        ' black and white, 0 and 255.'
    ) from None


def _bright(
    levels: np.ndarray, white: int | None, is_lossy: bool
) -> np.ndarray:
  """Returns the bright class of [h, w]; `white` is the highest level."""
  if levels.dtype.kind == 'f' and not np.isfinite(levels).all():
    raise _Unclear('some values are not finite')
  low, high = levels.min().item(), levels.max().item()
  if low == high:
    if low not in (0, white):
      raise _Unclear(f'all pixels are {low:g}, neither black nor white')
    return np.full(levels.shape, low != 0)
  if is_lossy and white == 255 and high - low < _LOSSY_NOISE:
    raise _Unclear(
        f'its values, {low:g} to {high:g}, are no further apart than what the'
        ' lossy format adds'
    )
  if not all(
      ((strip == low) | (strip == high)).all() for strip in _strips(levels)
  ):
    _check_soft(levels, low, high, is_lossy)
  middle = low + (high - low) / 2
  return levels > (middle if levels.dtype.kind == 'f' else int(middle))


def _check_soft(
    levels: np.ndarray, low: float, high: float, is_lossy: bool
) -> None:
  """Raises _Unclear if levels in between form areas and not soft edges."""
  labels = None if is_lossy else _few_values(levels)
  size = _BINS if labels is None else len(labels)
  counts, even = np.zeros(size, int), np.zeros(size, int)
  tolerance = (high - low) * _EVEN if labels is None else 0
  for i, strip in enumerate(_strips(levels, repeated=2)):
    values = strip.astype(np.float32 if strip.dtype.kind == 'u' else float)
    if labels is None:
      index = ((values - low) * (_BINS - 1e-3) / (high - low)).astype(int)
    else:
      index = np.searchsorted(labels, strip)
    new = index[2 if i else 0 :]
    counts += np.bincount(new.ravel(), minlength=size)
    is_even = _even(values, tolerance)
    even += np.bincount(index[1:-1, 1:-1][is_even], minlength=size)
  outer = 2 if labels is None else 1
  classes = counts[:outer].sum(), counts[-outer:].sum()
  between = even[outer:-outer]
  is_third = between.sum() if labels is None else between.max(initial=0)
  fractions = counts / counts.sum()
  if is_third <= _MAX_BETWEEN * min(classes):
    if (soft := fractions[outer:-outer].sum()) > _MAX_SOFT:
      raise _Unclear(f'{soft:.1%} of the pixels are neither dark nor bright')
    return
  if labels is not None:
    listing = ', '.join(
        f'{label:g} ({fraction:.1%})'
        for label, fraction in zip(labels, fractions, strict=True)
    )
    raise _Unclear(f'its values are {listing}')
  edges = np.linspace(low, high, _BINS + 1)
  most = outer + int(between.argmax())
  raise _Unclear(
      f'besides {low:g} and {high:g} it has areas of {edges[most]:g} to'
      f' {edges[most + 1]:g} ({fractions[most]:.1%} of the pixels)'
  )


def _even(values: np.ndarray, tolerance: float) -> np.ndarray:
  """Finds pixels like their four neighbours, bool[h - 2, w - 2]."""
  inner = values[1:-1, 1:-1]
  neighbours = (
      values[:-2, 1:-1], values[2:, 1:-1], values[1:-1, :-2], values[1:-1, 2:]
  )  # fmt: skip
  alike = np.ones(inner.shape, bool)
  for other in neighbours:
    alike &= np.abs(inner - other) <= tolerance
  return alike


def _few_values(levels: np.ndarray) -> np.ndarray | None:
  """Returns the different values, sorted; None if they are many."""
  values = np.empty(0, levels.dtype)
  for strip in _strips(levels):
    values = np.union1d(values, strip)
    if len(values) > _MAX_LABELS:
      return None
  return values


def _bright_of_colour(image: Image.Image, is_lossy: bool) -> np.ndarray:
  """Returns the bright class of colours, palettes and transparency."""
  has_alpha = 'A' in image.mode or 'transparency' in image.info
  pixels = np.asarray(image.convert('RGBA' if has_alpha else 'RGB'))
  if has_alpha:
    alpha, pixels = pixels[..., 3], pixels[..., :3]
    is_plain = all((strip == pixels[0, 0]).all() for strip in _strips(pixels))
    if is_plain and alpha.min() != alpha.max():
      return _bright(alpha, 255, is_lossy)
  is_grey_up_to = _LOSSY_NOISE if is_lossy else 0
  if all(np.ptp(strip, 2).max() <= is_grey_up_to for strip in _strips(pixels)):
    return _bright(pixels[..., 1], 255, is_lossy)
  # Of a colour on black the highest channel is as far from 0 as any.
  highest = pixels.max(2)
  low, high = int(highest.min()), int(highest.max())
  if low > _LOSSY_NOISE:
    raise _Unclear('it has colours, but no black beside them')
  bright = _bright(highest, 255, is_lossy)
  if _off_colour(pixels, highest, bright) > _MAX_BETWEEN:
    raise _Unclear(f'on black it has more than one colour, of up to {high}')
  return bright


def _off_colour(
    pixels: np.ndarray, highest: np.ndarray, bright: np.ndarray
) -> float:
  """Returns the fraction of the bright class that is not of its mean colour."""
  total = np.zeros(3)
  for strip, is_bright in zip(_strips(pixels), _strips(bright), strict=True):
    total += strip[is_bright].sum(0, dtype=float)
  colour = total / total.max()
  off = 0
  strips = zip(*map(_strips, (pixels, highest, bright)), strict=True)
  for strip, level, is_bright in strips:
    wanted = level[is_bright][:, None] * colour
    distance = np.abs(strip[is_bright] - wanted).max(1, initial=0)
    off += int(np.count_nonzero(distance > _OFF_COLOUR))
  return off / np.count_nonzero(bright)


def _strips(plane: np.ndarray, repeated: int = 0) -> Iterator[np.ndarray]:
  """Yields strips of rows, each with the last `repeated` rows before it."""
  for top in range(0, len(plane), _ROWS):
    yield plane[max(top - repeated, 0) : top + _ROWS]
