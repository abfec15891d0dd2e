"""Locations, labels, balance and crops of the paper's sampler."""

import numpy as np
import pytest
import trees

from manloc_jax.data import compression
from manloc_jax.data import spec
from manloc_jax.data.sampling import balance
from manloc_jax.data.sampling import locations
from manloc_jax.data.sampling import patches


def rectangle(size, top, left, height, width):
  mask = np.zeros(size, np.uint8)
  mask[top : top + height, left : left + width] = 1
  return mask


def count_by_hand(mask, boxes):
  return [
      mask[top : top + height, left : left + width].sum()
      for top, left, height, width in boxes
  ]


def test_windows_cover_the_whole_image():
  boxes = locations.windows((150, 200), 64)
  covered = np.zeros((150, 200), bool)
  for top, left, height, width in boxes:
    assert (height, width) == (64, 64)
    covered[top : top + 64, left : left + 64] = True
  assert covered.all() and len(boxes) == 3 * 4
  assert len(locations.windows((256, 384), 64)) == 24
  assert len(locations.windows((63, 300), 64)) == 0


def test_windows_lie_on_a_grid():
  boxes = locations.windows((150, 207), 64, grid=8)
  assert np.unique(boxes[:, 0]).tolist() == [0, 64, 80]
  assert np.unique(boxes[:, 1]).tolist() == [0, 64, 128, 136]
  whole = rectangle((151, 70), 0, 0, 151, 70)
  sampler = patches.Sampler(sources=('window',), window_grid=8, stride=8)
  for list_windows in (patches.candidates, patches.grid):
    found = list_windows(whole, sampler)
    assert not (found.boxes % 8).any() and found.boxes[-1].tolist()[0] == 80
  for wrong in ({'stride': 20}, {'test_stride': 4}, {'window_grid': 24}):
    with pytest.raises(spec.DataError, match='window_grid is .* multiples'):
      patches.Sampler(**{'window_grid': 8, **wrong})


def test_a_box_has_its_region_in_the_middle():
  mask = rectangle((400, 400), 100, 150, 60, 80)
  box = locations.boxes(mask, box_per='component', min_area=64, enlarge=2.0)
  np.testing.assert_allclose(box, [[70, 110, 120, 160]], atol=2)


def test_a_box_stays_inside_and_keeps_its_size():
  mask = rectangle((400, 300), 0, 280, 60, 20)
  (box,) = locations.boxes(mask, box_per='component', min_area=64, enlarge=2.0)
  np.testing.assert_array_equal(box, [0, 236, 120, 64])


def test_a_box_larger_than_the_image_is_clipped():
  mask = rectangle((100, 200), 0, 0, 100, 150)
  (box,) = locations.boxes(mask, box_per='component', min_area=64, enlarge=2.0)
  np.testing.assert_array_equal(box, [0, 0, 100, 200])


def test_components_union_and_specks():
  mask = rectangle((400, 400), 10, 10, 50, 50)
  mask |= rectangle((400, 400), 300, 300, 50, 50)
  mask[200, 200] = 1
  by = lambda kind, area: len(
      locations.boxes(mask, box_per=kind, min_area=area, enlarge=1.0)
  )
  assert by('component', 64) == 2
  assert by('union', 64) == 1
  assert by('component', 1e6) == 0


def test_shifts_are_fractions_of_the_box():
  box = np.array([[200, 200, 80, 120]], np.int32)
  moved = locations.shifted(box, (0.25, 0.5), (600, 600))
  offsets = {tuple(row[:2] - box[0, :2]) for row in moved}
  assert offsets == {
      (20, 0), (-20, 0), (0, 30), (0, -30),
      (40, 0), (-40, 0), (0, 60), (0, -60),
  }


def test_counts_agree_with_a_loop():
  mask = (trees.photograph(0)[..., 0] > 100).astype(np.uint8)
  boxes = locations.windows(mask.shape, 32)
  np.testing.assert_array_equal(
      locations.manipulated_pixels(mask, boxes), count_by_hand(mask, boxes)
  )


@pytest.mark.parametrize('extra, label', [(0, 0), (1, 1)])
def test_the_area_rule_is_strict(extra, label):
  mask = rectangle((64, 64), 0, 0, 8, 64)  # Exactly 1/8.
  mask[63, :extra] = 1
  sampler = patches.Sampler(sources=('window',))
  assert patches.candidates(mask, sampler).labels.tolist() == [label]


@pytest.mark.parametrize(
    'rule, expected',
    [('area', [1, 1]), ('iou', [1, 0]), ('coverage', [1, 1])],
)
def test_label_rules(rule, expected):
  mask = rectangle((64, 128), 0, 32, 64, 48)
  # Window 0 holds 2048 of 3072 region pixels, window 1 holds 1024.
  sampler = patches.Sampler(
      sources=('window',), stride=64, label_rule=rule,
      label_threshold=0.2,
  )
  found = patches.candidates(mask, sampler)
  assert found.labels.tolist() == expected


def test_no_location_twice():
  mask = rectangle((128, 192), 0, 0, 60, 60)
  found = patches.candidates(mask, patches.Sampler())
  assert len(np.unique(found.boxes, axis=0)) == len(found.boxes)


def test_balance_meets_the_ratio_over_the_part():
  positives = np.array([10, 40, 0, 5])
  negatives = np.array([100, 10, 50, 100])
  for ratio in (0.5, 1.0, 2.0):
    kept, drawn = balance.balance(
        positives, negatives, patches.Sampler(neg_per_pos=ratio)
    )
    np.testing.assert_array_equal(kept, positives)
    assert drawn.sum() == round(ratio * positives.sum())
    assert (drawn <= negatives).all()


def test_balance_without_positives_or_ratio():
  none, many = np.zeros(2, int), np.array([7, 300])
  assert balance.balance(none, many, patches.Sampler())[1].sum() == 0
  plain = patches.Sampler(neg_per_pos=0, max_per_image=0)
  np.testing.assert_array_equal(balance.balance(none, many, plain)[1], many)


def test_the_cap_holds_and_boxes_go_first():
  mask = rectangle((640, 640), 100, 100, 300, 300)
  sampler = patches.Sampler(max_per_image=20)
  found = patches.candidates(mask, sampler)
  total = np.array([found.labels.sum()])
  quota = balance.balance(total, len(found.labels) - total, sampler)
  assert (quota[0] + quota[1]).tolist() == [20]
  index = patches.choose(
      found, int(quota[0][0]), int(quota[1][0]), patches.rng_for(0, 'a')
  )
  boxes = np.flatnonzero((found.sources > 0) & (found.labels == 1))
  assert len(index) == 20 and set(boxes[:10]) <= set(index)


def test_an_image_has_its_own_generator():
  draws = [patches.rng_for(s, n).random() for s, n in ((0, 'a'), (0, 'b'))]
  assert draws[0] != draws[1]
  assert draws[0] == patches.rng_for(0, 'a').random()


def test_crops_are_native_or_resized():
  image = trees.photograph(1, (256, 256))
  mask = rectangle((256, 256), 50, 60, 90, 100)
  found = patches.candidates(mask, patches.Sampler())
  told = compression.NONE + np.uint8(1)
  cut = patches.cut(image, mask, found, np.arange(len(found.labels)), told)
  for patch in cut:
    assert patch.image.shape == (64, 64, 3) and patch.mask.shape == (64, 64)
    top, left, height, width = patch.box
    if patch.source == 'window':
      np.testing.assert_array_equal(
          patch.image, image[top : top + 64, left : left + 64]
      )
      assert patch.label == int(patch.mask.mean() > 1 / 8)
    else:
      native = mask[top : top + height, left : left + width]
      assert abs(native.mean() - patch.mask.mean()) < 0.05
    # It belongs to the blocks of the file: native patches that begin on one.
    is_native = patch.box[2:] == (64, 64) and not (top % 8 or left % 8)
    want = told if is_native else compression.NONE
    np.testing.assert_array_equal(patch.compression, want)
  assert {patch.source for patch in cut} == set(patches.SOURCES)


def test_the_grid_leaves_nothing_out():
  mask = rectangle((128, 192), 0, 0, 60, 60)
  found = patches.grid(mask, patches.Sampler())
  assert found.labels.tolist() == [1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    'wrong',
    [
        {'label_rule': 'x'},
        {'sources': ('x',)},
        {'stride': 0},
        {'stride': 1.5},
        {'max_per_image': -1},
        {'window_grid': 0},
        {'neg_per_pos': float('nan')},
        {'neg_per_pos': -1},
        {'min_area': float('nan')},
        {'enlarge': float('inf')},
        {'enlarge': 0.5},
        {'slides': (0.25, float('nan'))},
        {'label_threshold': float('nan')},
        {'label_threshold': 2},
    ],
)
def test_unknown_settings_are_refused(wrong):
  with pytest.raises(spec.DataError, match='--config.data'):
    patches.Sampler(**wrong)
