"""Calibrates a trained fusion on validation images, forged and untouched.

Scores of blocks become probabilities (Platt: Probabilistic outputs for support
vector machines, 1999), a rule for masks is chosen, and a small model tells from
the map of an image how probable it is that the image is forged.
"""

from collections.abc import Sequence
import dataclasses

import cv2
import numpy as np
from scipy import special

from manloc_jax.localization import localizer
from manloc_jax.localization.fusion import features

# What only training needs is imported there: scikit-learn takes a second.

# Of the pixels of untouched images, at the 95th percentile over images, may a
# mask mark this fraction.
MOST_MARKED = 0.03
_THRESHOLDS = np.linspace(0.02, 0.98, 49)
_FRACTIONS = np.linspace(0, 0.9, 10)  # Of the largest score of a map.
_SMALLEST = (0, 2, 4, 9, 16)  # Blocks of a region.
_DUST = 1e-6  # Scores are kept this far from 0 and 1.
_QUANTILES = (0.5, 0.9, 0.99, 1.0)
STATISTICS = (
    *(f'quantile_{quantile}' for quantile in _QUANTILES),
    'log_mean',
)


@dataclasses.dataclass(frozen=True)
class ImageModel:
  """Tells from a map how probable it is that something was manipulated.

  Attributes:
    weights: Of each of `STATISTICS`.
    bias: Added to their weighted sum, which is the log-odds.
  """

  weights: tuple[float, ...]
  bias: float

  def probability(self, scores: np.ndarray, inside: np.ndarray) -> float:
    """Returns the probability that an image is forged; see `measure`."""
    logit = np.dot(self.weights, measure(scores, inside)) + self.bias
    return float(special.expit(logit))


@dataclasses.dataclass(frozen=True)
class MaskRule:
  """Which scores of a map are in its mask.

  Attributes:
    least: Scores from here on may be.
    of_largest: Those below this fraction of the largest score of their map are
      not: where one region is certain, what is half as certain is rarely
      manipulated.
    smallest_region: Nor are those of connected regions of fewer pixels.
  """

  least: float
  of_largest: float = 0.0
  smallest_region: int = 0

  def threshold(self, largest: float) -> float:
    """Returns the threshold of a map with this largest score."""
    return max(self.least, self.of_largest * float(largest))

  def blocks(self, scores: np.ndarray) -> np.ndarray:
    """Returns the mask of a map of blocks, f32 and bool[rows, columns]."""
    mask = scores >= self.threshold(scores.max())
    localizer.find_regions(mask, self.smallest_region // features.BLOCK**2)
    return mask


@dataclasses.dataclass(frozen=True)
class Calibration:
  """What validation images say of the scores of a fusion.

  Attributes:
    scale: Factor of the log-odds of blocks.
    shift: Added to them then.
    mask: Of calibrated scores.
    image: None where all validation images, or none, are forged.
  """

  scale: float
  shift: float
  mask: MaskRule
  image: ImageModel | None


def fit(
    maps: Sequence[np.ndarray],
    insides: Sequence[np.ndarray],
    fractions: Sequence[np.ndarray],
) -> Calibration:
  """Fits a calibration to images.

  Args:
    maps: For each image the scores of its blocks, f32[rows, columns] in 0 to 1.
    insides: bool[rows, columns], the blocks where anything varies.
    fractions: f32[rows, columns], the manipulated fractions of blocks.
  """
  logits = [_logit(scores) for scores in maps]
  scale, shift = _fit_line(
      [x[inside] for x, inside in zip(logits, insides, strict=True)],
      [x[inside] for x, inside in zip(fractions, insides, strict=True)],
  )
  calibrated = [
      np.where(inside, special.expit(scale * x + shift), 0)
      for x, inside in zip(logits, insides, strict=True)
  ]
  mask = best_mask(calibrated, [x > 0.5 for x in fractions])
  forged = [bool((x > 0).any()) for x in fractions]
  image = None
  if any(forged) and not all(forged):
    image = _fit_image(
        [measure(*one) for one in zip(calibrated, insides, strict=True)], forged
    )
  return Calibration(scale, shift, mask, image)


def measure(scores: np.ndarray, inside: np.ndarray) -> np.ndarray:
  """Measures the map of an image.

  Args:
    scores: f32[rows, columns] in 0 to 1, calibrated.
    inside: bool[rows, columns], the blocks where anything varies; at least one.

  Returns:
    f64[len(STATISTICS)]: quantiles of the log-odds, averaged over 3x3 blocks,
    and the logarithm of the mean score.
  """
  logits = _logit(scores)
  median = np.median(logits[inside])
  smooth = cv2.blur(np.where(inside, logits, median), (3, 3))[inside]
  log_mean = np.log(max(scores[inside].mean(), _DUST))
  return np.array([*np.quantile(smooth, _QUANTILES), log_mean])


def best_mask(
    maps: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> MaskRule:
  """Returns the rule for masks with the best mean F1 over forged images.

  Of the untouched images 95 % must have no more than `MOST_MARKED` of their
  blocks marked, and half of them none; where no rule does that, the largest
  threshold is returned.

  Args:
    maps: f32[rows, columns] in 0 to 1 for each image; one at least is forged.
    labels: bool[rows, columns], the manipulated blocks.
  """
  f1, marked = [], []
  for scores, label in zip(maps, labels, strict=True):
    above, hits = _count_marked(scores, label)
    if label.any():
      f1.append(2 * hits / (above + label.sum()))
    else:
      marked.append(above / scores.size)
  mean = np.mean(f1, axis=0)
  if marked:
    too_many = np.quantile(marked, 0.95, axis=0) > MOST_MARKED
    too_many |= np.median(marked, axis=0) > 0
    mean[too_many] = -1
    if too_many.all():
      return MaskRule(float(_THRESHOLDS[-1]))
  fraction, least, smallest = np.unravel_index(mean.argmax(), mean.shape)
  return MaskRule(
      least=float(_THRESHOLDS[least]),
      of_largest=float(_FRACTIONS[fraction]),
      smallest_region=_SMALLEST[smallest] * features.BLOCK**2,
  )


def _count_marked(
    scores: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Counts the blocks in the masks of a map, all and manipulated ones.

  Args:
    scores: f32[rows, columns] in 0 to 1.
    label: bool[rows, columns], the manipulated blocks.

  Returns:
    Two of i64[fractions, thresholds, smallest regions].
  """
  thresholds = np.maximum(_FRACTIONS[:, None] * scores.max(), _THRESHOLDS)
  # Most of them give the same mask as another one.
  order = np.sort(scores, axis=None)
  cuts, index = np.unique(
      np.searchsorted(order, thresholds), return_inverse=True
  )
  counts = np.zeros((2, cuts.size, len(_SMALLEST)), int)
  for i, cut in enumerate(cuts[cuts < order.size]):
    mask = (scores >= order[cut]).view(np.uint8)
    count, regions, stats, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=8
    )
    area = stats[1:, cv2.CC_STAT_AREA]
    hits = np.bincount(regions[label], minlength=count)[1:]
    for j, smallest in enumerate(_SMALLEST):
      is_kept = area >= smallest
      counts[:, i, j] = area[is_kept].sum(), hits[is_kept].sum()
  above, hits = counts[:, index.reshape(thresholds.shape)]
  return above, hits


def _logit(scores: np.ndarray) -> np.ndarray:
  return special.logit(np.clip(scores.astype(np.float64), _DUST, 1 - _DUST))


def _fit_line(
    logits: Sequence[np.ndarray], fractions: Sequence[np.ndarray]
) -> tuple[float, float]:
  """Fits the scale and shift of log-odds with the highest likelihood.

  All images count the same, however large they are.
  """
  from scipy import optimize

  images = [x for x in zip(logits, fractions, strict=True) if x[0].size]
  x = np.concatenate([one for one, _ in images])
  y = np.concatenate([fraction for _, fraction in images])
  weights = np.concatenate(
      [np.full(one.size, 1 / (one.size * len(images))) for one, _ in images]
  )

  def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
    z = line[0] * x + line[1]
    value = weights @ (np.logaddexp(0, z) - y * z)
    slope = weights * (special.expit(z) - y)
    return value, np.array([slope @ x, slope.sum()])

  # A map that ranks blocks the wrong way round must not be turned over.
  bounds = ((0.05, 20), (-20, 20))
  fitted = optimize.minimize(loss, (1.0, 0.0), jac=True, bounds=bounds)
  return float(fitted.x[0]), float(fitted.x[1])


def _fit_image(
    measured: Sequence[np.ndarray], forged: Sequence[bool]
) -> ImageModel:
  """Fits a logistic regression in which both kinds of images weigh the same."""
  from sklearn import linear_model
  from sklearn import preprocessing

  scaler = preprocessing.StandardScaler().fit(measured)
  model = linear_model.LogisticRegression(class_weight='balanced')
  model.fit(scaler.transform(measured), forged)
  weights = model.coef_[0] / scaler.scale_
  bias = model.intercept_[0] - weights @ scaler.mean_
  return ImageModel(tuple(map(float, weights)), float(bias))
