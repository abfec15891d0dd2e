"""The fusion: network, tiles and weights."""

import dataclasses

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax import errors
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.fusion import calibration
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import localizer
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import tiles
from manloc_jax.localization.fusion import weights as weights_lib

COUNT = len(features.NAMES)


def random_weights(seed=0, members=1):
  model = network.Fusion(width=8)
  params = weights_lib.init(model, jax.random.key(seed), members)
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(seed)
  leaves = [0.3 * rng.standard_normal(x.shape, np.float32) for x in leaves]
  return weights_lib.Weights(
      model=model,
      params=jax.tree.unflatten(tree, leaves),
      mean=np.zeros(COUNT, np.float32),
      std=np.ones(COUNT, np.float32),
      mask=calibration.MaskRule(0.25),
      provenance={'step': 3},
  )


@pytest.fixture
def file(tmp_path):
  path = tmp_path / 'fusion.safetensors'
  weights_lib.save(path, random_weights())
  return path


@pytest.mark.slow
def test_tiles_give_the_logits_of_the_whole():
  rng = np.random.default_rng(0)
  weights = random_weights()
  reach, side = weights.model.reach, 40
  blocks = rng.standard_normal((1, side, side, 2 * COUNT), np.float32)
  typical = rng.standard_normal((1, 2 * COUNT), np.float32)
  inside = np.ones((1, side, side), np.float32)
  apply = lambda *args: network.logits(weights.model, weights.params, *args)
  whole = apply(blocks, typical, inside)
  framed = jnp.pad(blocks, ((0, 0), (reach, 9), (9, reach), (0, 0)))
  frame = jnp.pad(inside, ((0, 0), (reach, 9), (9, reach)))
  # What lies outside the image must not matter, whatever it is.
  framed = jnp.where(frame[..., None] > 0, framed, 7.0)
  tile = np.s_[:, :30, : 9 + 30]
  part = apply(framed[tile], typical, frame[tile])
  inner = np.asarray(part)[0, reach : 30 - reach, 9 : 39 - reach]
  np.testing.assert_allclose(
      inner, whole[0, : 30 - 2 * reach, : 30 - reach], rtol=1e-4, atol=1e-4
  )


@pytest.mark.slow
def test_an_ensemble_averages_the_log_odds_of_its_members(tmp_path):
  weights = random_weights(members=3)
  weights_lib.save(tmp_path / 'w.safetensors', weights)
  params = weights_lib.load(tmp_path / 'w.safetensors').params
  rng = np.random.default_rng(0)
  blocks = rng.standard_normal((1, 9, 8, 2 * COUNT)).astype(np.float32)
  inputs = blocks, blocks[:, 0, 0], np.ones((1, 9, 8), np.float32)
  leaves, tree = jax.tree.flatten(weights.params)
  members = [
      weights.model.apply({'params': tree.unflatten(member)}, *inputs)
      for member in zip(*leaves, strict=True)
  ]
  assert np.ptp(members, axis=0).min() > 0
  np.testing.assert_allclose(
      network.logits(weights.model, params, *inputs),
      np.mean(members, axis=0),
      rtol=1e-4,
      atol=1e-4,
  )


@pytest.mark.slow
def test_reach_is_as_far_as_a_logit_sees():
  weights = random_weights()
  reach = weights.model.reach
  # By chance a change may vanish on its way: hidden units do below zero.
  count = 16
  blocks = np.zeros((count, 1, 4 * reach, 2 * COUNT), np.float32)
  ones = np.ones(blocks.shape[:3], np.float32)
  other = blocks.copy()
  rng = np.random.default_rng(0)
  other[:, 0, 2 * reach] = 5 * rng.standard_normal((count, 2 * COUNT))
  apply = lambda x: network.logits(
      weights.model, weights.params, x, x[:, 0, 0], ones
  )
  is_changed = np.asarray(apply(other) != apply(blocks)).any(axis=(0, 1))
  changed = np.flatnonzero(is_changed)
  np.testing.assert_array_equal(changed, np.arange(reach, 3 * reach + 1))


def test_normalized_features_are_relative_to_the_image():
  rng = np.random.default_rng(0)
  measured = rng.standard_normal((20, 30, COUNT))
  mean, std = np.zeros(COUNT), np.ones(COUNT)
  blocks, typical, _ = network.normalize(measured, mean, std)
  moved, moved_typical, _ = network.normalize(measured + 0.5, mean, std)
  np.testing.assert_allclose(
      blocks[..., COUNT:], moved[..., COUNT:], atol=1e-4
  )
  np.testing.assert_allclose(
      moved_typical[:COUNT], typical[:COUNT] + 0.5, atol=1e-5
  )


def test_weights_come_back(file):
  loaded, wanted = weights_lib.load(file), random_weights()
  jax.tree.map(np.testing.assert_array_equal, loaded.params, wanted.params)
  assert loaded.model.width == 8
  assert (loaded.mask.least, loaded.provenance) == (0.25, {'step': 3})


@pytest.mark.parametrize('shape', [(64, 64), (64, 3000), (130, 700), (513, 96)])
def test_detector_takes_any_size(file, landscape, shape):
  pixels = np.resize(landscape, (*shape, 3))
  result = localizer.FusionLocalizer(file, device='cpu')(pixels)
  assert result.score.shape == result.mask.shape == shape
  assert 0 <= result.score.min() <= result.score.max() <= 1
  assert result.threshold == 0.25


def test_a_mask_may_depend_on_the_largest_score(tmp_path, landscape):
  weights = dataclasses.replace(
      random_weights(), mask=calibration.MaskRule(0.01, of_largest=0.7)
  )
  weights_lib.save(tmp_path / 'relative', weights)
  assert weights_lib.load(tmp_path / 'relative').mask == weights.mask
  one = localizer.FusionLocalizer(tmp_path / 'relative', device='cpu')
  result = one(landscape)
  assert result.threshold == pytest.approx(0.7 * result.score.max())
  np.testing.assert_array_equal(result.mask, result.score >= result.threshold)
  # A threshold that was asked for is that of every image.
  fixed = localizer.FusionLocalizer(
      tmp_path / 'relative', device='cpu', threshold=0.01
  )
  assert fixed(landscape).threshold == 0.01


def test_a_mask_has_no_small_regions(tmp_path, landscape):
  rule = calibration.MaskRule(0.37, smallest_region=400)
  weights = dataclasses.replace(random_weights(), mask=rule)
  weights_lib.save(tmp_path / 'regions', weights)
  assert weights_lib.load(tmp_path / 'regions').mask == rule
  one = localizer.FusionLocalizer(tmp_path / 'regions', device='cpu')
  assert one.provenance['smallest_region'] == 400
  result = one(landscape)
  mask = result.score >= result.threshold
  count, labels = cv2.connectedComponents(mask.view(np.uint8))
  sizes = np.bincount(labels.ravel())
  assert count > 2 and 0 < sizes.min() < 400
  np.testing.assert_array_equal(result.mask, mask & (sizes >= 400)[labels])
  assert result.region_count == np.count_nonzero(sizes[1:] >= 400)
  # Also where a threshold was asked for.
  fixed = localizer.FusionLocalizer(
      tmp_path / 'regions', device='cpu', threshold=0.368
  )
  mine = fixed(landscape)
  assert mine.threshold == 0.368
  assert min(x.pixels for x in mine.regions) >= 400


def test_weights_without_traces_measure_none(file, landscape, tmp_path):
  count = len(features.NAMES_V1)
  model = network.Fusion(width=8)
  weights = dataclasses.replace(
      random_weights(),
      params=weights_lib.init(
          model, jax.random.key(0), names=features.NAMES_V1
      ),
      mean=np.zeros(count, np.float32),
      std=np.ones(count, np.float32),
      names=features.NAMES_V1,
  )
  weights_lib.save(tmp_path / 'before', weights)
  one = localizer.FusionLocalizer(tmp_path / 'before', device='cpu')
  assert np.isfinite(one(landscape).score).all()
  measured = features.measure(landscape, None, None)
  before = features.measure(landscape, None, None, features.NAMES_V1)
  np.testing.assert_array_equal(
      features.select(measured, features.NAMES_V1), before
  )


def test_large_images_are_measured_in_tiles(file, landscape, monkeypatch):
  one = localizer.FusionLocalizer(file, device='cpu')
  shapes = []
  measure = features.measure

  def spy(pixels, *args):
    shapes.append(pixels.shape)
    return measure(pixels, *args)

  monkeypatch.setattr(features, 'measure', spy)
  monkeypatch.setattr(tiles, '_PIXELS', 40_000)
  score = one(landscape).score
  assert score.shape == landscape.shape[:2]
  assert len(shapes) == 4


@pytest.mark.slow
def test_tiles_are_put_where_they_were_taken(file, landscape, monkeypatch):
  one = localizer.FusionLocalizer(file, device='cpu')
  forged = landscape.copy()
  forged[40:140, 300:420] = forged[150:250, 60:180]
  for name in ('luma', 'copy'):  # Of which no block knows the others.
    kind = features.NAMES.index(name)
    monkeypatch.setattr(one, 'fuse', lambda x, kind=kind: x[..., kind])
    whole = one.score_map(forged)
    with monkeypatch.context() as patch:
      patch.setattr(tiles, '_PIXELS', 40_000)
      np.testing.assert_array_equal(one.score_map(forged), whole)
    assert np.ptp(whole) > 0.5


@pytest.mark.parametrize(
    ('height', 'width', 'count'),
    [
        (3000, 4000, 1),
        (2598, 4618, 1),
        (3648, 5472, 2),
        (8700, 11500, 9),
        (8, 65504, 2),
    ],
)
def test_photographs_are_one_tile(height, width, count):
  assert len(list(tiles.cut(height // 8, width // 8))) == count


def test_weights_that_are_not_finite_are_refused(tmp_path):
  weights = random_weights()
  weights.mean[3] = np.nan
  weights_lib.save(tmp_path / 'bad', weights)
  with pytest.raises(errors.UserError, match='not finite'):
    weights_lib.load(tmp_path / 'bad')


def test_windows_of_a_tile_fit_together(file, landscape, monkeypatch):
  one = localizer.FusionLocalizer(file, device='cpu')
  whole = one(landscape).score
  monkeypatch.setattr(network, 'WINDOW', 24)
  np.testing.assert_allclose(one(landscape).score, whole, atol=1e-4)


def test_bad_arguments_are_refused(file):
  with pytest.raises(errors.UserError, match='threshold of 2'):
    localizer.FusionLocalizer(file, threshold=2)
  with pytest.raises(ValueError, match='uint8'):
    localizer.FusionLocalizer(file)(np.zeros((4, 4, 3)))


def test_weights_with_a_model_of_images_give_a_probability(
    landscape, tmp_path
):
  image = calibration.ImageModel((0.5, 0.0, 0.3, 1.0, -0.2), 0.7)
  weights = dataclasses.replace(random_weights(), image=image)
  path = tmp_path / 'fusion.safetensors'
  weights_lib.save(path, weights)
  assert weights_lib.load(path).image == image
  result = localizer.FusionLocalizer(path)(landscape)
  # By hand: the scores in the middle of blocks, all of which vary here.
  rows, columns = np.arange(4, 304, 8), np.arange(4, 455, 8)
  blocks = result.score[np.minimum(rows, 299)][:, np.minimum(columns, 450)]
  inside = flat.counted(landscape)
  want = image.probability(blocks, inside)
  assert result.image_score == pytest.approx(want)
  assert result.facts[localizer_lib.IS_FORGERY_PROBABILITY] is True


@pytest.mark.parametrize(
    'change',
    [
        {'weights': (1.0, 2.0)},
        {'weights': (float('nan'),) * 5},
        {'bias': float('inf')},
    ],
)
def test_a_broken_model_of_images_is_refused(change, tmp_path):
  fields = {'weights': (1.0,) * 5, 'bias': 0.0, **change}
  weights = dataclasses.replace(
      random_weights(), image=calibration.ImageModel(**fields)
  )
  path = tmp_path / 'fusion.safetensors'
  weights_lib.save(path, weights)
  with pytest.raises(errors.UserError, match='holds only a part'):
    weights_lib.load(path)
