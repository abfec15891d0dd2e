"""Cuts an image into overlapping windows and averages their scores.

Windows are cut from the image as it is, never resized, on a lattice that
begins in its corner, so that they are aligned with a JPEG file's own blocks, as
those of training are. The last windows are padded with the image's
reflection.
"""

from collections.abc import Iterator
import itertools
import math

import numpy as np

from manloc_jax.data import spec

Corner = tuple[int, int]  # Top and left, in pixels.


class Windows:
  """Cuts an image into windows, and adds up their scores.

  Its memory is that of the image and of one number per pixel.
  """

  def __init__(self, image: np.ndarray, stride: int):
    """Lays out the lattice.

    Args:
      image: uint8[h, w, 3], at least one pixel.
      stride: Pixels between windows, 1 to 64.
    """
    self._image = image
    self._rows, self._columns = (_Axis(n, stride) for n in image.shape[:2])
    self._total = np.zeros(image.shape[:2], np.float32)

  def batches(self, size: int) -> Iterator[tuple[list[Corner], np.ndarray]]:
    """Yields all windows, row by row, in batches of one size.

    Args:
      size: Windows in a batch.

    Yields:
      The corners of at most `size` windows, and uint8[size, 64, 64, 3], zeros
      after the last corner. The array is new each time.
    """
    corners = itertools.product(self._rows.starts, self._columns.starts)
    while batch := list(itertools.islice(corners, size)):
      windows = np.zeros((size, spec.SIDE, spec.SIDE, 3), np.uint8)
      for window, corner in zip(windows, batch, strict=False):
        window[:] = self._cut(*corner)
      yield batch, windows

  def _cut(self, top: int, left: int) -> np.ndarray:
    bottom, right = top + spec.SIDE, left + spec.SIDE
    height, width = self._image.shape[:2]
    if bottom <= height and right <= width:
      return self._image[top:bottom, left:right]
    rows = self._rows.reflected[top:bottom]
    return self._image[rows[:, None], self._columns.reflected[left:right]]

  def add(self, corners: list[Corner], scores: np.ndarray) -> None:
    """Adds the scores of windows.

    Args:
      corners: Of `batches`.
      scores: f32[n, 64, 64]; those after the last corner are left out.
    """
    for (top, left), score in zip(corners, scores, strict=False):
      window = self._total[top : top + spec.SIDE, left : left + spec.SIDE]
      window += score[: window.shape[0], : window.shape[1]]

  def mean(self) -> np.ndarray:
    """Returns the mean score of each pixel, f32[h, w].

    It is called once, after all scores have been added: it divides the sums in
    place.
    """
    self._total /= self._rows.window_count[:, None]
    self._total /= self._columns.window_count[None]
    return self._total


class _Axis:
  """The locations of windows along one side of an image.

  Attributes:
    starts: First pixel of each window.
    reflected: i64[n], the pixel at each position under the windows; beyond the
      image its reflection.
    window_count: f32[length], how many windows cover a pixel.
  """

  def __init__(self, length: int, stride: int):
    count = 1 + math.ceil(max(length - spec.SIDE, 0) / stride)
    self.starts = range(0, count * stride, stride)
    beyond = max(self.starts[-1] + spec.SIDE - length, 0)
    self.reflected = np.pad(np.arange(length), (0, beyond), 'reflect')
    self.window_count = np.zeros(length, np.float32)
    for start in self.starts:
      self.window_count[start : start + spec.SIDE] += 1
