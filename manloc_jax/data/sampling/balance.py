"""Balances the numbers of manipulated and pristine patches of a split."""

import numpy as np

from manloc_jax.data.sampling import patches


def balance(
    positives: np.ndarray, negatives: np.ndarray, sampler: patches.Sampler
) -> tuple[np.ndarray, np.ndarray]:
  """Decides how many patches of each label each image of a split gives.

  Every image gives pristine patches in proportion to its manipulated ones, so
  that the label cannot be guessed from the image; a pristine image counts as an
  average forged one. The common factor is chosen so that the whole split has
  the wanted ratio, as far as there are pristine patches.

  Args:
    positives: int[images], manipulated candidates of each image.
    negatives: int[images], pristine candidates.
    sampler: Only `neg_per_pos` and `max_per_image` are used.

  Returns:
    Numbers of manipulated and pristine patches, int64[images] each.
  """
  cap = sampler.max_per_image or np.inf
  ratio = sampler.neg_per_pos
  if not ratio:
    kept = np.minimum(1, cap / np.maximum(positives + negatives, 1))
    return (positives * kept).astype(int), (negatives * kept).astype(int)
  positives = np.minimum(positives, np.floor(cap / (1 + ratio)))
  if not positives.any():
    return positives.astype(int), np.zeros(len(negatives), int)
  negatives = np.minimum(negatives, cap - positives)
  average = positives[positives > 0].mean()
  weights = np.where(positives > 0, positives, average)
  counts = _fill(weights, negatives, ratio * positives.sum())
  # Rounding the running sum keeps the total.
  total = np.rint(np.cumsum(counts))
  return positives.astype(int), np.diff(total, prepend=0).astype(int)


def _fill(
    weights: np.ndarray, limits: np.ndarray, target: float
) -> np.ndarray:
  """Returns `min(limits, level * weights)` with the level that sums to target.

  Args:
    weights: f64[n], positive.
    limits: f64[n].
    target: The wanted sum; where the limits sum to less, they are returned.
  """
  if limits.sum() <= target:
    return limits
  order = np.argsort(limits / weights)
  full_at = (limits / weights)[order]
  already = np.append(0, np.cumsum(limits[order])[:-1])
  open_weight = np.cumsum(weights[order][::-1])[::-1]
  # The level if all images before this one are used up.
  level = (target - already) / open_weight
  return np.minimum(limits, level[np.argmax(level <= full_at)] * weights)
