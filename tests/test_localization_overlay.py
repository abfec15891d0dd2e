import numpy as np
import pytest

from manloc_jax.localization import overlay


def test_heat_covers_what_scores_high():
  image = np.full((60, 80, 3), 100, np.uint8)
  score = np.zeros((60, 80), np.float32)
  score[20:40, 20:60] = 1
  picture = overlay.draw(image, score, score > 0.5)
  assert picture.shape == image.shape and picture.dtype == np.uint8
  np.testing.assert_array_equal(picture[:18], image[:18])
  assert picture[30, 40].min() > 100, 'the brightest colour of the heat'
  assert tuple(picture[20, 40]) == (0, 255, 255), 'the outline'


def test_large_images_are_reduced_and_specks_stay():
  image = np.zeros((30, 3 * overlay.LONGEST, 3), np.uint8)
  mask = np.zeros(image.shape[:2], bool)
  mask[15, 3000] = True
  score = np.zeros(mask.shape, np.float32)
  picture = overlay.draw(image, score, mask)
  assert picture.shape == (10, overlay.LONGEST, 3)
  assert (picture[..., 1] == 255).any()
  assert overlay.draw(image[:1], score[:1], mask[:1]).shape[0] == 1


def test_arrows_lead_from_the_source_to_the_copy():
  picture = np.zeros((100, 200, 3), np.uint8)
  copy = {
      'source': {'row': 100, 'column': 100, 'score': 0.1},
      'copy': {'row': 100, 'column': 300, 'score': 0.9},
      'is_direction_known': True,
  }
  assert overlay.arrows(picture, [], picture.shape) is picture
  drawn = overlay.arrows(picture, [copy], (200, 400, 3))[..., 1] > 0
  assert not picture.any()
  columns = np.flatnonzero(drawn.any(axis=0))
  assert columns[0] == pytest.approx(50, abs=6)
  assert columns[-1] == pytest.approx(150, abs=3)
  assert drawn[:, 141:147].any(1).sum() > 8, 'the head'
  unknown = {**copy, 'is_direction_known': False}
  line = overlay.arrows(picture, [unknown], (200, 400, 3))[..., 1] > 0
  assert line[:, 141:147].any(1).sum() < 8
