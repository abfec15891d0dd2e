"""Computes metrics from histograms of scores, which are sums on the devices.

Every metric here is a function of how many positives and negatives fell into
each of `bins` equal score intervals. Such counts add over batches, devices and
processes without error, take constant memory, and give the area under the ROC
curve to within a bound that is itself computed from the counts.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np


def histogram(
    scores: jax.Array, truth: jax.Array, row: jax.Array, shape: tuple[int, int]
) -> jax.Array:
  """Counts scores by row, class and bin.

  Args:
    scores: f32[n] in [0, 1]. Those that are not finite are in no bin; they
      are counted apart and refused, see `totals.check_finite`.
    truth: Integers [n]: 1 for positives, 0 for negatives; others are ignored.
    row: i32[n], such as the index of the image a pixel lies in.
    shape: `(rows, bins)`.

  Returns:
    i32[rows, 2, bins].
  """
  rows, bins = shape
  index = jnp.clip((scores * bins).astype(jnp.int32), 0, bins - 1)
  counts = ((truth == 0) | (truth == 1)) & jnp.isfinite(scores)
  # Out of bounds where the example counts nothing; the scatter drops it. Three
  # indices, for a flat one would overflow int32 in a split of 262,144 images.
  return (
      jnp.zeros((rows, 2, bins), jnp.int32)
      .at[jnp.where(counts, row, rows), truth, index]
      .add(1, mode='drop')
  )


@dataclasses.dataclass(frozen=True)
class Curve:
  """ROC points from the strictest threshold to the laxest.

  Attributes:
    fpr: f64[bins + 1], false positive rates, from 0 to 1.
    tpr: f64[bins + 1], true positive rates, from 0 to 1.
  """

  fpr: np.ndarray
  tpr: np.ndarray


def roc(counts: np.ndarray) -> Curve | None:
  """Returns the ROC curve of [2, bins] counts; None if a class is empty.

  Raises:
    ValueError: A count is not finite.
  """
  totals = counts.sum(axis=1)
  if not np.isfinite(totals).all():
    raise ValueError('Counts of scores must be finite numbers.')
  if not totals.all():
    return None
  # Thresholds fall, so the rates are sums from the highest bin down.
  falling = np.cumsum(counts[:, ::-1], axis=1, dtype=np.float64)
  rates = np.concatenate([np.zeros((2, 1)), falling], axis=1) / totals[:, None]
  return Curve(fpr=rates[0], tpr=rates[1])


def auc(counts: np.ndarray) -> float:
  """Returns the area under the ROC curve; NaN if a class is empty.

  Scores of one bin count as tied; the area of exact ranks is within
  `auc_bound` of it.

  Args:
    counts: Of negatives and positives, [2, bins].
  """
  curve = roc(counts)
  if curve is None:
    return float('nan')
  return float(np.trapezoid(curve.tpr, curve.fpr))


def auc_bound(counts: np.ndarray) -> float:
  """Returns the largest error of `auc` from ties; NaN if a class is empty.

  Pairs of a positive and a negative in one bin count one half and could count
  zero or one, so the bound is half their fraction of all pairs.

  Args:
    counts: Of negatives and positives, [2, bins].
  """
  negatives, positives = counts.astype(np.float64)
  pairs = negatives.sum() * positives.sum()
  return float((negatives @ positives) / 2 / pairs) if pairs else float('nan')


def average_precision(counts: np.ndarray) -> float:
  """Returns average precision of [2, bins] counts; NaN without positives."""
  if not counts[1].any():
    return float('nan')
  fp, tp = np.cumsum(counts[:, ::-1], axis=1, dtype=np.float64)
  precision = tp / np.maximum(tp + fp, 1)
  recall = np.concatenate([[0.0], tp / tp[-1]])
  return float(np.diff(recall) @ precision)


def at_half(counts: np.ndarray) -> dict[str, float]:
  """Returns `at_edge` of [2, bins] counts at the threshold 0.5."""
  return at_edge(counts, counts.shape[1] // 2)


def at_edge(counts: np.ndarray, edge: int) -> dict[str, float]:
  """Computes accuracy, F1, IoU and MCC at the lower edge of a bin.

  Args:
    counts: Of negatives and positives, [2, bins].
    edge: The first bin that counts as manipulated, 0 to the number of bins.

  Returns:
    `accuracy`, `accuracy_balanced` (mean of the classes' recalls), `f1`,
    `iou` and `mcc`; NaN where a denominator is zero, but for `mcc`, which is
    then zero.
  """
  tn, fn = counts[:, :edge].sum(axis=1, dtype=np.float64)
  fp, tp = counts[:, edge:].sum(axis=1, dtype=np.float64)
  return _confusion_scores(tp, fp, fn, tn)


def _confusion_scores(tp, fp, fn, tn) -> dict[str, float]:
  ratio = lambda a, b: float(a / b) if b else float('nan')
  margins = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
  return {
      'accuracy': ratio(tp + tn, tp + fp + fn + tn),
      'accuracy_balanced': (ratio(tp, tp + fn) + ratio(tn, tn + fp)) / 2,
      'f1': ratio(2 * tp, 2 * tp + fp + fn),
      'iou': ratio(tp, tp + fp + fn),
      # As is the convention where one class is never predicted.
      'mcc': ratio(tp * tn - fp * fn, margins) if margins else 0.0,
  }


def f1_curve(counts: np.ndarray) -> np.ndarray:
  """Returns F1 at every bin edge, f64[bins]: entry i at threshold i / bins."""
  fp, tp = np.cumsum(counts[:, ::-1], axis=1, dtype=np.float64)[:, ::-1]
  return 2 * tp / np.maximum(tp + fp + tp[0], 1)


def trivial(positives: float, negatives: float) -> dict[str, dict[str, float]]:
  """Computes the metrics of constant and of random scores.

  Args:
    positives: Number of manipulated patches or pixels.
    negatives: Number of pristine ones.

  Returns:
    For `all_pristine`, for `all_manipulated`, whose F1 is the highest that a
    free choice of the threshold reaches, and for `random` (uniform in [0, 1],
    in expectation of the counts) the scores of `at_half`, `auc` and
    `average_precision`.
  """
  p, n = float(positives), float(negatives)
  prevalence = p / (p + n) if p + n else float('nan')
  chance = {'auc': 0.5, 'average_precision': prevalence}
  return {
      'all_pristine': {**_confusion_scores(0.0, 0.0, p, n), **chance},
      'all_manipulated': {**_confusion_scores(p, n, 0.0, 0.0), **chance},
      'random': {
          **_confusion_scores(p / 2, n / 2, p / 2, n / 2),
          **chance,
      },
  }
