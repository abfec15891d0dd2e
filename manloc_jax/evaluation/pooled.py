"""Scores over the pixels of all images together, and their bootstrap."""

from collections.abc import Iterable
import dataclasses

import numpy as np

from manloc_jax.evaluation import bootstrap
from manloc_jax.evaluation import measures
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary

# Of pixels in replicates: intervals are far wider than what it changes.
_COARSE = 512
_AT_ONCE = 256  # Images whose coarse counts are in memory.

Pixels = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Totals:
  """The pixels of all images by class and bin.

  Attributes:
    bins: i64[n], bins of `measures` that hold pixels, rising.
    counts: i64[2, n].
    images: How many images have pixels.
  """

  bins: np.ndarray
  counts: np.ndarray
  images: int

  @property
  def prevalence(self) -> float:
    """Returns the manipulated fraction; NaN without pixels."""
    negatives, positives = self.counts.sum(axis=1)
    total = negatives + positives
    return float(positives / total) if total else float('nan')

  @property
  def auc_bound(self) -> float:
    """Returns how far the area can be from that of exact ranks."""
    return histogram.auc_bound(self.counts)

  @property
  def curve(self) -> dict[str, list[float]] | None:
    """Returns points of the ROC curve, for plots."""
    return summary.thinned(histogram.roc(self.counts))


def add_up(pixels: Pixels) -> Totals:
  """Adds up the counts of all images; one image is in memory at a time.

  Args:
    pixels: Bins i32[n] and counts i64[2, n] of each image.
  """
  total = np.zeros((2, measures.BINS), np.int64)
  images = 0
  for bins, counts in pixels:
    total[:, bins] += counts
    images += bool(bins.size)
  bins = np.flatnonzero(total.any(axis=0))
  return Totals(bins, total[:, bins], images)


def scores(
    totals: Totals, pixels: Pixels, weights: np.ndarray
) -> dict[str, bootstrap.Score]:
  """Returns pooled scores.

  Args:
    totals: Of `add_up`.
    pixels: As of `add_up`, once more.
    weights: Of `bootstrap.draw`, for the images of `pixels`.
  """
  replicates = np.array([
      (histogram.auc(counts), histogram.average_precision(counts))
      for counts in _replicates(totals, pixels, weights)
  ])
  values = {
      'pixel_auc_pooled': histogram.auc(totals.counts),
      'pixel_average_precision_pooled': histogram.average_precision(
          totals.counts
      ),
  }
  return {
      name: bootstrap.PooledScore(value, _unused, totals.images, column)
      for (name, value), column in zip(
          values.items(), replicates.T, strict=True
      )
  }


def _unused(weights: np.ndarray) -> np.ndarray:
  raise NotImplementedError('Pooled scores know their replicates.')


def _replicates(
    totals: Totals, pixels: Pixels, weights: np.ndarray
) -> np.ndarray:
  """Returns the coarse counts of each replicate, f64[replicates, 2, n]."""
  index_of = _coarse(totals)
  width = int(index_of[-1]) + 1 if index_of.size else 1
  summed = np.zeros((len(weights), 2 * width))
  waiting: list[np.ndarray] = []
  done = 0

  def add() -> None:
    nonlocal done
    drawn = weights[:, done : done + len(waiting)].astype(np.float64)
    np.add(summed, drawn @ np.stack(waiting), out=summed)
    done += len(waiting)
    waiting.clear()

  for bins, counts in pixels:
    index = index_of[np.searchsorted(totals.bins, bins)]
    waiting.append(np.concatenate(
        [np.bincount(index, counts[label], width) for label in (0, 1)]
    ))
    if len(waiting) == _AT_ONCE:
      add()
  if waiting:
    add()
  return summed.reshape(-1, 2, width)


def _coarse(totals: Totals) -> np.ndarray:
  """Returns the coarse bin of each bin, i64[n]."""
  # Half of the weight for each class, so that both are resolved.
  fractions = totals.counts / np.maximum(
      totals.counts.sum(axis=1, keepdims=True), 1
  )
  rank = np.cumsum(fractions.sum(axis=0) / 2)
  coarse = np.minimum((rank * _COARSE).astype(np.int64), _COARSE - 1)
  _, index = np.unique(coarse, return_inverse=True)
  return index
