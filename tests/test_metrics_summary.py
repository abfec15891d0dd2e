"""Scores of a split against scikit-learn on the same scores."""

import numpy as np
import pytest
from sklearn import metrics as reference

from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary
from manloc_jax.metrics import totals as totals_lib

BINS = 64
SIDE = 8


@pytest.fixture(scope='module')
def sample():
  """Scores and truths of six patches of three images, one of them pristine."""
  rng = np.random.default_rng(0)
  truth = (rng.random((6, SIDE, SIDE)) < 0.3).astype(np.int32)
  truth[4:] = 0
  # Multiples of a bin's width: binned and exact ranks are the same.
  score = np.clip(0.2 * truth + rng.random(truth.shape) * 0.7, 0, 0.99)
  score = (np.floor(score * BINS) / BINS).astype(np.float32)
  image = np.array([0, 0, 1, 1, 2, 2])
  patch_truth = np.array([0, 1, 1, 0, 0, 0])
  patch_score = np.array([0.25, 0.75, 0.5, 0.5, 0.125, 0.0], np.float32)
  rows = np.broadcast_to(image[:, None, None], truth.shape)
  totals = totals_lib.Totals(
      patches=np.asarray(
          histogram.histogram(
              patch_score, patch_truth, np.zeros(6, np.int32), (1, BINS)
          )
      ),
      pixels=np.asarray(
          histogram.histogram(
              score.ravel(), truth.ravel(), rows.ravel(), (3, BINS)
          )
      ),
      postprocessed={},
      positives=truth.sum(axis=0),
      loss=np.array([3.0, 1.5, 6.0]),
      objective=np.array([12.0, 6.0, 3.0]),
      non_finite=np.zeros(2, np.int32),
  )
  return totals, score, truth, image, patch_score, patch_truth


def test_every_score_agrees_with_scikit_learn(sample):
  totals, score, truth, image, patch_score, patch_truth = sample
  got = summary.network(totals)
  y, s = truth.ravel(), score.ravel()
  hit = s >= 0.5
  by_image = [
      (truth[image == i].ravel(), score[image == i].ravel()) for i in (0, 1)
  ]
  curve = reference.precision_recall_curve(y, s)
  want = {
      'pixel_auc_pooled': reference.roc_auc_score(y, s),
      'pixel_auc_image_mean': np.mean(
          [reference.roc_auc_score(*pair) for pair in by_image]
      ),
      'pixel_average_precision_pooled': reference.average_precision_score(y, s),
      'pixel_accuracy': reference.accuracy_score(y, hit),
      'pixel_accuracy_balanced': reference.balanced_accuracy_score(y, hit),
      'pixel_f1_at_half_pooled': reference.f1_score(y, hit),
      'pixel_f1_at_half_image_mean': np.mean(
          [reference.f1_score(t, p >= 0.5) for t, p in by_image]
      ),
      'pixel_f1_oracle_pooled': np.max(
          2 * curve[0] * curve[1] / np.maximum(curve[0] + curve[1], 1e-9)
      ),
      'pixel_iou_at_half_pooled': reference.jaccard_score(y, hit),
      'pixel_mcc_at_half_pooled': reference.matthews_corrcoef(y, hit),
      'patch_auc': reference.roc_auc_score(patch_truth, patch_score),
      'patch_average_precision': reference.average_precision_score(
          patch_truth, patch_score
      ),
      'patch_accuracy': reference.accuracy_score(
          patch_truth, patch_score >= 0.5
      ),
      'patch_accuracy_balanced': reference.balanced_accuracy_score(
          patch_truth, patch_score >= 0.5
      ),
      'patch_f1': reference.f1_score(patch_truth, patch_score >= 0.5),
      'patch_iou': reference.jaccard_score(patch_truth, patch_score >= 0.5),
      'patch_mcc': reference.matthews_corrcoef(
          patch_truth, patch_score >= 0.5
      ),
      'patch_loss': 0.5,
      'mask_loss': 0.25,
  }
  assert got.keys() == want.keys()
  for key, value in want.items():
    assert got[key] == pytest.approx(value), key


def test_mean_mask_is_scored_as_a_predictor_with_ties(sample):
  totals, _, truth, *_ = sample
  prior = np.round(np.random.default_rng(1).random((SIDE, SIDE)), 1)
  got = summary.trivial(totals, prior)['mean_mask']
  same = np.broadcast_to(prior, truth.shape).ravel()
  assert got['pixel_auc'] == pytest.approx(
      reference.roc_auc_score(truth.ravel(), same)
  )
  assert got['pixel_average_precision'] == pytest.approx(
      reference.average_precision_score(truth.ravel(), same)
  )
  flat = summary.trivial(totals, np.ones((SIDE, SIDE)))['mean_mask']
  assert flat['pixel_auc'] == 0.5


def test_kinds_of_manipulation_are_scored_apart(sample):
  totals, score, truth, image, *_ = sample
  got = summary.by_manipulation(
      ['splice', 'copy-move', 'splice'],
      [histogram.auc(counts) for counts in totals.pixels],
      lambda indices: totals.pixels[indices].sum(axis=0),
  )
  of = image != 1
  assert got['splice']['images'] == 2
  assert got['splice']['pixel_auc_pooled'] == pytest.approx(
      reference.roc_auc_score(truth[of].ravel(), score[of].ravel())
  )
  assert got['copy-move']['pixel_auc_image_mean'] == pytest.approx(
      got['copy-move']['pixel_auc_pooled']
  )


def test_counts_and_thinned_curve(sample):
  totals, _, truth, *_ = sample
  counts = summary.counts(totals)
  assert counts == {
      'images': 3,
      'images_of_both_classes': 2,
      'patches_pristine': 4,
      'patches_manipulated': 2,
      'pixels_pristine': int((truth == 0).sum()),
      'pixels_manipulated': int(truth.sum()),
  }
  curve = summary.thinned(histogram.roc(totals.pixels.sum(axis=0)), points=10)
  assert curve['fpr'][0] == curve['tpr'][0] == 0
  assert curve['fpr'][-1] == curve['tpr'][-1] == 1
  assert curve['fpr'] == sorted(curve['fpr'])
