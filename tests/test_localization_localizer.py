"""Regions of masks, which all localizers share."""

import numpy as np

from manloc_jax.localization import localizer as localizer_lib


def test_regions_of_noise_are_counted_and_the_largest_listed():
  mask = np.zeros((100, 100), bool)
  mask[::4, ::4] = True
  mask[0, :3] = True
  mask[5, 5] = True  # Touches (4, 4) by a corner.
  regions, count = localizer_lib.find_regions(mask)
  assert count == 25 * 25 and len(regions) == localizer_lib.MAX_REGIONS
  assert [region.pixels for region in regions[:3]] == [3, 2, 1]
  assert localizer_lib.find_regions(np.zeros((3, 3), bool)) == ([], 0)


def test_small_regions_are_taken_out_of_a_mask():
  mask = np.zeros((40, 40), bool)
  kept = mask.copy()
  kept[2:30, 2] = kept[29, 2:30] = True  # Around the next region.
  mask |= kept
  mask[10:12, 10:12] = True
  mask[39, 35:39] = True
  regions, count = localizer_lib.find_regions(mask, 5)
  assert count == 1 and regions[0].pixels == kept.sum()
  np.testing.assert_array_equal(mask, kept)
