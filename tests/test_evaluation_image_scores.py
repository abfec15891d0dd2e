"""Histograms of any range against exact ranks."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from manloc_jax.evaluation import image_scores
from manloc_jax.metrics import histogram

RANDOM = np.random.default_rng(0)
MASK = (RANDOM.random((90, 110)) < 0.2).astype(np.uint8)
RANKED = RANDOM.normal(size=MASK.shape) + 0.7 * MASK
MAPS = {
    'log ratios': 40 * RANKED,
    'tiny': 1e-9 * RANKED,
    'positive': np.exp(3 * RANKED),
    'probabilities': 1 / (1 + np.exp(-RANKED)),
    'few values': np.round(RANKED),
    'binary': RANKED > 1,
    'constant': np.full(MASK.shape, 0.5),
}


@pytest.mark.parametrize('name', MAPS)
def test_histograms_give_the_scores_of_exact_ranks(name):
  raw = MAPS[name].astype(np.float32)
  bins, counts = image_scores.histogram(raw, MASK)
  assert counts.sum() == MASK.size and counts[1].sum() == MASK.sum()
  assert counts.any(axis=0).all() and (np.diff(bins) > 0).all()
  exact = sklearn_metrics.roc_auc_score(MASK.ravel(), raw.ravel())
  assert image_scores.exact_auc(raw, MASK) == pytest.approx(exact, abs=1e-12)
  bound = histogram.auc_bound(counts)
  assert abs(histogram.auc(counts) - exact) <= bound + 1e-12
  if name not in ('few values', 'binary', 'constant'):
    assert bound < 5e-4
  assert histogram.average_precision(counts) == pytest.approx(
      sklearn_metrics.average_precision_score(MASK.ravel(), raw.ravel()),
      abs=2e-3,
  )


def test_bins_keep_the_order_of_floats():
  values = np.array(
      [-3.4e38, -3e38, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.5, 1.0, 255, 3e38]
  )
  bins = image_scores.bin_of(values)
  assert (np.diff(bins) >= 0).all()
  assert bins[4] == bins[5], 'both zeros'
  wide = np.sort(RANDOM.normal(size=10_000) * 10.0 ** RANDOM.uniform(-5, 5))
  assert (np.diff(image_scores.bin_of(wide)) >= 0).all()


def test_edges_are_the_lowest_values_of_their_bins():
  for value in (0.0, 0.5, 1.0, -1.0, 7.25, 1e-3, -123.4):
    (index,) = image_scores.bin_of(np.array([value]))
    edge = image_scores.edge(index)
    assert image_scores.bin_of(np.array([edge]))[0] == index
    below = np.nextafter(np.float32(edge), np.float32(-np.inf))
    assert image_scores.bin_of(np.array([below]))[0] == index - 1
    if value in (0.0, 0.5, 1.0):
      assert edge == value
    else:
      assert edge <= value and value - edge < abs(value) / 1000


def test_one_class_has_no_area():
  raw = RANKED.astype(np.float32)
  assert np.isnan(image_scores.exact_auc(raw, np.zeros_like(MASK)))


def test_what_is_saved_is_read_and_what_is_broken_is_not(tmp_path):
  bins, counts = image_scores.histogram(RANKED.astype(np.float32), MASK)
  scored = image_scores.Scored(bins, counts, 0.75, 0.5, MASK.size, 'no: JPEG')
  path = tmp_path / 'a.npz'
  assert image_scores.load(path) is None
  image_scores.save(path, scored)
  loaded = image_scores.load(path)
  np.testing.assert_array_equal(loaded.counts, counts)
  np.testing.assert_array_equal(loaded.bins, bins)
  for name in ('auc', 'seconds', 'pixels', 'reason'):
    assert getattr(loaded, name) == getattr(scored, name)
  path.write_bytes(path.read_bytes()[:50])
  assert image_scores.load(path) is None


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_have_no_bin(value):
  with pytest.raises(ValueError, match='finite'):
    image_scores.histogram(np.array([[0.5, value]]), np.array([[0, 1]]))
