"""Bootstrap intervals over the images of a set.

A replicate draws as many images as there are, with replacement. Images of one
photograph are drawn apart: where a set holds several of each, intervals are too
narrow. A statistic is a function of weights: how often each image was drawn,
f64[replicates, images]; weights of one give the score itself.
"""

from collections.abc import Callable
import dataclasses
import math

import numpy as np

REPLICATES = 1000
SEED = 0
LEVEL = 0.95
_AT_ONCE = 100  # Replicates whose weights are floats.

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Score:
  """A score over the images of a set.

  Attributes:
    value: The score; NaN where it is undefined.
    statistic: The same for weights of the images, f64[replicates].
    images: How many images it is defined for.
  """

  value: float
  statistic: Statistic
  images: int

  def of_replicates(self, weights: np.ndarray) -> np.ndarray:
    """Returns the score of each replicate, f64[replicates].

    Args:
      weights: Of `draw`.
    """
    return np.concatenate([
        self.statistic(weights[i : i + _AT_ONCE].astype(np.float64))
        for i in range(0, len(weights), _AT_ONCE)
    ])


@dataclasses.dataclass(frozen=True)
class PooledScore(Score):
  """A score over pixels, whose replicates are known from counts of them.

  Attributes:
    replicates: f64[REPLICATES], for the weights of `draw`.
  """

  replicates: np.ndarray

  def of_replicates(self, weights: np.ndarray) -> np.ndarray:
    return self.replicates


def mean(values: np.ndarray) -> Score:
  """Returns the mean over the images where it is defined.

  Args:
    values: f64[images], NaN where it is not.
  """
  known = ~np.isnan(values)
  filled = np.where(known, values, 0.0)

  def statistic(weights: np.ndarray) -> np.ndarray:
    return _ratio((weights * filled).sum(1), (weights * known).sum(1))

  count = int(known.sum())
  value = float(values[known].mean()) if count else math.nan
  return Score(value, statistic, count)


def image_auc(scores: np.ndarray, is_manipulated: np.ndarray) -> Score:
  """Returns the area under the ROC curve of images; ties count one half.

  Args:
    scores: f64[images], NaN where there is none.
    is_manipulated: bool[images].
  """
  known = np.flatnonzero(~np.isnan(scores))
  order = known[np.argsort(scores[known], kind='stable')]
  ordered, positive = scores[order], is_manipulated[order]
  first = np.searchsorted(ordered, ordered, 'left')
  last = np.searchsorted(ordered, ordered, 'right')

  def statistic(weights: np.ndarray) -> np.ndarray:
    drawn = weights[:, order]
    positives, negatives = drawn * positive, drawn * ~positive
    below = np.concatenate(
        [np.zeros((len(drawn), 1)), np.cumsum(negatives, axis=1)], axis=1
    )
    wins = (positives * (below[:, first] + below[:, last])).sum(1) / 2
    return _ratio(wins, positives.sum(1) * negatives.sum(1))

  one = np.ones((1, scores.size))
  return Score(float(statistic(one)[0]), statistic, known.size)


def balanced_accuracy(
    predicted: np.ndarray, is_manipulated: np.ndarray
) -> Score:
  """Returns the mean of both classes' recalls.

  Args:
    predicted: f64[images], 1 or 0, NaN where there is no prediction.
    is_manipulated: bool[images].
  """
  recalls = (
      mean(np.where(is_manipulated, predicted, np.nan)),
      mean(np.where(is_manipulated, np.nan, 1 - predicted)),
  )
  return Score(
      float(np.mean([recall.value for recall in recalls])),
      lambda weights: np.mean(
          [recall.statistic(weights) for recall in recalls], axis=0
      ),
      sum(recall.images for recall in recalls),
  )


def draw(images: int) -> np.ndarray:
  """Returns the weights of the replicates, uint8[REPLICATES, images].

  They are always the same ones. A byte for each weight suffices: one image in
  hundreds is never drawn as often.
  """
  rng = np.random.default_rng(SEED)
  weights = np.empty((REPLICATES, images), np.uint8)
  for row in weights:
    row[:] = np.bincount(rng.integers(0, images, images), minlength=images)
  return weights


def interval(score: Score, weights: np.ndarray) -> tuple[float, float] | None:
  """Returns the percentile interval of `LEVEL`; None where undefined.

  Args:
    score: The score.
    weights: Of `draw`, for all images of the set.
  """
  if math.isnan(score.value) or score.images < 2:
    return None
  values = score.of_replicates(weights)
  values = values[~np.isnan(values)]
  if not values.size:
    return None
  tail = (1 - LEVEL) / 2
  low, high = np.quantile(values, (tail, 1 - tail))
  return float(low), float(high)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
  return np.divide(
      part, whole, out=np.full(part.shape, np.nan), where=whole > 0
  )
