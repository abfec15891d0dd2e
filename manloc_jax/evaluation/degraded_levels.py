"""Sums up the scores of all images at one level of degradation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from manloc_jax.data import degrade
from manloc_jax.evaluation import bootstrap
from manloc_jax.evaluation import protocols

Row = Mapping[str, Any]  # Of `degraded_files`.

# Measures of images, and the protocols whose scores are computed of them.
_MEASURES = ('auc', 'f1_mask')
_SCORES = {
    'pixel_auc_image_mean': protocols.whole_image,
    'pixel_f1_of_mask_image_mean': protocols.f1_fixed,
}


def summarize(step: degrade.Step, rows: Sequence[Row]) -> dict[str, Any]:
  """Computes what a result holds of a level.

  Args:
    step: The level.
    rows: Of all images, in the order of the result. Those without a measure
      stay among them, so that replicates draw the same images at all levels.

  Returns:
    As JSON holds it: `scores` and their `intervals`, the number of `images`
    that each is the mean of, `counts`, and the measures `of_each` image.
  """
  weights = bootstrap.draw(len(rows))
  images = protocols.Images(rows, {}, float('nan'), None, False)
  scores, intervals, scored = {}, {}, {}
  for name, protocol in _SCORES.items():
    score = protocol(images)[0].get(name)
    if score is not None:
      scores[name] = score.value
      intervals[name] = bootstrap.interval(score, weights)
      scored[name] = score.images
  return {
      'series': step[0],
      'level': step[1],
      'scores': scores,
      'intervals': intervals,
      'images': scored,
      'counts': {
          'images': len(rows) - _count(rows, 'left_out'),
          'left_out': _count(rows, 'left_out'),
          'not_applicable': _count(rows, 'not_applicable'),
          'of_one_class': _count(rows, 'one_class'),
      },
      'of_each': {
          name: _known(images.column(name)) for name in _MEASURES
      },
  }


def _count(rows: Sequence[Row], key: str) -> int:
  return sum(key in row for row in rows)


def _known(values: np.ndarray) -> list[float | None]:
  return [None if np.isnan(value) else float(value) for value in values]
