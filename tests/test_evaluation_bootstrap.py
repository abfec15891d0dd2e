"""Bootstrap: scores of weights of one, and replicates drawn by hand."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from manloc_jax.evaluation import bootstrap
from manloc_jax.evaluation import image_scores
from manloc_jax.evaluation import pooled

IMAGES = 23


@pytest.fixture
def scores():
  return np.random.default_rng(0).random(IMAGES).round(1)


@pytest.fixture
def truth():
  return np.arange(IMAGES) % 3 == 0


def by_hand(weights, statistic):
  """A statistic of images that are repeated as often as they were drawn."""
  return np.array([
      statistic(np.repeat(np.arange(IMAGES), row)) for row in weights[:40]
  ])


def test_every_replicate_draws_as_many_images():
  weights = bootstrap.draw(IMAGES)
  assert weights.shape == (bootstrap.REPLICATES, IMAGES)
  assert (weights.sum(axis=1) == IMAGES).all()
  assert (weights == bootstrap.draw(IMAGES)).all()
  assert weights.mean(axis=0) == pytest.approx(np.ones(IMAGES), abs=0.15)


def test_means(scores):
  scores[4] = np.nan
  score, weights = bootstrap.mean(scores), bootstrap.draw(IMAGES)
  assert score.value == pytest.approx(np.nanmean(scores))
  assert score.images == IMAGES - 1
  got = score.of_replicates(weights)
  assert got[:40] == pytest.approx(
      by_hand(weights, lambda drawn: np.nanmean(scores[drawn]))
  )
  low, high = bootstrap.interval(score, weights)
  error = np.nanstd(scores) / np.sqrt(IMAGES - 1)
  assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_detection(scores, truth):
  score, weights = bootstrap.image_auc(scores, truth), bootstrap.draw(IMAGES)
  assert score.value == pytest.approx(
      sklearn_metrics.roc_auc_score(truth, scores)
  )
  area = lambda drawn: sklearn_metrics.roc_auc_score(
      truth[drawn], scores[drawn]
  )
  assert score.of_replicates(weights)[:40] == pytest.approx(
      by_hand(weights, area)
  )
  predicted = (scores > 0.5).astype(float)
  score = bootstrap.balanced_accuracy(predicted, truth)
  balanced = lambda drawn: sklearn_metrics.balanced_accuracy_score(
      truth[drawn], predicted[drawn]
  )
  assert score.value == pytest.approx(balanced(np.arange(IMAGES)))
  assert score.of_replicates(weights)[:40] == pytest.approx(
      by_hand(weights, balanced)
  )


def test_what_is_undefined_has_no_interval(truth):
  weights = bootstrap.draw(IMAGES)
  nothing = bootstrap.mean(np.full(IMAGES, np.nan))
  assert np.isnan(nothing.value)
  assert bootstrap.interval(nothing, weights) is None
  one_class = bootstrap.image_auc(np.arange(IMAGES), np.ones(IMAGES, bool))
  assert np.isnan(one_class.value)
  assert bootstrap.interval(one_class, weights) is None


def test_pixels_of_all_images():
  rng = np.random.default_rng(0)
  raws = rng.random((IMAGES, 20, 30), np.float32)
  truths = (raws + rng.normal(0, 0.5, raws.shape) > 0.9).astype(np.uint8)
  pixels = [
      image_scores.histogram(*each) for each in zip(raws, truths, strict=True)
  ]
  weights = bootstrap.draw(IMAGES)
  totals = pooled.add_up(pixels)
  assert totals.prevalence == pytest.approx(truths.mean())
  made = pooled.scores(totals, pixels, weights)
  for name, metric in {
      'pixel_auc_pooled': sklearn_metrics.roc_auc_score,
      'pixel_average_precision_pooled': sklearn_metrics.average_precision_score,
  }.items():
    of = lambda drawn, metric=metric: metric(
        truths[drawn].ravel(), raws[drawn].ravel()
    )
    assert made[name].value == pytest.approx(of(np.arange(IMAGES)), abs=1e-3)
    assert made[name].of_replicates(weights)[:40] == pytest.approx(
        by_hand(weights, of), abs=6e-3
    )
