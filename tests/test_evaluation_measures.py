"""Measures of one map, against scikit-learn and slow references."""

import itertools

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics as sklearn_metrics

from manloc_jax.evaluation import measures

SIZE = (60, 80)


def region(seed: int) -> np.ndarray:
  rng = np.random.default_rng(seed)
  truth = np.zeros(SIZE, np.uint8)
  top, left = rng.integers(0, 25, 2)
  truth[top : top + 30, left : left + 35] = 1
  return truth


def maps():
  rng = np.random.default_rng(0)
  truth = region(0)
  noise = rng.random(SIZE, np.float32)
  yield 'uniform', noise
  yield 'informed', np.clip(noise * 0.7 + 0.3 * truth, 0, 1)
  yield 'near one', np.float32(1) - noise * np.float32(1e-5)
  yield 'near zero', noise * np.float32(1e-30)
  yield 'few values', np.floor(noise * 4) / np.float32(4)
  yield 'of two signs', rng.normal(size=SIZE).astype(np.float32)
  yield 'constant', np.full(SIZE, 0.5, np.float32)
  yield 'zeros of two signs', np.where(noise > 0.5, 0.0, -0.0)


MAPS = {name: raw.astype(np.float32) for name, raw in maps()}


def slow_f1(marked: np.ndarray, truth: np.ndarray) -> float:
  hits = (marked & truth).sum()
  errors = (marked & ~truth).sum() + (~marked & truth).sum()
  return 2 * hits / (2 * hits + errors) if hits else 0.0


def slow_permuted(raw, truth, thresholds) -> float:
  """The best F1 of the map and of its inverse where pixels are scored."""
  inside = ndimage.minimum_filter(truth, 15) == 1
  outside = ndimage.maximum_filter(truth, 11) == 0
  scored = inside | outside
  return max(
      slow_f1(marked[scored], inside[scored])
      for threshold in thresholds
      for marked in (raw >= threshold, raw < threshold)
  )


@pytest.mark.parametrize('name', MAPS)
def test_measures_without_a_threshold(name):
  raw, truth = MAPS[name], region(0)
  got = measures.measure(raw, truth, {}).measures
  labels, values = truth.ravel(), raw.ravel()
  assert got['auc'] == pytest.approx(
      sklearn_metrics.roc_auc_score(labels, values), abs=1e-4
  )
  assert got['average_precision'] == pytest.approx(
      sklearn_metrics.average_precision_score(labels, values), abs=1e-3
  )
  precision, recall, _ = sklearn_metrics.precision_recall_curve(labels, values)
  f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
  assert got['f1_best'] == pytest.approx(f1.max(), abs=1e-3)
  assert got['iou_best'] == pytest.approx(f1.max() / (2 - f1.max()), abs=1e-3)
  assert got['f1_permuted_best'] == pytest.approx(
      slow_permuted(raw, truth, np.unique(raw)), abs=1e-3
  )
  everything = slow_permuted(np.ones(SIZE), truth, [0.5])
  assert got['f1_permuted_all'] == pytest.approx(everything)
  assert 'f1_half' not in got and 'f1_mask' not in got


@pytest.mark.parametrize('seed', range(3))
def test_measures_of_masks(seed):
  raw, truth = MAPS['informed'], region(seed)
  marked = np.random.default_rng(seed).random(SIZE) < 0.3
  masks = {'half': raw >= 0.5, 'mask': marked}
  got = measures.measure(raw, truth, masks).measures
  for name, mask in masks.items():
    labels = truth.ravel(), mask.ravel()
    assert got[f'f1_{name}'] == pytest.approx(sklearn_metrics.f1_score(*labels))
    assert got[f'iou_{name}'] == pytest.approx(
        sklearn_metrics.jaccard_score(*labels)
    )
  assert got['f1_permuted_half'] == pytest.approx(
      slow_permuted(raw, truth, [0.5])
  )


def test_an_empty_mask_scores_zero():
  nothing = np.zeros(SIZE, bool)
  got = measures.measure(
      MAPS['uniform'], region(0), {'mask': nothing}
  ).measures
  assert got['f1_mask'] == got['iou_mask'] == 0


def test_a_mask_of_one_class_has_no_area():
  raw, all_of_it = MAPS['informed'], np.ones(SIZE, np.uint8)
  got = measures.measure(raw, all_of_it, {'mask': raw > 0.4}).measures
  assert np.isnan(got['auc']) and np.isnan(got['average_precision'])
  assert got['f1_best'] == 1
  recall = (raw > 0.4).mean()
  assert got['f1_mask'] == pytest.approx(2 * recall / (1 + recall))


def test_a_region_that_the_erosion_empties_scores_zero():
  truth = np.zeros(SIZE, np.uint8)
  truth[5:10, 5:10] = 1
  got = measures.measure(MAPS['uniform'], truth, {}).measures
  assert got['f1_permuted_best'] == 0 and got['auc'] > 0


def test_counts_are_those_of_the_pixels():
  truth = region(0)
  for raw in MAPS.values():
    counted = measures.measure(raw, truth, {})
    assert counted.counts.sum(axis=1).tolist() == [
        (truth == 0).sum(), truth.sum()
    ]  # fmt: skip
    assert (np.diff(counted.bins) > 0).all()


def test_bins_are_in_the_order_of_the_values():
  edges = [-3, -1, -1e-3, 0, 1e-9, 0.2, 0.5, 0.6, 0.9, 1 - 1e-6, 1, 1.1, 255]
  values = np.sort(np.concatenate([
      np.linspace(low, high, 500, endpoint=False)
      for low, high in itertools.pairwise(edges)
  ])).astype(np.float32)
  truth = np.zeros((1, 1), np.uint8)
  bins = [
      measures.measure(np.full((1, 1), x), truth, {}).bins.item()
      for x in values
  ]
  assert (np.diff(bins) >= 0).all() and max(bins) < measures.BINS
  inside = (values > 0.6) & (values < 1)
  widths = [
      np.ptp((1 - values[inside])[bins == one]) / (1 - values[inside]).max()
      for bins in [np.array(bins)[inside]]
      for one in np.unique(bins)
  ]
  assert max(widths) < 1 / 1000


def test_source_and_target_apart():
  target, source = region(0), np.roll(region(0), 38, axis=1)
  source[target == 1] = 0
  raw = np.full(SIZE, 0.2, np.float32)
  raw[source == 1], raw[target == 1] = 0.6, 0.9
  got = measures.measure_copy(raw, target, source, raw > 0.7)
  assert got['auc_target'] == got['auc_source'] == 1
  assert got['auc_target_over_source'] == 1
  assert (got['recall_target'], got['recall_source']) == (1, 0)
  rng = np.random.default_rng(1).random(SIZE, np.float32)
  got = measures.measure_copy(rng, target, source, None)
  for name, (high, low) in {
      'auc_target': (target == 1, (target + source) == 0),
      'auc_source': (source == 1, (target + source) == 0),
      'auc_target_over_source': (target == 1, source == 1),
  }.items():
    pairs = itertools.product(rng[high][:200], rng[low][:200])
    about = np.mean([a > b for a, b in pairs])
    assert got[name] == pytest.approx(about, abs=0.06)
  assert 'recall_target' not in got
