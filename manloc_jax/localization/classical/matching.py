"""Searches for the most similar place of every pixel: PatchMatch, compiled.

Barnes, Shechtman, Finkelstein, Goldman: PatchMatch (2009); linear extrapolation
of offsets as in Cozzolino, Poggi, Verdoliva (2015). A pixel tries one offset
after the other, and reads features at random places: NumPy takes twice as long.
"""

from collections.abc import Callable
from concurrent import futures
import functools

import cv2
import numpy as np

from manloc_jax.localization.classical import compiled

_ROUNDS = 8
_LEAST_SQUARE = 8**2  # Of the length of an offset, pixels.


def match(features: np.ndarray) -> np.ndarray:
  """Finds for every pixel the offset to the most similar one it meets.

  The search is random, from a fixed seed, and does not depend on the number of
  threads, which is OpenCV's.

  Args:
    features: f32[h, w, n], where n is a multiple of 4.

  Returns:
    int32[h, w, 2], downwards and to the right.
  """
  features = np.ascontiguousarray(features, np.float32)
  shape = features.shape[:2]
  random = np.random.default_rng(0)
  offset = np.zeros((*shape, 2), np.int32)
  cost = np.full(shape, np.inf, np.float32)
  state = features, offset, cost
  position = np.stack(list(np.indices(shape, np.int32)), axis=-1)
  start = random.integers(0, shape, (*shape, 2), np.int32) - position
  threads = max(1, cv2.getNumThreads())
  with futures.ThreadPoolExecutor(threads) as pool:
    run = functools.partial(_in_strips, pool, threads)
    run(_search, shape[0], *state, start)
    for i in range(_ROUNDS):
      forwards = i % 2 == 0
      run(_sweep_down, shape[1], *state, forwards)
      run(_sweep_right, shape[0], *state, forwards)
      radius = max(shape)
      while radius >= 1:
        step = random.integers(-radius, radius + 1, offset.shape, np.int32)
        run(_search, shape[0], *state, step)
        radius //= 4
  return offset


def _in_strips(
    pool: futures.Executor, count: int, apply: Callable, length: int, *state
) -> None:
  """Applies a function to strips of lines, each in a thread of its own."""
  edges = [length * i // count for i in range(count + 1)]
  running = [
      pool.submit(apply, *state, first, last)
      for first, last in zip(edges, edges[1:], strict=False)
  ]
  for one in running:
    one.result()


@functools.partial(compiled.compiled, inline='always')
def _attempt(features, offset, cost, row, column, down, right):
  """Replaces the offset of a pixel where another one is better."""
  height, width, count = features.shape
  y, x = row + down, column + right
  if y < 0 or y >= height or x < 0 or x >= width:
    return
  if down * down + right * right < _LEAST_SQUARE:
    return
  best = cost[row, column]  # Most attempts are given up after four features.
  total = np.float32(0)
  for i in range(0, count, 4):
    a = features[row, column, i] - features[y, x, i]
    b = features[row, column, i + 1] - features[y, x, i + 1]
    c = features[row, column, i + 2] - features[y, x, i + 2]
    d = features[row, column, i + 3] - features[y, x, i + 3]
    total += (a * a + b * b) + (c * c + d * d)
    if total >= best:
      return
  cost[row, column] = total
  offset[row, column, 0], offset[row, column, 1] = down, right


@functools.partial(compiled.compiled, inline='always')
def _extend(features, offset, cost, row, column, up, left):
  """Tries the offset of the last pixel, and what it and the one before suggest.

  The second one follows turned and scaled copies.
  """
  down = offset[row + up, column + left, 0]
  right = offset[row + up, column + left, 1]
  more_down = 2 * down - offset[row + 2 * up, column + 2 * left, 0]
  more_right = 2 * right - offset[row + 2 * up, column + 2 * left, 1]
  _attempt(features, offset, cost, row, column, down, right)
  _attempt(features, offset, cost, row, column, more_down, more_right)


@compiled.compiled
def _sweep_down(features, offset, cost, forwards, first, last):
  """Propagates offsets down, or up, in columns from `first` to `last`."""
  height = features.shape[0]
  back = -1 if forwards else 1
  for i in range(2, height):
    row = i if forwards else height - 1 - i
    for column in range(first, last):
      _extend(features, offset, cost, row, column, back, 0)


@compiled.compiled
def _sweep_right(features, offset, cost, forwards, first, last):
  """Propagates offsets right, or left, in rows from `first` to `last`."""
  width = features.shape[1]
  back = -1 if forwards else 1
  for row in range(first, last):
    for i in range(2, width):
      column = i if forwards else width - 1 - i
      _extend(features, offset, cost, row, column, 0, back)


@compiled.compiled
def _search(features, offset, cost, step, first, last):
  """Tries the offset of each pixel and a step, in rows `first` to `last`."""
  for row in range(first, last):
    for column in range(features.shape[1]):
      down = offset[row, column, 0] + step[row, column, 0]
      right = offset[row, column, 1] + step[row, column, 1]
      _attempt(features, offset, cost, row, column, down, right)
