"""What networks read in place of colours, against other libraries."""

import functools

import chex
import jax
import numpy as np
import pytest
from scipy import fft
from scipy import signal

from manloc_jax import models
from manloc_jax.data import compression
from manloc_jax.models import traces

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
LUMA = IMAGES @ np.array([0.299, 0.587, 0.114])
TABLE = np.arange(2, 66, dtype=np.uint8).reshape(8, 8)


def blocks_of(plane):
  """The 8x8 blocks of f64[64, 64], row by row, f32[1, 64, 64]."""
  x = plane.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3)
  return x.reshape(1, 64, 64).astype(np.float32)


def described(table):
  """The compression of a file with this table and even odds, one patch."""
  one = compression.NONE.copy()
  one[..., 0] = table
  return one[None]


def test_residuals_are_those_of_a_correlation():
  got = traces.residuals(IMAGES)
  square = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
  want = signal.correlate(LUMA[0], square, 'valid') / 2
  chex.assert_shape(got, (2, 64, 64, 3))
  np.testing.assert_allclose(
      got[0, 1:-1, 1:-1, 1], np.clip(want, -3, 3), atol=1e-4
  )
  # Content without noise has none, at the border neither.
  ramp = np.broadcast_to(np.arange(64)[:, None, None], (1, 64, 64, 3))
  assert np.abs(traces.residuals(ramp)[0, 2:-2]).max() < 1e-4


def test_coefficients_are_those_of_scipy_in_units_of_the_table():
  want = fft.dctn(
      blocks_of(LUMA[0]).reshape(64, 8, 8) - 128.0, axes=(1, 2), norm='ortho'
  )
  got = traces.coefficients(blocks_of(LUMA[0]), described(TABLE))
  exact = (want / TABLE).reshape(1, 64, 64)
  assert np.abs(got - exact).max() <= 0.5 + 1e-4
  np.testing.assert_array_equal(got, np.round(got))
  without = traces.coefficients(blocks_of(LUMA[0]), None)
  assert np.abs(without - want.reshape(1, 64, 64)).max() <= 0.5 + 1e-3


def test_odds_are_looked_up_by_frequency_and_size():
  one = described(TABLE)
  # The vertical frequency 2 and the horizontal frequency 1, size 5.
  one[0, 2, 1, 1 + 5] = compression.ZERO + compression.SCALE
  coefficients = np.zeros((1, 64, 64), np.float32)
  coefficients[0, 3, 8 * 2 + 1] = -5
  coefficients[0, 4, 8 * 1 + 2] = -5
  coefficients[0, 5] = 1000  # The last size has even odds.
  got = np.array(traces.odds(coefficients, one))
  assert got[0, 3, 17] == 1
  got[0, 3, 17] = 0
  assert not got.any()
  assert not np.any(traces.odds(coefficients, None))
  assert (traces.ODDS_ZERO, traces.ODDS_SCALE) == (
      compression.ZERO,
      compression.SCALE,
  )


def test_the_spectrum_shows_a_period_of_interpolation():
  # Every other pixel is the mean of its neighbours along a row.
  rng = np.random.default_rng(0)
  known = rng.normal(128, 20, (64, 33))
  plane = np.empty((64, 64))
  plane[:, ::2] = known[:, :-1]
  plane[:, 1::2] = (known[:, 1:] + known[:, :-1]) / 2
  got = traces.spectrum(blocks_of(plane))
  chex.assert_shape(got, (1, 64, 40))
  by_frequency = np.asarray(got).reshape(64, 8, 5).mean(axis=0)[0]
  noise = traces.spectrum(blocks_of(rng.normal(128, 20, (64, 64))))
  noise = np.asarray(noise).reshape(64, 8, 5).mean(axis=0)[0]
  assert by_frequency[4] - noise[4] > 0.3 > by_frequency[2] - noise[2]


def test_constrained_kernels_predict_the_centre():
  kernel = jax.random.normal(jax.random.key(0), (5, 5, 3, 4))
  got = np.array(traces.prediction_errors(kernel)) / 12
  np.testing.assert_allclose(got[2, 2], -1, rtol=1e-6)
  got[2, 2] = 0
  np.testing.assert_allclose(got.sum(axis=(0, 1)), 1, rtol=1e-5)
  # Also where the weights around the centre sum to 0.
  flat = np.array(traces.prediction_errors(np.zeros((3, 3, 1, 1)))) / 12
  np.testing.assert_allclose(flat[0, 0], 1 / 8, rtol=1e-6)


@pytest.mark.parametrize(
    'fields, features, stride',
    [
        pytest.param(
            {'lstm_input': 'dct', 'dct_features': 5}, 5 + 64, 8,
            marks=pytest.mark.slow,
        ),
        pytest.param({'lstm_input': 'odds'}, 64, 8, marks=pytest.mark.slow),
        pytest.param(
            {'lstm_input': 'spectrum'}, 40, 1, marks=pytest.mark.slow
        ),
        pytest.param(
            {'lstm_input': 'conv+odds', 'conv2_filters': 2}, 128 + 64, 8,
            marks=pytest.mark.slow,
        ),
        ({'conv1_input': 'residual'}, 64, 1),
        ({'conv1_constraint': 'bayar'}, 64, 1),
    ],
)
def test_networks_read_what_they_are_told(fields, features, stride):
  model = models.make(lstm_hidden=(4, 4, 64), conv3_filters=2, **fields)
  assert model.grid_stride == stride
  compressed = np.repeat(described(TABLE), 2, axis=0)
  params = jax.jit(model.init)(jax.random.key(0), IMAGES)
  blocks = jax.eval_shape(
      lambda p: model.apply(p, IMAGES, compressed, method='read_blocks'), params
  )
  chex.assert_shape(blocks, (2, 64, features))

  @jax.jit
  @functools.partial(jax.grad, has_aux=True)
  def gradient(params):
    outputs = model.apply(params, IMAGES, compressed)
    return outputs.mask_logits.var(), outputs

  chex.assert_tree_all_finite(gradient(params))


def test_coefficients_are_read_in_the_order_of_the_blocks():
  """A transposed patch, table and order of blocks give the same features."""
  fields = {'lstm_input': 'odds', 'lstm_hidden': (4, 4, 64)}
  one = described(TABLE)
  one[0, ..., 1:] = np.random.default_rng(0).integers(0, 256, (8, 8, 33))
  read = lambda order, images, described: np.array(
      models.make(block_order=order, **fields).apply(
          {}, images, described, method='read_blocks'
      )
  ).reshape(64, 8, 8)
  upright = read('row', IMAGES[:1], one)
  turned = read('column', IMAGES[:1].swapaxes(1, 2), one.swapaxes(1, 2))
  differ = np.abs(upright - turned.swapaxes(1, 2)) > 1e-6
  assert differ.mean() < 1e-3  # But for coefficients midway between two.


@pytest.mark.parametrize(
    'fields, match',
    [
        ({'conv1_input': 'noise'}, 'conv1 input'),
        ({'conv1_constraint': 'srm'}, 'conv1 constraint'),
        ({'lstm_input': 'dct', 'grid': 4}, 'model.grid = 8'),
    ],
)
def test_unknown_traces_are_named(fields, match):
  with pytest.raises(ValueError, match=match):
    models.abstract_params(models.make(**fields))
