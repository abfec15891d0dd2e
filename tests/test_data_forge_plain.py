"""Forgeries: repeatable, with masks that cover what changed."""

import cv2
import numpy as np
import pytest

from manloc_jax.data.forge import plain


def _photograph(seed: int) -> np.ndarray:
  """Returns uint8[420, 600, 3]: smooth areas and edges, like a photograph."""
  rng = np.random.default_rng(seed)
  small = rng.integers(0, 256, (14, 20, 3), dtype=np.uint8)
  return cv2.resize(small, (600, 420), interpolation=cv2.INTER_CUBIC)


HOST, DONOR = _photograph(0), _photograph(1)


def _forge(manipulation: str, seed: int) -> plain.Forgery:
  rng = np.random.default_rng(seed)
  return plain.forge(HOST, DONOR, manipulation, rng)


def _residual(image: np.ndarray) -> np.ndarray:
  """Returns the strength of the finest detail, f32[height, width]."""
  grey = image.mean(axis=2, dtype=np.float32)
  return np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))


@pytest.mark.parametrize('manipulation', plain.MANIPULATIONS)
def test_same_seed_same_forgery(manipulation):
  first, second = (_forge(manipulation, 5) for _ in range(2))
  np.testing.assert_array_equal(first.image, second.image)
  np.testing.assert_array_equal(first.mask, second.mask)
  other = _forge(manipulation, 6)
  assert other.image.shape != first.image.shape or (
      other.image != first.image
  ).any()


@pytest.mark.parametrize('manipulation', plain.MANIPULATIONS)
@pytest.mark.parametrize('seed', range(6))
def test_only_the_mask_differs_from_the_host(manipulation, seed):
  forgery = _forge(manipulation, seed)
  assert forgery.image.dtype == forgery.mask.dtype == np.uint8
  assert forgery.image.shape == forgery.host.shape
  assert forgery.mask.shape == forgery.image.shape[:2]
  assert set(np.unique(forgery.mask)) == {0, 1}
  # JPEG mixes 16x16 pixels, and up-sampled colours reach one pixel further.
  reach = cv2.dilate(forgery.mask, np.ones((37, 37), np.uint8))
  differs = (forgery.image != forgery.host).any(axis=2)
  assert not differs[reach == 0].any()
  assert differs[forgery.mask == 1].mean() > 0.8


@pytest.mark.parametrize('manipulation', plain.MANIPULATIONS)
def test_pieces_lack_the_grain_of_the_host(manipulation):
  ratios = []
  for seed in range(6):
    forgery = _forge(manipulation, seed)
    residual = _residual(forgery.image)
    inside = cv2.erode(forgery.mask, np.ones((7, 7), np.uint8)) == 1
    ratios.append(residual[inside].mean() / residual[forgery.mask == 0].mean())
  assert np.mean(ratios) < 0.6


@pytest.mark.parametrize('trace', plain.TRACES)
def test_every_trace_takes_grain_away(trace):
  rng = np.random.default_rng(0)
  piece = plain.grain(np.full((96, 128, 3), 128, np.uint8), 6.0, rng)
  smooth = plain.TRACES[trace](piece, rng)
  assert smooth.shape == piece.shape and smooth.dtype == np.uint8
  assert _residual(smooth).mean() < 0.6 * _residual(piece).mean()


@pytest.mark.parametrize('trace', plain.TRACES)
def test_a_trace_of_no_strength_leaves_the_piece(trace):
  piece = plain.grain(HOST[:96, :128], 6.0, np.random.default_rng(0))
  rngs = [np.random.default_rng(1) for _ in range(2)]
  faint, strong = (
      plain.TRACES[trace](piece, rng, strength)
      for rng, strength in zip(rngs, (0, 1), strict=True)
  )
  changes = [np.abs(x.astype(float) - piece).mean() for x in (faint, strong)]
  # The weakest JPEG compression is still one, of high quality.
  assert changes[0] < (0.5 * changes[1] if trace == 'recompress' else 1e-6)
  assert rngs[0].random() == rngs[1].random()


def test_forgeries_use_every_trace():
  traces = {_forge('splice', seed).trace for seed in range(20)}
  assert traces == set(plain.TRACES)


@pytest.mark.parametrize('shape', [(256, 384), (400, 256), (128, 128)])
def test_blob_mask_is_one_piece_inside_the_frame(shape):
  for seed in range(20):
    mask = plain.blob_mask(shape, np.random.default_rng(seed))
    pieces, _ = cv2.connectedComponents(mask)
    assert mask.shape == shape and pieces == 2  # The background counts.
    edge = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    assert not np.concatenate(edge).any()


def test_feather_leaves_the_outside_alone():
  mask = np.zeros((64, 64), np.uint8)
  mask[20:40, 20:40] = 1
  host = np.full((64, 64, 3), 10, np.uint8)
  pasted = plain.feather(host, host + 100, mask, 1.5)
  assert (pasted[mask == 0] == 10).all()
  assert (pasted[28:32, 28:32] == 110).all()
  assert 10 < pasted[20, 30, 0] < 110


def test_an_unknown_manipulation_is_named():
  with pytest.raises(ValueError, match="'retouch'.*copy-move"):
    _forge('retouch', 0)
