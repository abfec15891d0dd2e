"""Scores of a fusion on held-out images."""

import jax
import numpy as np
import pytest

from manloc_jax.localization.fusion import calibration
from manloc_jax.localization.fusion import examples as examples_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import held_out
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.reports import reliability

COUNT = len(features.NAMES)


def example(name, *, is_forged):
  fraction = np.zeros((10, 12), np.uint8)
  fraction[2:6, 3:8] = 255 * is_forged
  measured = np.zeros((10, 12, COUNT), np.float16)
  return examples_lib.Example(name, 'none', measured, fraction)


@pytest.fixture
def scored(monkeypatch):
  """Scores two forged and two untouched images, with given maps."""
  examples = [example(name, is_forged=name < 'c') for name in 'abcd']
  maps = [np.full((10, 12), 0.14, np.float32) for _ in examples]
  maps[0][2:6, 3:8] = 0.95  # Found.
  maps[1][2:4, 3:8] = 0.65  # Half of it found.
  maps[3][:2] = 0.65  # Found where nothing is.
  answers = iter(maps)
  monkeypatch.setattr(
      network, 'make_scores', lambda model: lambda *args: next(answers)
  )
  model = network.Fusion(width=8)
  image = calibration.ImageModel((0.0, 0.0, 0.0, 1.0, 0.0), 0.0)
  weights = weights_lib.Weights(
      model,
      weights_lib.init(model, jax.random.key(0)),
      *(np.zeros(COUNT, np.float32), np.ones(COUNT, np.float32)),
      *(calibration.MaskRule(0.6), {}, image),
  )
  return held_out.score(weights, examples)


def test_scores_by_hand(scored):
  assert (scored['forged'], scored['untouched']) == (2, 2)
  # All of it and nothing else; 10 of 20 blocks.
  assert scored['f1_mean'] == pytest.approx((1 + 20 / 30) / 2)
  assert scored['f1_best_mean'] == scored['f1_mean']
  assert scored['block_auc_mean'] == pytest.approx((1 + 0.75) / 2)
  assert scored['marked'] == pytest.approx(
      {'median': 0.1, 'percentile_95': 0.19, 'largest': 0.2}
  )


def test_untouched_images_are_told_by_the_largest_score(scored):
  # Averaged over 3x3 blocks a is above d, at the edge, and that above b and c;
  # a and d alone are above one half.
  assert scored['image']['auc'] == pytest.approx(3 / 4)
  assert scored['image']['balanced_accuracy'] == pytest.approx(1 / 2)


def test_reliability_by_hand(scored, tmp_path):
  bins = scored['reliability']
  assert bins['blocks'][1] == 480 - 20 - 10 - 24
  assert bins['blocks'][6] == 10 + 24
  assert bins['blocks'][9] == 20
  assert bins['score'][9] == pytest.approx(0.95)
  assert bins['manipulated'][9] == 1
  assert bins['manipulated'][6] == pytest.approx(10 / 34)
  assert bins['manipulated'][1] == pytest.approx(10 / 426)
  assert bins['manipulated'][3] == 0
  png, pdf = reliability.draw(bins, tmp_path / 'reliability.png')
  assert png.stat().st_size > 1000 and pdf.is_file()


def test_a_split_without_blocks_of_both_classes_has_no_means(monkeypatch):
  wholly = example('a', is_forged=True)
  wholly.fraction[:] = 255
  monkeypatch.setattr(
      network,
      'make_scores',
      lambda model: lambda *args: np.full((10, 12), 0.5, np.float32),
  )
  weights = weights_lib.Weights(
      network.Fusion(width=8),
      *(None, np.zeros(COUNT, np.float32), np.ones(COUNT, np.float32)),
      *(calibration.MaskRule(0.6), {}),
  )
  results = held_out.score(weights, [wholly])
  means = ('block_auc_mean', 'f1_mean', 'f1_best_mean')
  assert [results[name] for name in means] == [None] * 3
