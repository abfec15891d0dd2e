"""Computes named scores and trivial baselines from the sums over a split."""

from collections.abc import Callable, Iterable, Sequence
import math

import numpy as np

from manloc_jax import models
from manloc_jax.metrics import histogram
from manloc_jax.metrics import totals as totals_lib

Scores = dict[str, float]


def network(
    totals: totals_lib.Totals, tasks: Sequence[str] = models.TASKS
) -> Scores:
  """Computes every score of one split; each name carries its protocol.

  `patch_*` count patches, `pixel_*` pixels. `_pooled` means one ROC or one
  confusion table over all pixels of the split, `_image_mean` the mean over
  the images that hold both classes.

  Args:
    totals: Sums over the split without the device axis.
    tasks: What the network does; scores of another task are left out.

  Returns:
    Values by name; NaN where a score is undefined.
  """
  patch_loss, mask_loss, weight = totals.loss
  scores: Scores = {}
  if models.PATCH in tasks:
    scores |= _patch_scores(np.asarray(totals.patches[0]))
    scores['patch_loss'] = float(patch_loss / weight)
  if models.MASK in tasks:
    images = np.asarray(totals.pixels)
    scores |= pixel_scores(
        images.sum(axis=0, dtype=np.int64),
        images.shape[2] // 2,
        [histogram.auc(counts) for counts in images],
        [histogram.at_half(c)['f1'] for c in images if c[1].any()],
    )
    scores['mask_loss'] = float(mask_loss / weight)
  return scores


def objective(totals: totals_lib.Totals) -> Scores:
  """Computes the loss of training and its terms, named as in training.

  Args:
    totals: Sums over the split without the device axis.

  Returns:
    `total`, `patch` and `mask`, means over the patches; NaN without patches.
  """
  weight = totals.loss[2]
  names = ('total', 'patch', 'mask')
  return {
      name: float(value / weight) if weight else math.nan
      for name, value in zip(names, totals.objective, strict=True)
  }


def _patch_scores(patches: np.ndarray) -> Scores:
  return {
      **{f'patch_{k}': v for k, v in histogram.at_half(patches).items()},
      'patch_auc': histogram.auc(patches),
      'patch_average_precision': histogram.average_precision(patches),
  }


def pixel_scores(
    pooled: np.ndarray,
    edge: int | None,
    image_aucs: Sequence[float],
    image_f1s: Sequence[float],
) -> Scores:
  """Returns the scores of pixels.

  Args:
    pooled: Counts of all pixels by class and bin, [2, bins].
    edge: The bin whose lower edge is the threshold 0.5; None where scores are
      no probabilities, and 0.5 means nothing.
    image_aucs: Area of each image, NaN in those of one class.
    image_f1s: F1 at 0.5 of each image that holds manipulated pixels.

  Returns:
    Values by name; NaN where a score is undefined.
  """
  scores = {
      'pixel_auc_pooled': histogram.auc(pooled),
      'pixel_auc_image_mean': mean(image_aucs),
      'pixel_average_precision_pooled': histogram.average_precision(pooled),
      'pixel_f1_oracle_pooled': float(histogram.f1_curve(pooled).max()),
  }
  if edge is not None:
    scores |= _pixels_at_half(pooled, edge)
    scores['pixel_f1_at_half_image_mean'] = mean(image_f1s)
  return scores


def _pixels_at_half(counts: np.ndarray, edge: int) -> Scores:
  half = histogram.at_edge(counts, edge)
  return {
      'pixel_accuracy': half['accuracy'],
      'pixel_accuracy_balanced': half['accuracy_balanced'],
      'pixel_f1_at_half_pooled': half['f1'],
      'pixel_iou_at_half_pooled': half['iou'],
      'pixel_mcc_at_half_pooled': half['mcc'],
  }


def postprocessed(totals: totals_lib.Totals) -> dict[str, Scores]:
  """Computes pooled pixel scores after post-processing (paper, section 4).

  Only `soft` has an AUC: the others are masks of zeros and ones.

  Args:
    totals: Sums over the split.

  Returns:
    Scores by the names of `postprocess.variants`.
  """
  scores = {}
  for name, images in totals.postprocessed.items():
    counts = np.asarray(images).sum(axis=0, dtype=np.int64)
    scores[name] = _pixels_at_half(counts, counts.shape[1] // 2)
    if name == 'soft':
      scores[name]['pixel_auc_pooled'] = histogram.auc(counts)
  return scores


def mean(values: Iterable[float]) -> float:
  """Returns the mean of the values that are defined; NaN if none is."""
  known = [value for value in values if not math.isnan(value)]
  return float(np.mean(known)) if known else math.nan


def trivial(totals: totals_lib.Totals, prior: np.ndarray | None) -> dict:
  """Computes the scores of predictors that do not depend on the image.

  Args:
    totals: Sums over the split.
    prior: f64[side, side], the mean training mask. Its score shows how much
      the sampler gives away by the locations of manipulated regions.

  Returns:
    `all_pristine` and `random` for patches and pixels, and `mean_mask` for
    pixels where there is a prior.
  """
  negatives, positives = totals.pixels.sum(axis=(0, 2), dtype=np.int64)
  patch_negatives, patch_positives = totals.patches[0].sum(axis=1)
  patch = trivial_scores('patch', patch_negatives, patch_positives)
  pixel = trivial_scores('pixel', negatives, positives)
  result = {name: {**patch[name], **pixel[name]} for name in patch}
  if prior is not None:
    # Each value of the prior is a bin; positions of one value are tied.
    _, rank = np.unique(prior, return_inverse=True)
    hits = np.bincount(rank.ravel(), totals.positives.ravel())
    patches = patch_negatives + patch_positives
    binned = np.stack([patches * np.bincount(rank.ravel()) - hits, hits])
    result['mean_mask'] = {
        'pixel_auc': histogram.auc(binned),
        'pixel_average_precision': histogram.average_precision(binned),
    }
  return result


def trivial_scores(
    unit: str, negatives: float, positives: float
) -> dict[str, Scores]:
  """Returns `histogram.trivial` with the names of `patch` or `pixel` scores."""
  return {
      name: {f'{unit}_{key}': value for key, value in row.items()}
      for name, row in histogram.trivial(positives, negatives).items()
  }


def by_manipulation(
    kinds: Sequence[str],
    image_aucs: Sequence[float],
    pool: Callable[[np.ndarray], np.ndarray],
) -> dict[str, dict[str, float]]:
  """Computes pixel scores over the images of each kind of manipulation.

  Args:
    kinds: The kind of each image.
    image_aucs: Area of each image, NaN in those of one class.
    pool: Returns the counts, [2, bins], of the images with these indices.

  Returns:
    Number of images and scores, by kind.
  """
  result = {}
  for kind in sorted(set(kinds)):
    indices = np.flatnonzero([x == kind for x in kinds])
    result[kind] = {
        'images': len(indices),
        'pixel_auc_pooled': histogram.auc(pool(indices)),
        'pixel_auc_image_mean': mean(image_aucs[int(i)] for i in indices),
    }
  return result


def counts(totals: totals_lib.Totals) -> dict[str, int]:
  """Returns how many images, patches and pixels of each class are scored."""
  images = totals.pixels.sum(axis=2, dtype=np.int64)  # [images, 2]
  negatives, positives = images.sum(axis=0)
  patch_negatives, patch_positives = totals.patches[0].sum(axis=1)
  return {
      'images': int((images.sum(axis=1) > 0).sum()),
      'images_of_both_classes': int(images.all(axis=1).sum()),
      'patches_pristine': int(patch_negatives),
      'patches_manipulated': int(patch_positives),
      'pixels_pristine': int(negatives),
      'pixels_manipulated': int(positives),
  }


def thinned(
    curve: histogram.Curve | None, points: int = 200
) -> dict[str, list[float]] | None:
  """Returns `fpr` and `tpr` at up to `points` thresholds, for plots."""
  if curve is None:
    return None
  # Even in arc length, so that steep and flat sections are plotted alike.
  length = np.cumsum(np.hypot(np.diff(curve.fpr), np.diff(curve.tpr)))
  at = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
  at = np.concatenate([[0], np.minimum(at + 1, len(curve.fpr) - 1)])
  return {'fpr': curve.fpr[at].tolist(), 'tpr': curve.tpr[at].tolist()}
