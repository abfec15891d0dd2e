"""Makes the pixels of forged probes for `nist_tree`."""

from collections.abc import Sequence
import pathlib

import cv2
import numpy as np

from manloc_jax.data import images
from manloc_jax.data.forge import plain

_GRAIN = (1.0, 4.0)  # Standard deviation of a photograph's noise, grey levels.
_STRIP = 512  # Rows that get their grain at once, to bound memory.
_MARGIN = 16  # Pixels around a forged region that fading and filling need.
_COARSE = 8  # A removed region is filled at this fraction of the resolution.


def photograph(
    path: pathlib.Path, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
  """Reads a photograph at a given size, with fresh grain.

  It is rotated where that fits better. Without grain an enlarged photograph
  would be so smooth that its JPEG is decoded much faster than a real one.

  Args:
    path: The photograph.
    shape: Height and width.
    rng: Random numbers of the grain.

  Returns:
    uint8[*shape, 3].
  """
  pixels = images.read_image(path).pixels
  if (pixels.shape[0] > pixels.shape[1]) != (shape[0] > shape[1]):
    pixels = np.rot90(pixels)
  pixels = resize(np.ascontiguousarray(pixels), shape)
  sigma = rng.uniform(*_GRAIN)
  for top in range(0, shape[0], _STRIP):
    strip = pixels[top : top + _STRIP]
    strip[:] = plain.grain(strip, sigma, rng)
  return pixels


def forge(
    host: np.ndarray,
    donor: np.ndarray,
    mask: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
) -> np.ndarray:
  """Forges a photograph under a given mask, at its full size.

  Args:
    host: uint8[h, w, 3].
    donor: uint8[rows, columns, 3], for splices.
    mask: uint8[h, w], 1 where the forgery goes.
    manipulation: `copy-move`, `splice` or `removal`.
    rng: Source of every random choice.

  Returns:
    uint8[h, w, 3], equal to the host outside of the mask.
  """
  forged = host.copy()
  if not mask.any():
    return forged
  left, top, width, height = cv2.boundingRect(mask)
  box = np.s_[
      max(0, top - _MARGIN) : top + height + _MARGIN,
      max(0, left - _MARGIN) : left + width + _MARGIN,
  ]
  around, inside = host[box], np.ascontiguousarray(mask[box])
  if manipulation == 'removal':
    piece = _fill(around, inside)
  else:
    source = host if manipulation == 'copy-move' else donor
    piece, _ = plain.add_trace(_window(source, inside.shape, rng), rng)
  sigma = rng.uniform(0.5, 2.0)
  forged[box] = plain.feather(around, piece, inside, sigma)
  return forged


def _window(
    photograph: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
  """Cuts a random window out; enlarges the photograph where it is too small."""
  size = photograph.shape[:2]
  scale = max(1, *(want / have for want, have in zip(shape, size, strict=True)))
  if scale > 1:
    photograph = resize(photograph, [int(np.ceil(n * scale)) for n in size])
  top, left = (
      int(rng.integers(have - want + 1))
      for have, want in zip(photograph.shape, shape, strict=False)
  )
  return photograph[top : top + shape[0], left : left + shape[1]]


def _fill(around: np.ndarray, hole: np.ndarray) -> np.ndarray:
  """Fills a hole from its surroundings, coarsely: its size may be millions."""
  small = [max(1, n // _COARSE) for n in hole.shape]
  marked = (resize(hole * 255, small) > 0).astype(np.uint8)
  filled = cv2.inpaint(resize(around, small), marked, 5, cv2.INPAINT_TELEA)
  return resize(filled, hole.shape)


def resize(image: np.ndarray, shape: Sequence[int]) -> np.ndarray:
  """Resizes uint8[h, w, ...] to `shape`, height and width."""
  smaller = shape[0] < image.shape[0]
  how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
  return cv2.resize(image, shape[1::-1], interpolation=how)
