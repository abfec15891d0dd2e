"""Sums over a split to named scores, with trivial baselines beside them."""

from collections.abc import Sequence
import math

import numpy as np

from manloc_jax import models
from manloc_jax.metrics import histogram
from manloc_jax.metrics import totals as totals_lib

Scores = dict[str, float]


def network(
    totals: totals_lib.Totals, tasks: Sequence[str] = models.TASKS
) -> Scores:
  """Every score of one split; the name of each carries its protocol.

  `patch_*` count patches, `pixel_*` pixels. `_pooled` means one ROC or one
  confusion table over all pixels of the split, `_image_mean` the mean over
  the images that hold both classes.

  Args:
    totals: Sums over the split without the device axis.
    tasks: What the network does; scores of another task are left out.

  Returns:
    Names to values; NaN where a score is undefined.
  """
  patch_loss, mask_loss, weight = totals.loss
  found = {}
  if models.PATCH in tasks:
    found |= _patch_scores(totals.patches[0])
    found['patch_loss'] = float(patch_loss / weight)
  if models.MASK in tasks:
    found |= _pixel_scores(totals.pixels)
    found['mask_loss'] = float(mask_loss / weight)
  return found


def objective(totals: totals_lib.Totals) -> Scores:
  """The loss that training minimizes and its terms, as training names them.

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


def _pixel_scores(images: np.ndarray) -> Scores:
  pixels = images.sum(axis=0, dtype=np.int64)
  half = histogram.at_half(pixels)
  return {
      'pixel_accuracy': half['accuracy'],
      'pixel_accuracy_balanced': half['accuracy_balanced'],
      'pixel_auc_pooled': histogram.auc(pixels),
      'pixel_auc_image_mean': _mean_auc(images),
      'pixel_average_precision_pooled': histogram.average_precision(pixels),
      'pixel_f1_at_half_pooled': half['f1'],
      'pixel_f1_at_half_image_mean': _mean_f1(images),
      'pixel_f1_oracle_pooled': float(histogram.f1_curve(pixels).max()),
      'pixel_iou_at_half_pooled': half['iou'],
      'pixel_mcc_at_half_pooled': half['mcc'],
  }


def postprocessed(totals: totals_lib.Totals) -> dict[str, Scores]:
  """Pixel scores after post-processing, pooled, by `postprocess.variants`.

  Only `soft` has an AUC: the others are masks of zeros and ones.

  Args:
    totals: Sums over the split.
  """
  found = {}
  for name, images in totals.postprocessed.items():
    counts = images.sum(axis=0, dtype=np.int64)
    half = histogram.at_half(counts)
    found[name] = {
        'pixel_accuracy': half['accuracy'],
        'pixel_accuracy_balanced': half['accuracy_balanced'],
        'pixel_f1_at_half_pooled': half['f1'],
        'pixel_iou_at_half_pooled': half['iou'],
        'pixel_mcc_at_half_pooled': half['mcc'],
    }
    if name == 'soft':
      found[name]['pixel_auc_pooled'] = histogram.auc(counts)
  return found


def _mean_auc(images: np.ndarray) -> float:
  """Mean AUC over the images that hold both classes."""
  values = [histogram.auc(counts) for counts in images]
  values = [value for value in values if not math.isnan(value)]
  return float(np.mean(values)) if values else math.nan


def _mean_f1(images: np.ndarray) -> float:
  """Mean F1 at 0.5 over the images that hold manipulated pixels."""
  manipulated = [counts for counts in images if counts[1].any()]
  values = [histogram.at_half(counts)['f1'] for counts in manipulated]
  return float(np.mean(values)) if values else math.nan


def trivial(totals: totals_lib.Totals, prior: np.ndarray | None) -> dict:
  """What predictors that look at no pixel score on the same rows.

  Args:
    totals: Sums over the split.
    prior: f64[side, side], the mean training mask. As a score of every patch
      it tells how much the sampler gives away by where it puts the regions.

  Returns:
    `all_pristine` and `random` for patches and pixels, and `mean_mask` for
    pixels where there is a prior.
  """
  negatives, positives = totals.pixels.sum(axis=(0, 2), dtype=np.int64)
  patch_negatives, patch_positives = totals.patches[0].sum(axis=1)
  patch = histogram.trivial(patch_positives, patch_negatives)
  pixel = histogram.trivial(positives, negatives)
  result = {
      name: {
          **{f'patch_{k}': v for k, v in patch[name].items()},
          **{f'pixel_{k}': v for k, v in pixel[name].items()},
      }
      for name in patch
  }
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


def by_manipulation(totals: totals_lib.Totals, kinds: Sequence[str]) -> dict:
  """Pixel scores over the images of each kind of manipulation.

  Args:
    totals: Sums over the split.
    kinds: The kind of each image, in the order of `totals.pixels`.
  """
  kinds = np.array(kinds)
  result = {}
  for kind in sorted(set(kinds)):
    images = totals.pixels[kinds == kind]
    result[kind] = {
        'images': len(images),
        'pixel_auc_pooled': histogram.auc(images.sum(axis=0, dtype=np.int64)),
        'pixel_auc_image_mean': _mean_auc(images),
    }
  return result


def counts(totals: totals_lib.Totals) -> dict[str, int]:
  """How many images, patches and pixels of each class a score stands on."""
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
  """Returns `fpr` and `tpr` at up to `points` places, for drawing."""
  if curve is None:
    return None
  # Even in arc length, so that steep and flat parts are drawn alike.
  length = np.cumsum(np.hypot(np.diff(curve.fpr), np.diff(curve.tpr)))
  at = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
  at = np.concatenate([[0], np.minimum(at + 1, len(curve.fpr) - 1)])
  return {'fpr': curve.fpr[at].tolist(), 'tpr': curve.tpr[at].tolist()}
