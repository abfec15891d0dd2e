"""Compares two methods on the images that both were scored on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from manloc_jax import errors
from manloc_jax.evaluation import bootstrap

# Measures of an image by protocol, with the score that is their mean.
MEASURES = {
    'whole image': {
        'auc': 'pixel_auc_image_mean',
        'average_precision': 'pixel_average_precision_image_mean',
    },
    'f1-fixed': {
        'f1_half': 'pixel_f1_at_half_image_mean',
        'iou_half': 'pixel_iou_at_half_image_mean',
        'f1_mask': 'pixel_f1_of_mask_image_mean',
        'iou_mask': 'pixel_iou_of_mask_image_mean',
    },
    'f1-best': {'f1_best': 'pixel_f1_oracle_image_mean'},
    'permuted': {
        'f1_permuted_best': 'pixel_f1_permuted_oracle_image_mean',
        'f1_permuted_half': 'pixel_f1_permuted_at_half_image_mean',
    },
    'copy-move': {
        'auc_target': 'pixel_auc_target_image_mean',
        'auc_source': 'pixel_auc_source_image_mean',
    },
}
_DETECTION = 'detection'

Result = Mapping[str, Any]
Comparison = dict[str, Any]


def compare(a: Result, b: Result) -> Comparison:
  """Compares two results, image by image.

  Args:
    a: JSON of `evaluation.evaluate`.
    b: Another one, of the same set.

  Returns:
    `a` and `b`, the names of the methods; `images` that both have and
    `only_one`, which one has; and `protocols`: by protocol and score the means
    `a` and `b`, the `difference` a - b with its `interval`, and for means over
    images the fractions of images that `won` and `tied`, and `p`, of Wilcoxon's
    signed ranks, two-sided.

  Raises:
    UserError: They are of different sets, or have no image in common.
  """
  _check(a, b)
  rows_a, rows_b = (
      {row['image_id']: row for row in result['images']} for result in (a, b)
  )
  ids = sorted(rows_a.keys() & rows_b.keys())
  if not ids:
    raise errors.UserError(
        f'The results of {a["method"]} and {b["method"]} on {a["set"]} have no'
        ' image in common; evaluate both on the same images.'
    )
  _check_truth(rows_a, rows_b, ids)
  weights = bootstrap.draw(len(ids))
  compared: dict[str, dict[str, Any]] = {}
  for protocol, measures in MEASURES.items():
    for measure, name in measures.items():
      if measure.endswith('_half') and not (
          a['is_probability'] and b['is_probability']
      ):
        continue
      values = [
          np.array([_value(rows[x], measure) for x in ids], np.float64)
          for rows in (rows_a, rows_b)
      ]
      if not np.isnan(values[0] - values[1]).all():
        of = compared.setdefault(protocol, {})
        of[name] = _paired(values[0], values[1], weights)
  detection = _detection(rows_a, rows_b, ids, weights)
  if detection is not None:
    compared[_DETECTION] = {'image_auc': detection}
  return {
      'a': a['method'],
      'b': b['method'],
      'set': a['set'],
      'images': len(ids),
      'only_one': len(rows_a.keys() ^ rows_b.keys()),
      'protocols': compared,
  }


def _check(a: Result, b: Result) -> None:
  for key, words in (('dataset', 'the dataset'), ('set', 'the set')):
    if a[key] != b[key]:
      raise errors.UserError(
          f'One result is of {words} {errors.shown(a[key])} and the other of'
          f' {errors.shown(b[key])};'
          ' compare results of one set.'
      )


def _check_truth(
    rows_a: Mapping[str, Mapping], rows_b: Mapping[str, Mapping], ids: list[str]
) -> None:
  """Raises UserError where an image has another size or mask in one result."""
  for image_id in ids:
    a, b = rows_a[image_id], rows_b[image_id]
    if any(a[key] != b[key] for key in ('pixels', 'manipulated')):
      raise errors.UserError(
          f'The image {image_id} has another size or mask in one of the'
          ' results; evaluate both on the same files.'
      )


def _value(row: Mapping[str, Any], name: str) -> float:
  value = row.get(name)
  return float('nan') if value is None else value


def _paired(
    a: np.ndarray, b: np.ndarray, weights: np.ndarray
) -> dict[str, Any]:
  """Compares the means of a measure over the images that both have it of."""
  from scipy import stats  # Slow to import.

  difference = a - b
  known = ~np.isnan(difference)
  a, b = a[known], b[known]
  score = bootstrap.mean(difference)
  # No rank can be given where no image differs.
  is_tied = bool((a == b).all())
  return {
      'images': int(known.sum()),
      'a': float(a.mean()),
      'b': float(b.mean()),
      'difference': score.value,
      'interval': bootstrap.interval(score, weights),
      'won': float((a > b).mean()),
      'tied': float((a == b).mean()),
      'p': 1.0 if is_tied else float(stats.wilcoxon(a - b).pvalue),
  }


def _detection(
    rows_a: Mapping[str, Mapping],
    rows_b: Mapping[str, Mapping],
    ids: list[str],
    weights: np.ndarray,
) -> dict[str, Any] | None:
  """Compares the areas of image scores; None without pristine images."""
  truth = np.array([rows_a[x]['is_manipulated'] for x in ids], bool)
  if truth.all() or not truth.any():
    return None
  a, b = (
      bootstrap.image_auc(
          np.array([_value(rows[x], 'image_score') for x in ids]), truth
      )
      for rows in (rows_a, rows_b)
  )
  difference = bootstrap.Score(
      a.value - b.value,
      lambda weights: a.statistic(weights) - b.statistic(weights),
      len(ids),
  )
  return {
      'images': len(ids),
      'a': a.value,
      'b': b.value,
      'difference': difference.value,
      'interval': bootstrap.interval(difference, weights),
      'won': None,
      'tied': None,
      'p': None,
  }
