"""Scores a trained fusion on held-out images, forged and untouched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import metrics as sklearn_metrics

from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib

_BINS = 10  # Of the reliability diagram.
_THRESHOLDS = np.linspace(0.01, 0.99, 99)


def score(
    weights: weights_lib.Weights, examples: Sequence[examples_lib.Example]
) -> dict[str, Any]:
  """Scores weights on the blocks of examples.

  Args:
    weights: Of `weights.load`.
    examples: One at least is forged.

  Returns:
    As JSON holds it: `forged` and `untouched`, numbers of images;
    `block_auc_mean`, the mean over forged images of the AUC of blocks, None
    where none has blocks of both classes, as of the next two;
    `f1_mean` of the mask, and `f1_best_mean`, at the best one of
    each image; `reliability`, for bins of scores the number of blocks, their
    mean score and the manipulated fraction of their pixels. With untouched
    images also their `marked`, quantiles over images of the share of blocks in
    the mask, and `image`, how well they are told from forged ones.
  """
  scores = network.make_scores(weights.model)
  aucs, f1s, best_f1s, marked, probabilities, forged = [], [], [], [], [], []
  bins = np.zeros((3, _BINS))
  for example in examples:
    blocks, statistics, inside = network.normalize(
        features.select(example.features, weights.names),
        *(weights.mean, weights.std),
    )
    score_map = scores(weights.params, blocks, statistics, inside)
    fraction, label = example.fraction / 255, example.fraction > 127
    inside = inside > 0
    index = np.minimum((score_map * _BINS).astype(int), _BINS - 1)[inside]
    for row, values in enumerate((None, score_map, fraction)):
      bins[row] += np.bincount(
          index, None if values is None else values[inside], _BINS
      )
    forged.append(bool(fraction.any()))
    if weights.image is not None:
      probabilities.append(weights.image.probability(score_map, inside))
    mask = weights.mask.blocks(score_map)
    if not forged[-1]:
      marked.append(float(mask.mean()))
    elif label.any() and not label.all():
      auc = sklearn_metrics.roc_auc_score(label.ravel(), score_map.ravel())
      aucs.append(auc)
      f1s.append(_f1(mask, label))
      best_f1s.append(max(_f1(score_map >= x, label) for x in _THRESHOLDS))
  counts = np.maximum(bins[0], 1)
  results = {
      'forged': sum(forged),
      'untouched': len(forged) - sum(forged),
      'threshold': weights.mask.least,
      'threshold_of_largest': weights.mask.of_largest,
      'smallest_region': weights.mask.smallest_region,
      'block_auc_mean': _mean(aucs),
      'f1_mean': _mean(f1s),
      'f1_best_mean': _mean(best_f1s),
      'reliability': {
          'blocks': bins[0].astype(int).tolist(),
          'score': (bins[1] / counts).tolist(),
          'manipulated': (bins[2] / counts).tolist(),
      },
  }
  if marked:
    results['marked'] = {
        'median': float(np.median(marked)),
        'percentile_95': float(np.quantile(marked, 0.95)),
        'largest': max(marked),
    }
  if probabilities and any(forged) and not all(forged):
    decided = np.array(probabilities) >= 0.5
    results['image'] = {
        'auc': float(sklearn_metrics.roc_auc_score(forged, probabilities)),
        'balanced_accuracy': float(
            sklearn_metrics.balanced_accuracy_score(forged, decided)
        ),
    }
  return results


def _mean(values: Sequence[float]) -> float | None:
  """Returns the mean; None where no image has blocks of both classes."""
  return float(np.mean(values)) if values else None


def _f1(mask: np.ndarray, label: np.ndarray) -> float:
  return float(2 * (mask & label).sum() / max(1, mask.sum() + label.sum()))
