"""Reads the map of one image from a file of this or of another tool.

  .png   8 or 16 bits of grey, from 0 to 1
  .npy   one array
  .npz   the array `map`, `score`, `heatmap` or `pred`, or the only array of
         two dimensions; also `mask`, where a method marks pixels itself, by
         the number `threshold`, and `image_score`, or `score` where that is
         one number
  .mat   as `.npz`, of versions up to 7

Whole numbers are divided by the largest of their type, other numbers stay as
they are. Dimensions of length 1 are dropped.

A map of another size is resized with bilinear interpolation, pixel centres
aligned, and a mask to the nearest pixel: if its proportions are those of the
image up to rounding, or if it is square, as many networks make it. One with
other proportions is refused, for it was most likely cropped or turned.

Nothing here imports JAX, so that worker processes start fast.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import pathlib
import struct
from typing import IO
import zlib

import cv2
import numpy as np

from manloc_jax import array_files
from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data.decoding import declared_size
from manloc_jax.data.decoding import image_formats

SUFFIXES = ('.png', '.npy', '.npz', '.mat')
# Of the format: the length of its header, and the kind of compressed parts.
_MAT_HEADER, _MAT_COMPRESSED, _MAT_STEP = 128, 15, 1 << 20
_KEYS = ('map', 'score', 'heatmap', 'pred')
_MASK, _IMAGE_SCORES = 'mask', ('image_score', 'score')
_NUMBERS = 'biuf'  # Kinds of types.
_MAT_NUMBERS = (
    'double', 'single', 'logical', 'int8', 'int16', 'int32', 'int64', 'uint8',
    'uint16', 'uint32', 'uint64',
)  # fmt: skip
# As `manloc localize` writes them.
_IS_PROBABILITY = 'is_probability'
_IS_FORGERY_PROBABILITY = 'image_score_is_probability'


@dataclasses.dataclass(frozen=True)
class GivenMap:
  """A map that was read.

  Attributes:
    raw: f32[h, w], finite, at the size of the image.
    mask: bool[h, w], the pixels that the tool marks; None if it does not say.
    threshold: Of the mask; None if it gives none, or if the score of the image
      is a probability of a forgery, which has another one.
    image_score: The tool's score of the image; None if it gives none.
    is_probability: Whether 0.5 separates the values: what the file says, or
      else whether all lie in 0 to 1.
    note: How it was resized; empty if it was not.
  """

  raw: np.ndarray
  mask: np.ndarray | None
  threshold: float | None
  image_score: float | None
  is_probability: bool
  note: str


def read(path: pathlib.Path, size: tuple[int, int]) -> GivenMap:
  """Reads a map.

  Args:
    path: A file with one of `SUFFIXES`.
    size: Height and width of the image.

  Raises:
    DataError: It is damaged, holds no map or values that are not finite, or
      has other proportions.
  """
  arrays = _arrays(path)
  raw = _the_map(path, arrays)
  if not raw.size:
    raise spec.DataError(f'The map {path} has no pixel; make it again.')
  if not np.isfinite(raw).all():
    count = int(np.count_nonzero(~np.isfinite(raw)))
    raise spec.DataError(
        f'The map {path} holds {count} values that are not finite; make it'
        ' again, or remove it.'
    )
  is_probability = bool(raw.min() >= 0 and raw.max() <= 1)
  if _IS_PROBABILITY in arrays:
    is_probability = bool(arrays[_IS_PROBABILITY])
  mask = _the_mask(arrays, raw.shape)
  note = ''
  if raw.shape != size:
    note = f'its map has {_text(raw.shape)} pixels and was resized'
    _check_proportions(path, raw.shape, size)
    raw = cv2.resize(raw, size[::-1], interpolation=cv2.INTER_LINEAR)
    if mask is not None:
      mask = cv2.resize(
          mask.view(np.uint8),
          size[::-1],
          interpolation=cv2.INTER_NEAREST_EXACT,
      ).view(bool)
  threshold = _number(arrays, ('threshold',))
  if np.any(arrays.get(_IS_FORGERY_PROBABILITY, False)):
    threshold = None  # It is that of the mask alone.
  return GivenMap(
      raw,
      mask,
      threshold,
      _number(arrays, _IMAGE_SCORES),
      is_probability,
      note,
  )


def _arrays(path: pathlib.Path) -> Mapping[str, np.ndarray]:
  """Returns what a file holds, by key; a single array has the key `map`."""
  suffix = path.suffix.lower()
  try:
    if suffix == '.png':
      return {'map': _read_png(path)}
    if suffix == '.npy':
      return {'map': array_files.read_npy(path)}
    if suffix == '.npz':
      # Other keys may hold objects, which need pickle.
      return array_files.read_npz(path, lambda x: x.kind in _NUMBERS)
    return _read_mat(path)
  except spec.DataError:
    raise
  except (OSError, *array_files.DAMAGED, zlib.error) as error:
    raise spec.DataError(
        f'The map {path} cannot be read ({error}); make it again, or remove it.'
    ) from error


def _read_png(path: pathlib.Path) -> np.ndarray:
  with image_formats.opened(path) as image:
    image.load()
    if image.mode in ('1', 'P', 'LA', 'RGB', 'RGBA'):
      pixels = np.asarray(image.convert('RGB'))
      if np.ptp(pixels, axis=2).any():
        raise ValueError('it is in colour, and a map is grey')
      return np.ascontiguousarray(pixels[..., 0])
    array = np.asarray(image)
  # Pillow reads 16 bits as 32 in some files.
  return array.astype(np.uint16) if array.dtype == np.int32 else array


def _read_mat(path: pathlib.Path) -> Mapping[str, np.ndarray]:
  from scipy import io  # Few maps are of this kind.

  try:
    with files.open_regular(path, array_files.MAX_BYTES) as file:
      _check_mat(file)
      # What they hold is known before it is read.
      names = [
          name
          for name, shape, kind in io.whosmat(file)
          if kind in _MAT_NUMBERS
          and math.prod(shape) <= declared_size.MAX_PIXELS
      ]
      file.seek(0)
      content = io.loadmat(file, variable_names=names)
  except NotImplementedError:
    raise ValueError('it is of MATLAB 7.3; save it with -v7') from None
  except io.matlab.MatReadError as error:
    raise ValueError(str(error)) from error
  return {
      key: value
      for key, value in content.items()
      if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS
  }


def _check_mat(file: IO[bytes]) -> None:
  """Raises ValueError if the compressed parts of a file are far too large."""
  header = file.read(_MAT_HEADER)
  is_little = header[-2:] == b'IM'
  total = 0
  while len(tag := file.read(8)) == 8 and header[-2:] in (b'IM', b'MI'):
    kind, left = struct.unpack('<II' if is_little else '>II', tag)
    if kind != _MAT_COMPRESSED:
      file.seek(left + -left % 8, 1)
      continue
    unpack = zlib.decompressobj()
    while left > 0 and (packed := file.read(min(left, _MAT_STEP))):
      left -= len(packed)
      while packed:
        total += len(unpack.decompress(packed, _MAT_STEP))
        packed = unpack.unconsumed_tail
        if total > array_files.MAX_BYTES:
          raise ValueError(
              f'its arrays have more than {array_files.MAX_BYTES:,} bytes'
          )
  file.seek(0)


def _the_map(
    path: pathlib.Path, arrays: Mapping[str, np.ndarray]
) -> np.ndarray:
  """Returns the map among the arrays of a file, f32[h, w]."""
  flat = {key: np.squeeze(array) for key, array in arrays.items()}
  maps = {key: array for key, array in flat.items() if array.ndim == 2}
  named = [key for key in _KEYS if key in maps]
  if not named and len(maps) != 1:
    found = ', '.join(f'{k} {list(v.shape)}' for k, v in arrays.items())
    raise spec.DataError(
        f'The file {path} holds {found or "no array of numbers"}, and none is'
        f' known as the map; call an array of two dimensions {_KEYS[0]!r}.'
    )
  array = maps[named[0]] if named else next(iter(maps.values()))
  if array.size > declared_size.MAX_PIXELS:
    raise spec.DataError(
        f'The map {path} has more than {declared_size.MAX_PIXELS:,} values,'
        ' which no image has; make it at the size of the image.'
    )
  if array.dtype.kind in 'iu':
    return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max)
  with np.errstate(over='ignore'):  # Infinite values are refused later.
    return np.ascontiguousarray(array, np.float32)


def _the_mask(
    arrays: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> np.ndarray | None:
  mask = arrays.get(_MASK)
  if mask is None or mask.dtype != bool or mask.shape != shape:
    return None
  return np.ascontiguousarray(mask)


def _number(
    arrays: Mapping[str, np.ndarray], keys: Sequence[str]
) -> float | None:
  """Returns the first array of one finite number; None if there is none."""
  for key in keys:
    if key in arrays and arrays[key].size == 1:
      value = float(arrays[key].item())
      if np.isfinite(value):
        return value
  return None


def _check_proportions(
    path: pathlib.Path, shape: tuple[int, ...], size: tuple[int, int]
) -> None:
  """Raises DataError for a map that cannot be a resized one of the image."""
  (height, width), (image_height, image_width) = shape, size
  # Each side may be rounded by up to a pixel.
  difference = abs(height * image_width - width * image_height)
  if difference <= image_height + image_width or height == width:
    return
  raise spec.DataError(
      f'The map {path} has {_text(shape)} pixels and its image {_text(size)},'
      ' which are other proportions; it was most likely cropped or turned:'
      ' make it at the size of the image.'
  )


def _text(size: tuple[int, ...]) -> str:
  return f'{size[1]}x{size[0]}'
