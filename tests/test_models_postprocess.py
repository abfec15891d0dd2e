import jax
import numpy as np
import pytest
from scipy import ndimage

from manloc_jax.models import interface
from manloc_jax.models import postprocess


def test_smoothing_is_a_gaussian_filter():
  maps = np.random.default_rng(0).random((2, 32, 32)).astype(np.float32)
  smoothed = postprocess.smooth(maps, 1.5)
  # Weights inside the map sum to one, as normalized convolution does.
  options = {'sigma': 1.5, 'mode': 'constant', 'axes': (1, 2)}
  want = ndimage.gaussian_filter(maps, **options)
  want /= ndimage.gaussian_filter(np.ones_like(maps), **options)
  np.testing.assert_allclose(smoothed, want, atol=1e-4)
  np.testing.assert_array_equal(postprocess.smooth(maps, 0), maps)
  with pytest.raises(ValueError, match='smooth_sigma'):
    postprocess.smooth(maps, -1.0)


def test_hard_gating_removes_specks_and_whole_pristine_patches():
  scores = np.zeros((2, 32, 32), np.float32)
  scores[:, 4:20, 4:20] = 0.9
  scores[:, 28, 28] = 0.9  # One pixel.
  patch = np.array([0.8, 0.3], np.float32)
  scores_by_name = postprocess.variants(patch, scores, 1.0)
  assert tuple(scores_by_name) == postprocess.names(interface.TASKS)
  smoothed = np.array(scores_by_name['smoothed'])
  assert set(np.unique(smoothed)) == {0, 1}
  assert smoothed[:, 28, 28].max() == 0
  assert smoothed[:, 8:16, 8:16].min() == 1
  np.testing.assert_array_equal(scores_by_name['hard'][0], smoothed[0])
  assert not scores_by_name['hard'][1].any()
  want = jax.numpy.asarray([0.9 * 0.8, 0.9 * 0.3])
  np.testing.assert_allclose(scores_by_name['soft'][:, 12, 12], want, rtol=1e-5)


def test_without_patch_labels_there_is_no_gating():
  scores = np.zeros((1, 16, 16), np.float32)
  scores_by_name = postprocess.variants(None, scores, 1.0)
  names = postprocess.names((interface.MASK,))
  assert tuple(scores_by_name) == names == ('smoothed',)
  assert postprocess.names((interface.PATCH,)) == ()
