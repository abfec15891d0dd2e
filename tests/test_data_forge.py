"""The generator of forgeries."""

import collections
import io

import cv2
from forged_trees import SIZE
from forged_trees import textured
import numpy as np
from PIL import Image
import pytest

from manloc_jax.data import forge
from manloc_jax.data.forge import background
from manloc_jax.data.forge import blend
from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import fills
from manloc_jax.data.forge import manipulations
from manloc_jax.data.forge import masks
from manloc_jax.data.forge import moves
from manloc_jax.data.forge import retouch
from manloc_jax.data.forge import texture
from manloc_jax.data.forge import views


def test_same_seed_and_index_give_the_same_bytes(packaged):
  fresh = forge.Photographs(packaged.listed)
  # Whatever was made before.
  forge.generate(fresh, 3, 40, SIZE)
  for index in (0, 5):
    one = forge.generate(packaged, 3, index, SIZE)
    two = forge.generate(fresh, 3, index, SIZE)
    assert one.file == two.file and one.history == two.history
    np.testing.assert_array_equal(one.mask, two.mask)
  other = forge.generate(packaged, 4, 5, SIZE)
  assert other.file != one.file


def test_files_decode_to_images_and_every_kind_occurs(packaged):
  sampled = collections.defaultdict(set)
  for index in range(160):
    made = forge.generate(packaged, 0, index, SIZE)
    np.testing.assert_array_equal(cameras.decode(made.file), made.image)
    assert made.mask.shape == made.image.shape[:2]
    assert made.mask.dtype == np.uint8 and set(np.unique(made.mask)) == {0, 1}
    sampled['manipulation'].add(made.manipulation)
    sampled['suffix'].add(made.suffix)
    sampled['mask'].add(made.history['piece']['mask'])
    sampled['blend'].add(made.history['piece']['blend'])
    sampled[made.manipulation].add(made.history['piece'].get('method'))
  assert sampled['manipulation'] == set(forge.MANIPULATIONS)
  assert sampled['suffix'] == {'.jpg', '.png'}
  assert sampled['mask'] == set(masks.KINDS)
  assert sampled['blend'] == set(blend.BLENDS)
  assert {'clone', 'shift map'} <= sampled['removal'] <= set(fills.METHODS)


@pytest.mark.parametrize('manipulation', forge.MANIPULATIONS)
def test_mask_holds_every_change(manipulation):
  host, donor = textured(120, 150) // 16, textured(110, 100, seed=1) // 16
  made = set()
  for seed in range(40):
    rng = np.random.default_rng(seed)
    done = manipulations.manipulate(host, donor, manipulation, rng)
    changed = (done.image != host).any(axis=-1)
    assert not (changed & (done.mask == 0)).any(), done.facts
    assert done.mask.sum() >= masks.LEAST_PIXELS
    # Feathers and tables of tones leave some pixels as they were, and Poisson
    # blending all of a tiny piece.
    if done.mask.sum() > 200:
      assert changed.sum() > 0.2 * done.mask.sum(), done.facts
    made.add(done.manipulation)
  assert manipulation in made
  assert made <= {manipulation, 'copy-move'}
  assert len(made) == 1 or manipulation == 'removal'


def test_copy_move_copies_and_spares_its_source():
  host = textured(120, 150)
  measured = texture.measure(host)
  region = np.zeros((120, 150), np.uint8)
  region[30:60, 40:80] = 1
  plain = moved = 0
  for seed in range(60):
    move = moves.plan_copy(measured, region, np.random.default_rng(seed))
    layer, mask = move.lay(host)
    assert (mask & region).sum() < 0.2 * region.sum(), move.facts
    facts = move.facts
    moved += facts['scale'] != 1 or facts['angle'] != 0 or facts['mirror']
    if facts['filter'] == 'none' and not facts['mirror']:
      plain += 1
      right, down = (int(n) for n in facts['shift'])
      rows, columns = np.nonzero(mask)
      np.testing.assert_array_equal(
          layer[rows, columns], host[rows - down, columns - right]
      )
  assert plain > 15
  assert 15 < moved < 45, 'half of them are turned, scaled or mirrored'


def scene():
  """Returns a rough wall with one red square, and where that is."""
  rng = np.random.default_rng(0)
  grain = rng.normal(0, 6, (240, 320, 1)) + rng.normal(0, 2, (240, 320, 3))
  host = np.clip(130 + grain, 0, 255).astype(np.uint8)
  square = np.zeros((240, 320), np.uint8)
  square[60:110, 180:230] = 1
  host[square == 1] = (200, 30, 30)
  return host, square


def test_a_removal_shows_no_second_copy():
  host, square = scene()
  is_red = np.array(square == 1)
  removals = covered = 0
  for seed in range(30):
    rng = np.random.default_rng(seed)
    done = manipulations.manipulate(host, host, 'removal', rng)
    if done.manipulation != 'removal':
      continue
    removals += 1
    covered += (done.mask[is_red] == 1).mean() > 0.9
    red = done.image[..., 0].astype(int) - done.image[..., 1] > 90
    assert not (red & ~is_red).any(), done.facts
  assert removals > 20
  assert covered > 5, 'what stands out is what is removed'


def test_a_hole_is_not_filled_from_a_thing():
  host, square = scene()
  hole = np.zeros_like(square)
  hole[60:110, 60:110] = 1
  rim = background.Rim(hole, texture.measure(host))
  assert rim.is_background() and rim.is_even() and not rim.stands_out()
  step = np.array([0, 120]) * rim.inside.shape // hole.shape
  assert not rim.goes_on(step)
  assert rim.goes_on(step // 2)
  assert background.Rim(square, texture.measure(host)).stands_out()


def test_a_hole_without_background_is_not_filled():
  host, _ = scene()
  host[:, ::16] = 0  # A fence.
  host[:, 4::16] = 255
  hole = np.zeros((240, 320), np.uint8)
  hole[60:110, 60:110] = 1
  rim = background.Rim(hole, texture.measure(host))
  assert fills.remove(host, hole, rim, np.random.default_rng(0)) is None


def test_few_removals_are_smeared():
  host, _ = scene()
  hole = np.zeros((240, 320), np.uint8)
  cv2.circle(hole, (80, 80), 20, 1, -1)
  rim = background.Rim(hole, texture.measure(host))
  methods = {
      fills.remove(host, hole, rim, np.random.default_rng(seed))[1]['method']
      for seed in range(40)
  }
  assert methods == {'clone', 'shift map'}, 'it is thick, and the wall rough'


def test_few_shapes_are_cut_off_and_few_views_mirrored():
  regions = masks.Regions(textured(128, 128))
  cut = 0
  for seed in range(300):
    mask, kind = regions.sample(np.random.default_rng(seed), (0.01, 0.1))
    cut += kind == 'ellipse' and not masks.is_whole(mask)
  assert cut <= 0.02 * 300
  ramp = np.zeros((200, 300, 3), np.uint8)
  ramp[:] = np.linspace(0, 255, 300)[:, None]
  mirrored = 0
  for seed in range(200):
    view, _ = views.view(ramp, (96, 128), np.random.default_rng(seed))
    mirrored += int(view[0, 0, 0]) > int(view[0, -1, 0])
  assert mirrored < 0.06 * 200


@pytest.mark.parametrize('size', [(64, 80), (96, 96), (120, 200)])
def test_finished_files_have_the_size_asked_for(packaged, size):
  for index in range(40):
    made = forge.generate(packaged, 0, index, size)
    assert size[0] <= min(made.image.shape[:2]) <= size[1]
    assert made.mask.shape == made.image.shape[:2]


def test_originals_differ_where_something_was_changed(packaged):
  lossless = 0
  for index in range(60):
    made = forge.generate(packaged, 1, index, SIZE, keep_original=True)
    assert made.file == forge.generate(packaged, 1, index, SIZE).file
    assert made.changed.shape == made.mask.shape
    assert not (made.changed & ~made.mask & 1).any()
    assert made.changed.any()
    original = cameras.decode(made.original)
    assert original.shape == made.image.shape
    if made.suffix == '.png':
      differs = (original != made.image).any(axis=-1)
      if not any('resized' in facts for facts in made.history['files']):
        lossless += 1
        np.testing.assert_array_equal(differs, made.changed == 1)
    else:
      with (
          Image.open(io.BytesIO(made.original)) as one,
          Image.open(io.BytesIO(made.file)) as two,
      ):
        assert one.quantization == two.quantization
  assert lossless


def test_poisson_of_the_host_is_the_host():
  smooth = np.linspace(0, 255, 100 * 80).reshape(100, 80).astype(np.uint8)
  host = np.stack([smooth, smooth.T.reshape(100, 80), smooth], axis=-1)
  mask = np.zeros((100, 80), np.uint8)
  mask[:40, 20:70] = 1  # Touches the frame.
  rng = np.random.default_rng(0)
  joined, _ = blend.blend(host, host.copy(), mask, 'poisson', rng)
  assert np.abs(joined.astype(int) - host).max() <= 6


def test_removal_does_not_read_the_hole():
  host = textured(120, 150) // 16
  mask = np.zeros((120, 150), np.uint8)
  mask[40:70, 50:90] = 1
  host[mask == 1] = 255
  for seed in range(20):
    rim = background.Rim(mask, texture.measure(host))
    layer, facts = fills.remove(host, mask, rim, np.random.default_rng(seed))
    bright = (layer[mask == 1] > 128).mean()
    assert bright < 0.02, facts


def test_every_retouch_changes():
  host = textured(64, 64)
  sampled = set()
  for seed in range(40):
    layer, facts = retouch.retouch(host, np.random.default_rng(seed))
    assert (layer != host).mean() > 0.2, facts
    sampled.add(facts['method'])
  assert sampled == set(retouch.METHODS)


def test_native_views_keep_the_jpeg_grid():
  photograph = textured(400, 500)
  natives = 0
  for seed in range(30):
    view, facts = views.view(
        photograph, (128, 160), np.random.default_rng(seed)
    )
    assert 128 <= min(view.shape[:2]) <= 160
    if facts['native']:
      natives += 1
      row, column = np.argwhere(
          (photograph == view[0, 0]).all(axis=-1)
      )[0]
      assert row % 16 == column % 16 == 0
  assert 5 < natives < 25


def test_own_tables_reach_the_file():
  rng = np.random.default_rng(0)
  tables = cameras.own_tables(90, rng, probability=1)
  assert tables != cameras.standard_tables(90)
  file = cameras.encode(textured(32, 32), cameras.Jpeg(90, '4:4:4', tables))
  with Image.open(io.BytesIO(file)) as image:
    assert tuple(image.quantization[0]) == tables[0]
    assert tuple(image.quantization[1]) == tables[1]


@pytest.mark.parametrize(
    'shape', [(1, 1), (3, 400), (20, 20), (97, 96), (130, 2000)]
)
@pytest.mark.parametrize('manipulation', forge.MANIPULATIONS)
def test_odd_photographs_are_forged(shape, manipulation):
  photograph = np.full((*shape, 3), 128, np.uint8)
  rng = np.random.default_rng(0)
  made = forge.forge(photograph, photograph, manipulation, rng)
  assert min(made.image.shape[:2]) >= views.LEAST_SIDE
  assert made.mask.any()


def test_unknown_manipulation_is_refused():
  with pytest.raises(ValueError, match='magic'):
    forge.forge(textured(9, 9), textured(9, 9), 'magic', None)


def test_one_photograph_gives_no_splices(packaged):
  alone = forge.Photographs(packaged.listed[:1])
  kinds = {forge.generate(alone, 0, i, SIZE).manipulation for i in range(12)}
  assert 'splice' not in kinds


def test_forgeries_that_change_nothing_are_made_anew(monkeypatch):
  host = textured(120, 120)
  tries = []

  def manipulate(scene, donor, kind, rng):
    tries.append(kind)
    mask = np.ones(scene.shape[:2], np.uint8)
    image = scene if len(tries) < 3 else 255 - scene
    return manipulations.Manipulated(image, mask, kind, {})

  monkeypatch.setattr(manipulations, 'manipulate', manipulate)
  rng = np.random.default_rng(0)
  forge.forge(host, host, 'removal', rng, SIZE)
  assert len(tries) == 3
