"""Copies within an image: regions that occur twice, and which one is which."""

from collections.abc import Sequence
import dataclasses
from typing import Any

import cv2
import numpy as np

from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical.methods import patchmatch
from manloc_jax.localization.fusion import features

# Pixels of an image that is searched for copies; a larger one is reduced.
_MAX_PIXELS = 500_000
_LEAST_SIDE = 64  # Pixels; a narrower strip cannot hold a copy.


@dataclasses.dataclass(frozen=True)
class Copies:
  """What occurs twice in an image.

  Attributes:
    fractions: f32[ceil(h / 8), ceil(w / 8)], the fraction of a block that is a
      copy or was copied.
    pairs: The regions, in pixels of the image.
  """

  fractions: np.ndarray
  pairs: list[patchmatch.Pair]


def find(pixels: np.ndarray) -> Copies:
  """Searches for regions that occur twice, by PatchMatch.

  Args:
    pixels: RGB, uint8[h, w, 3]; the whole image, for a copy may lie anywhere.
  """
  counts = flat.counted(pixels)
  fractions = np.zeros(counts.shape, np.float32)
  if not counts.any():
    return Copies(fractions, [])
  sides = flat.bounds(counts)
  rows, columns = (flat.pixels_of(side) for side in sides)
  picture = pixels[rows, columns]
  found = _find(picture)
  fractions[sides] = found.fractions
  corner = rows.start, columns.start
  return Copies(fractions, [pair.moved(corner) for pair in found.pairs])


def _find(pixels: np.ndarray) -> Copies:
  """Searches a picture without bars around it; see `find`."""
  height, width = pixels.shape[:2]
  rows, columns = (-(-side // features.BLOCK) for side in (height, width))
  shrink = min(1.0, (_MAX_PIXELS / (height * width)) ** 0.5)
  if shrink < 1:
    size = (max(1, int(width * shrink)), max(1, int(height * shrink)))
    searched = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
  else:
    searched = features.whole_blocks(pixels)
    searched = searched[: rows * features.BLOCK, : columns * features.BLOCK]
  if min(searched.shape[:2]) < _LEAST_SIDE:
    return Copies(np.zeros((rows, columns), np.float32), [])
  marked, pairs = patchmatch.find(searched)
  interpolation = cv2.INTER_AREA if shrink == 1 else cv2.INTER_LINEAR
  fractions = cv2.resize(marked, (columns, rows), interpolation=interpolation)
  scale = (height, width) / np.array(searched.shape[:2])
  if shrink == 1:  # Mirrored at the edge at most.
    scale = np.ones(2)
  return Copies(
      fractions, [_enlarged(pair, scale, pixels.shape) for pair in pairs]
  )


def _enlarged(
    pair: patchmatch.Pair, scale: np.ndarray, shape: tuple[int, ...]
) -> patchmatch.Pair:
  """Returns a pair in a picture of another scale and shape."""
  last = np.array(shape[:2]) - 1
  first, second = (
      np.minimum(((points + 0.5) * scale).astype(int), last)
      for points in (pair.first, pair.second)
  )
  return patchmatch.Pair(first, second, pair.pixels)


def describe(
    pairs: Sequence[patchmatch.Pair], score: np.ndarray, threshold: float
) -> list[dict[str, Any]]:
  """Returns the pairs of which the mask holds something, as JSON holds them.

  Args:
    pairs: Of `find`.
    score: f32[h, w], the scores of the image.
    threshold: Of the mask.

  Returns:
    For each pair `source` and `copy`, each with the `row` and `column` of a
    pixel in the middle of the region and the mean `score` of the region; and
    `is_direction_known`. It is known where the mean score of one region alone
    reaches the threshold: that one is the copy. Else the region with the higher
    score is named so.
  """
  described = []
  for pair in pairs:
    scores = [_mean(score, points) for points in (pair.first, pair.second)]
    if max(scores) < threshold:
      continue
    middle = pair.first - np.median(pair.first, axis=0)
    index = int((middle**2).sum(1).argmin())
    regions = [
        {'row': int(row), 'column': int(column), 'score': round(mean, 4)}
        for (row, column), mean in zip(
            (pair.first[index], pair.second[index]), scores, strict=True
        )
    ]
    source, copy = sorted(regions, key=lambda region: region['score'])
    described.append({
        'source': source,
        'copy': copy,
        'is_direction_known': min(scores) < threshold,
    })
  return described


def _mean(score: np.ndarray, points: np.ndarray) -> float:
  return float(score[points[:, 0], points[:, 1]].mean())
