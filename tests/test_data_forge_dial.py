"""Levels of traces: what depends on them, and what does not."""

import cv2
import numpy as np
import pytest
from sklearn import metrics

from configs import ablation
from configs import dial as dial_config
from manloc_jax.data import forge
from manloc_jax.data import prepare
from manloc_jax.data import spec
from manloc_jax.data.datasets import dial as dial_dataset
from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import dial
from manloc_jax.data.forge import plain
from manloc_jax.data.forge import sequence
from manloc_jax.data.forge import tree
from manloc_jax.data.storage import prepared_set
from manloc_jax.localization.classical.methods import noise

LEVELS = (0.0, 0.5, 1.0)
OPTIONS = {'counts': (3, 2, 2), 'seed': 0, 'workers': 1}


@pytest.fixture(scope='module')
def photographs():
  """Those of the training split, which the schedule was chosen on."""
  listed = forge.packaged().listed
  return forge.Photographs([p for p in listed if p.split == 'train'])


def make(function, photographs, manipulation, level, seed):
  host, donor = photographs[seed % 8], photographs[8]
  rng = np.random.default_rng(seed)
  return function(host, donor, manipulation, level, rng)


def grain_of(image):
  """Returns the strength of the finest detail, f32[height, width]."""
  grey = image.mean(axis=2, dtype=np.float32)
  return np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))


@pytest.mark.parametrize('manipulation', plain.MANIPULATIONS)
def test_the_level_changes_nothing_but_traces(photographs, manipulation):
  for seed in range(3):
    made = [
        make(dial.manipulate, photographs, manipulation, level, seed)
        for level in LEVELS
    ]
    first, mask, trace = made[0]
    for image, other_mask, other_trace in made[1:]:
      np.testing.assert_array_equal(other_mask, mask)
      assert other_trace == trace
      differs = (image != first).any(axis=2)
      assert not differs[mask == 0].any()
      assert differs[mask == 1].mean() > 0.5


@pytest.mark.parametrize('manipulation', plain.MANIPULATIONS)
def test_the_grain_of_the_piece_rises_to_that_of_the_host(
    photographs, manipulation
):
  ratios = []
  for level in LEVELS:
    strengths = []
    for seed in range(6):
      image, mask, _ = make(
          dial.manipulate, photographs, manipulation, level, seed
      )
      grain = grain_of(image)
      inside = cv2.erode(mask, np.ones((7, 7), np.uint8)) == 1
      strengths.append(
          np.median(grain[inside]) / np.median(grain[mask == 0])
      )
    ratios.append(np.mean(strengths))
  assert ratios[0] < 0.5
  assert ratios[0] + 0.2 < ratios[1] < ratios[2] - 0.2
  # Inpainting is smooth where the photograph itself has fine detail.
  assert (0.6 if manipulation == 'removal' else 0.9) < ratios[2] < 1.2


def test_same_seed_and_level_give_the_same_bytes(photographs):
  for level in LEVELS:
    one, two = (
        sequence.generate(photographs, 3, 5, level=level) for _ in range(2)
    )
    assert one.file == two.file and one.history == two.history
    np.testing.assert_array_equal(cameras.decode(one.file), one.image)
    np.testing.assert_array_equal(one.mask, two.mask)
  assert sequence.generate(photographs, 4, 5, level=1.0).file != one.file


def test_the_after_treatment_grows_with_the_level(photographs):
  qualities = {
      level: [
          make(dial.forge, photographs, 'removal', level, seed).history[
              'quality'
          ]
          for seed in range(4)
      ]
      for level in LEVELS
  }
  assert all(q in range(*plain.FINAL_QUALITY) for q in qualities[0.0])
  assert all(q in range(*dial.WEB_QUALITY) for q in qualities[1.0])


def test_the_detector_lets_go_with_the_level(photographs):
  areas = []
  for level in LEVELS:
    of_level = []
    for index in range(12):
      made = sequence.generate(photographs, 0, index, level=level)
      height, width = made.mask.shape
      blocks = noise.score(made.image)[: height // 16, : width // 16]
      scores = np.kron(blocks, np.ones((16, 16)))
      truth = made.mask[: scores.shape[0], : scores.shape[1]]
      # Less noise is the sign, see `reports.study.dial`.
      of_level.append(metrics.roc_auc_score(truth.ravel(), -scores.ravel()))
    areas.append(np.mean(of_level))
  assert areas[0] > 0.85 and areas[2] < 0.65
  assert areas[0] - 0.1 > areas[1] > areas[2] + 0.05


def test_levels_are_cut_into_the_same_patches(tmp_path):
  sets = []
  for level in (0.0, 1.0):
    root = tmp_path / f'{level}'
    tree.make(root, [], level=level, **OPTIONS)
    records, rejected = dial_dataset.DATASET.find_records(root)
    assert {record.split for record in records} == set(spec.SPLITS)
    assert len(records) == 7 and not rejected
    folder = prepare.prepare(
        dataset='dial',
        root=root,
        out=tmp_path / 'prepared',
        seed=0,
        split_rule='given',
        backend='memory',
        workers=1,
    )
    sets.append(folder)
  one, two = sets
  assert one != two
  digests = {prepared_set.PreparedSet.open(folder).digest for folder in sets}
  assert len(digests) == 1
  for split in ('train', 'test_grid'):
    for field in ('mask', 'label', 'box'):
      np.testing.assert_array_equal(
          *(np.load(folder / f'{split}-{field}.npy') for folder in sets)
      )
    images = [np.load(folder / f'{split}-image.npy') for folder in sets]
    assert images[0].shape == images[1].shape
    assert (images[0] != images[1]).any()


def test_a_tree_keeps_its_level(tmp_path):
  tree.make(tmp_path / 'dial', [], level=0.4, **OPTIONS)
  before = (tmp_path / 'dial/histories.jsonl').read_bytes()
  tree.make(tmp_path / 'dial', [], level=0.4, **OPTIONS)
  assert (tmp_path / 'dial/histories.jsonl').read_bytes() == before
  with pytest.raises(spec.DataError, match='other level'):
    tree.make(tmp_path / 'dial', [], level=0.6, **OPTIONS)
  with pytest.raises(spec.DataError, match='other .*level'):
    tree.make(tmp_path / 'dial', [], **OPTIONS)


def test_forgeries_without_a_level_are_refused(tmp_path):
  tree.make(tmp_path, [], **OPTIONS, size=(96, 128))
  with pytest.raises(spec.DataError, match='without a level'):
    dial_dataset.DATASET.find_records(tmp_path)


@pytest.mark.parametrize('level', [-0.1, 1.1, float('nan'), 'plain'])
def test_a_level_out_of_range_leaves_nothing(tmp_path, level):
  with pytest.raises(spec.DataError, match='level.*from 0 to 1'):
    tree.make(tmp_path / 'dial', [], level=level, **OPTIONS)
  assert not (tmp_path / 'dial').exists()


@pytest.mark.parametrize('percent', ['101', '-1', 'plain', '0.4', ''])
def test_a_config_is_of_a_level(percent):
  with pytest.raises(ValueError, match='whole number from 0 to 100'):
    dial_config.get_config(percent)


def test_the_study_has_every_level():
  for percent in dial_config.PERCENTS:
    config = ablation.get_config(f'dial-{percent}/fcn')
    assert config.data.forge.level == int(percent) / 100
    assert config.data.root == f'data/dial-{percent}'
    assert config.model.network == 'fcn' and config.system == 'fcn'
