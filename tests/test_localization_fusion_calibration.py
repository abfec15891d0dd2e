"""Calibration of the fusion: probabilities, one threshold, whole images."""

import numpy as np
import pytest
from scipy import special

from manloc_jax.localization.fusion import calibration

SHAPE = (24, 30)


def sampled(count, scale, shift, seed=0):
  """Log-odds of blocks, and labels that follow other log-odds than these."""
  rng = np.random.default_rng(seed)
  maps, labels = [], []
  for _ in range(count):
    logits = rng.normal(-1, 2, SHAPE)
    probability = special.expit(scale * logits + shift)
    labels.append((rng.random(SHAPE) < probability).astype(np.float32))
    maps.append(special.expit(logits).astype(np.float32))
  return maps, labels


def test_scores_become_probabilities():
  maps, labels = sampled(40, scale=0.5, shift=-1.0)
  inside = [np.ones(SHAPE, bool)] * len(maps)
  fitted = calibration.fit(maps, inside, labels)
  assert fitted.scale == pytest.approx(0.5, abs=0.03)
  assert fitted.shift == pytest.approx(-1.0, abs=0.05)
  assert fitted.image is None  # All of them are forged.


def test_blocks_outside_say_nothing():
  maps, labels = sampled(20, scale=1.0, shift=0.0)
  inside = np.ones(SHAPE, bool)
  inside[:, :10] = False
  broken = [x.copy() for x in maps]
  for scores in broken:
    scores[:, :10] = 0.0
  whole = calibration.fit(maps, [inside] * 20, labels)
  cut = calibration.fit(broken, [inside] * 20, labels)
  assert (whole.scale, whole.shift) == (cut.scale, cut.shift)


def test_the_rule_for_masks_has_the_best_mean_f1():
  label = np.zeros(SHAPE, bool)
  label[4:10, 4:10] = True
  scores = np.where(label, 0.62, 0.3).astype(np.float32)
  weaker = np.where(label, 0.42, 0.3).astype(np.float32)
  maps, labels = [scores, weaker], [label, label]
  rule = calibration.best_mask(maps, labels)
  assert 0.30 < rule.least <= 0.42
  assert rule.of_largest == 0
  # An untouched image with as many blocks of .5 as masks may not mark.
  untouched = np.where(label, 0.5, 0.1).astype(np.float32)
  assert label.mean() > calibration.MOST_MARKED
  maps, labels = [*maps, untouched], [*labels, np.zeros(SHAPE, bool)]
  rule = calibration.best_mask(maps, labels)
  assert 0.5 < rule.threshold(0.5) <= 0.62
  # Whatever is chosen marks too much of an image of ones.
  maps[-1] = np.ones(SHAPE, np.float32)
  rule = calibration.best_mask(maps, labels)
  assert rule.least == pytest.approx(0.98)


def test_a_mask_keeps_off_what_is_far_below_the_largest_score():
  label = np.zeros(SHAPE, bool)
  label[4:10, 4:10] = True
  # Of one image as much is certain as there is doubt about in the other.
  certain = np.where(label, 0.9, 0.3).astype(np.float32)
  doubted = np.where(label, 0.3, 0.1).astype(np.float32)
  rule = calibration.best_mask([certain, doubted], [label, label])
  for scores in (certain, doubted):
    mask = scores >= rule.threshold(scores.max())
    np.testing.assert_array_equal(mask, label)


def test_single_blocks_are_left_out_where_they_are_mostly_false():
  rng = np.random.default_rng(0)
  maps, labels = [], []
  for index in range(40):
    # As certain as the region.
    scores = np.where(rng.random(SHAPE) < 0.02, 0.7, 0.1).astype(np.float32)
    label = np.zeros(SHAPE, bool)
    if index % 2:
      top, left = rng.integers(0, 14, 2)
      label[top : top + 6, left : left + 6] = True
      scores[label] = 0.7
    maps.append(scores)
    labels.append(label)
  rule = calibration.best_mask(maps, labels)
  assert rule.smallest_region in (4 * 64, 9 * 64)
  masks = [rule.blocks(scores) for scores in maps]
  f1 = [
      2 * (mask & label).sum() / (mask.sum() + label.sum())
      for mask, label in zip(masks, labels, strict=True)
      if label.any()
  ]
  assert np.mean(f1) > 0.95
  assert np.median([x.sum() for x in masks[::2]]) == 0


def test_images_with_a_region_are_told_from_others():
  rng = np.random.default_rng(0)
  maps, labels = [], []
  for index in range(80):
    scores = special.expit(rng.normal(-4, 1, SHAPE))
    label = np.zeros(SHAPE, np.float32)
    if index % 4:
      top, left = rng.integers(0, 14, 2)
      at = np.s_[top : top + 6, left : left + 6]
      scores[at], label[at] = special.expit(rng.normal(2, 1, (6, 6))), 1
    maps.append(scores.astype(np.float32))
    labels.append(label)
  inside = [np.ones(SHAPE, bool)] * len(maps)
  fitted = calibration.fit(maps, inside, labels)
  assert fitted.image is not None
  odds = [fitted.scale * special.logit(x) + fitted.shift for x in maps]
  probabilities = np.array([
      fitted.image.probability(special.expit(x), inside[0]) for x in odds
  ])
  forged = np.array([x.any() for x in labels])
  assert probabilities[forged].min() > 0.5 > probabilities[~forged].max()


def test_measures_are_of_what_lies_inside():
  scores = np.full(SHAPE, 0.2, np.float32)
  scores[:4] = 0.99
  inside = np.ones(SHAPE, bool)
  inside[:4] = False
  measured = calibration.measure(scores, inside)
  odds = np.log(0.2 / 0.8)
  assert measured == pytest.approx([odds] * 4 + [np.log(0.2)], rel=1e-5)
