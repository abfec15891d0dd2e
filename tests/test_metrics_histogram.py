import math

import jax
from jax.extend import core
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as reference

from manloc_jax.metrics import histogram

BINS = 256


def sample(n=5_000, seed=0):
  rng = np.random.default_rng(seed)
  truth = (rng.random(n) < 0.2).astype(np.int32)
  scores = np.clip(rng.normal(0.4 + 0.2 * truth, 0.15), 0, 1)
  return scores.astype(np.float32), truth


def count(scores, truth, bins=BINS):
  rows = np.zeros(len(scores), np.int32)
  return np.asarray(histogram.histogram(scores, truth, rows, (1, bins)))[0]


def test_auc_agrees_with_exact_ranks_within_the_stated_bound():
  scores, truth = sample()
  exact = reference.roc_auc_score(truth, scores)
  for bins in (16, 256, 4096):
    counts = count(scores, truth, bins)
    bound = histogram.auc_bound(counts)
    assert abs(histogram.auc(counts) - exact) <= bound
  assert bound < 5e-4, 'many bins leave little doubt'


def test_scores_agree_with_scikit_learn_on_binned_scores():
  scores, truth = sample()
  binned = np.minimum((scores * BINS).astype(int), BINS - 1)
  counts = count(scores, truth)
  assert histogram.auc(counts) == pytest.approx(
      reference.roc_auc_score(truth, binned)
  )
  assert histogram.average_precision(counts) == pytest.approx(
      reference.average_precision_score(truth, binned)
  )
  predicted = scores >= 0.5
  half = histogram.at_half(counts)
  for key, function in {
      'accuracy': reference.accuracy_score,
      'accuracy_balanced': reference.balanced_accuracy_score,
      'f1': reference.f1_score,
      'iou': reference.jaccard_score,
      'mcc': reference.matthews_corrcoef,
  }.items():
    assert half[key] == pytest.approx(function(truth, predicted)), key


def test_f1_curve_at_each_threshold():
  scores, truth = sample(500)
  curve = histogram.f1_curve(count(scores, truth))
  for edge in (0, 100, 128, 200):
    want = reference.f1_score(truth, scores >= edge / BINS)
    assert curve[edge] == pytest.approx(want)


def test_histogram_separates_rows_and_drops_what_is_ignored():
  counts = histogram.histogram(
      np.array([0.0, 0.5, 1.0, 0.9], np.float32),
      np.array([0, 1, 1, -1]),
      np.array([0, 0, 1, 1]),
      (2, 4),
  )
  want = np.zeros((2, 2, 4), int)
  want[0, 0, 0] = want[0, 1, 2] = want[1, 1, 3] = 1
  np.testing.assert_array_equal(counts, want)


def test_one_class_has_no_auc():
  counts = count(np.array([0.2, 0.7], np.float32), np.array([0, 0]))
  assert histogram.roc(counts) is None
  assert math.isnan(histogram.auc(counts))
  assert math.isnan(histogram.auc_bound(counts))
  assert math.isnan(histogram.average_precision(counts))
  assert math.isnan(histogram.at_half(counts)['accuracy_balanced'])


def test_trivial_predictors_score_what_scikit_learn_says():
  truth = np.array([1] * 20 + [0] * 80)
  trivial = histogram.trivial(20, 80)
  silent = np.zeros(100)
  assert trivial['all_pristine']['accuracy'] == pytest.approx(0.8)
  assert trivial['all_pristine']['f1'] == reference.f1_score(truth, silent)
  assert trivial['all_pristine']['auc'] == 0.5
  assert trivial['all_pristine']['average_precision'] == pytest.approx(
      reference.average_precision_score(truth, silent)
  )
  # Half of each class above 0.5: accuracy 1/2, recall 1/2, precision 0.2.
  assert trivial['random']['accuracy'] == pytest.approx(0.5)
  assert trivial['random']['f1'] == pytest.approx(2 * 0.2 * 0.5 / 0.7)
  assert trivial['random']['mcc'] == 0


def test_scores_that_are_not_finite_are_in_no_bin():
  scores = jnp.array([0.5, jnp.nan, jnp.inf, -jnp.inf, 0.5])
  counts = count(scores, np.array([0, 0, 1, 1, 1], np.int32))
  assert counts.sum() == 2
  assert counts[:, BINS // 2].tolist() == [1, 1]


def test_counts_that_are_no_numbers_have_no_curve():
  with pytest.raises(ValueError, match='finite'):
    histogram.roc(np.array([[1.0, np.nan], [1.0, 1.0]]))


def test_more_images_than_a_flat_int32_index_could_count():
  rows, bins = 300_000, 4096
  assert rows * 2 * bins > np.iinfo(np.int32).max
  one = lambda dtype: jax.ShapeDtypeStruct((8,), dtype)
  # Only shapes: the counts would take ten gigabytes. Constants that do not
  # fit their dtype fail all the same.
  trace = jax.make_jaxpr(histogram.histogram, static_argnums=3)(
      one(jnp.float32), one(jnp.int32), one(jnp.int32), (rows, bins)
  )
  (counts,) = trace.out_avals
  assert counts.shape == (rows, 2, bins)
  longest = max(size for x in _arrays(trace.jaxpr) for size in (*x.shape, 1))
  assert longest == rows, 'nothing is indexed as one long array'


def _arrays(jaxpr):
  """Yields the type of everything that is computed, calls included."""
  for equation in jaxpr.eqns:
    yield from (variable.aval for variable in equation.outvars)
    for inner in core.jaxprs_in_params(equation.params):
      yield from _arrays(inner)
