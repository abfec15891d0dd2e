"""Whole images: values, blending, one program, bounded memory, refusals."""

import json
import pathlib
import tracemalloc

import jax
import numpy as np
from PIL import Image
import pytest
import small

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.data import images
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import network
from manloc_jax.metrics import thresholds
from manloc_jax.models import postprocess
from manloc_jax.training import checkpoint

SIDE = models.SIDE


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  return small.untrained_run(tmp_path_factory.mktemp('run'), scale=2.0)


@pytest.fixture(scope='module')
def run(workdir):
  return checkpoint.load(workdir)


@pytest.fixture(scope='module')
def localizer(workdir):
  return network.NetworkLocalizer.from_run(workdir)


@pytest.fixture
def red(workdir):
  """A localizer whose network scores red pixels."""
  made = network.NetworkLocalizer.from_run(workdir)
  made._score = lambda params, windows, compression: (
      np.asarray(windows)[..., 0] / 255
  )
  return made


@pytest.fixture
def noise_file(tmp_path) -> pathlib.Path:
  path = tmp_path / 'noise.png'
  Image.fromarray(photograph(70, 70)).save(path)
  return path


def photograph(*size: int) -> np.ndarray:
  return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


def plain_loop(run, image, stride: int, gate: str = 'none') -> np.ndarray:
  """One window after the other, over an image reflected as a whole."""
  height, width = image.shape[:2]
  tops, lefts = [0], [0]
  while tops[-1] + SIDE < height:
    tops.append(tops[-1] + stride)
  while lefts[-1] + SIDE < width:
    lefts.append(lefts[-1] + stride)
  beyond = (tops[-1] + SIDE - height, lefts[-1] + SIDE - width)
  beyond = [(0, max(n, 0)) for n in beyond]
  padded = np.pad(image, (*beyond, (0, 0)), 'reflect')
  total, seen = np.zeros(padded.shape[:2]), np.zeros(padded.shape[:2])
  for top in tops:
    for left in lefts:
      place = (slice(top, top + SIDE), slice(left, left + SIDE))
      out = run.apply(run.params, padded[place][None])
      score = jax.nn.softmax(out.mask_logits)[..., 1]
      if gate != 'none':
        patch = jax.nn.softmax(out.patch_logits)[..., 1]
        score = postprocess.variants(patch, score, 1.0)[gate]
      total[place] += score[0]
      seen[place] += 1
  return (total / seen)[:height, :width]


@pytest.mark.parametrize('stride', [32, 24])
@pytest.mark.parametrize(
    'size', [(64, 64), (65, 64), (64, 96), (200, 130)]
)
def test_maps_are_those_of_a_plain_loop(size, stride, workdir, run):
  image = photograph(*size)
  result = network.NetworkLocalizer.from_run(workdir, stride=stride)(image)
  assert result.score.shape == size and result.score.dtype == np.float32
  want = plain_loop(run, image, stride)
  np.testing.assert_allclose(result.score, want, atol=1e-5)
  assert result.score.std() > 0.01, 'a constant would tell nothing'


@pytest.mark.parametrize('gate', ['hard', 'soft'])
def test_gates_are_those_of_the_paper(gate, workdir, run):
  image = photograph(70, 90)
  localizer = network.NetworkLocalizer.from_run(workdir, gate=gate)
  result = localizer.score_map(image)
  want = plain_loop(run, image, network.STRIDE, gate)
  np.testing.assert_allclose(result, want, atol=1e-5)
  assert result.std() > 0.01


def test_all_windows_of_a_pixel_weigh_the_same(workdir):
  made = network.NetworkLocalizer.from_run(workdir)
  # Each window says its red in its corner.
  made._score = lambda params, windows, quantization: np.broadcast_to(
      np.asarray(windows)[:, :1, :1, 0] / 255, windows.shape[:3]
  )
  image = np.zeros((96, 96, 3), np.uint8)
  image[:32, :32] = 255
  result = made.score_map(image)
  # One window in the corner of the image, two along a side, four inside.
  assert result[0, 0] == 1 and result[0, 40] == 1 / 2
  assert result[40, 40] == 1 / 4 and result[80, 80] == 0


def test_one_program_serves_all_sizes(localizer):
  compiled = []

  def note(name, seconds, **unused):
    if name == '/jax/core/compile/backend_compile_duration':
      compiled.append(name)

  localizer(photograph(64, 64))
  jax.monitoring.register_event_duration_secs_listener(note)
  try:
    for size in ((65, 64), (70, 200), (150, 90)):
      localizer(photograph(*size))
  finally:
    jax.monitoring.unregister_event_duration_listener(note)
  assert not compiled


def test_memory_is_the_map_and_some_batches(red):
  image = photograph(1500, 2000)
  batches = 4 * 64 * SIDE * SIDE * 3 * 8  # As f64, which `red` makes.
  tracemalloc.start()
  try:
    result = red.score_map(image)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  np.testing.assert_allclose(result, image[..., 0] / 255, atol=1e-6)
  assert peak < result.nbytes + batches + 2**20
  assert batches < result.nbytes * 3  # Or the bound would bound nothing.


def test_image_score_is_a_percentile(red):
  image = np.zeros((100, 100, 3), np.uint8)
  image[:10, :9] = 255  # 0.9% of the pixels.
  assert red(image).image_score == 0
  image[:10, :11] = 255
  assert red(image).image_score == 1


def test_an_image_of_one_colour_is_not_measured(red):
  result = red(np.full((80, 120, 3), 255, np.uint8))
  assert not result.score.any() and not result.mask.any()
  assert 'one colour' in result.facts[localizer_lib.NOT_MEASURED]


def test_mask_regions_and_threshold(red):
  image = np.zeros((80, 120, 3), np.uint8)
  image[5:15, 100:120] = 200
  image[40:70, 10:30] = 100
  red.threshold = 0.3
  result = red(image)
  assert result.mask.dtype == bool
  np.testing.assert_array_equal(result.mask, image[..., 0] > 0)
  assert result.region_count == 2
  assert result.regions == [
      localizer_lib.Region(top=40, left=10, height=30, width=20, pixels=600),
      localizer_lib.Region(top=5, left=100, height=10, width=20, pixels=200),
  ]
  red.threshold = 100 / 255 - 1e-6
  assert red(image).region_count == 2, 'the threshold itself counts'
  red.threshold = 0.7
  assert red(image).region_count == 1


def test_threshold_is_that_of_the_validation_split(workdir, tmp_path, caplog):
  caplog.clear()
  without = network.NetworkLocalizer.from_run(workdir)
  assert without.threshold == 0.5
  assert without.provenance['threshold_from'] == 'default'
  assert f'no threshold for its checkpoint {small.STEP}' in caplog.text
  folder = tmp_path / 'results'
  small.untrained_run(tmp_path)
  folder.mkdir()

  def threshold(result: str, **settings) -> float:
    (folder / 'test.json').write_text(result)
    made = network.NetworkLocalizer.from_run(str(tmp_path), **settings)
    return made.threshold

  result = json.dumps({'step': small.STEP, 'val_threshold': 0.25})
  assert threshold(result) == 0.25
  assert threshold(result, threshold=0.1) == 0.1
  assert threshold(result, gate='soft') == 0.5, 'it is one of raw scores'
  assert threshold('{"step": 1, "val_threshold": 0.25}') == 0.5
  assert threshold(f'{{"step": {small.STEP}}}') == 0.5
  with pytest.raises(errors.UserError, match='test.json'):
    threshold('[0.25')
  chosen = thresholds.Threshold(small.STEP, value=0.75, bins=4)
  thresholds.write(tmp_path, chosen)
  made = network.NetworkLocalizer.from_run(str(tmp_path))
  assert made.threshold == 0.75, 'whatever the results say'
  assert made.provenance['threshold_from'] == 'validation'


def test_origin_names_weights_and_settings(workdir, localizer, tmp_path):
  again = network.NetworkLocalizer.from_run(
      workdir, device='cpu', batch_size=jax.device_count()
  )
  assert again.provenance == localizer.provenance
  assert localizer.provenance['step'] == small.STEP
  other = small.untrained_run(tmp_path, scale=1.5)
  other = network.NetworkLocalizer.from_run(other, stride=16).provenance
  differ = {k for k, v in localizer.provenance.items() if other[k] != v}
  assert differ == {'stride', 'weights_sha256'}
  json.dumps(localizer.provenance, allow_nan=False)


@pytest.mark.parametrize(
    'settings, words',
    [
        ({'stride': 0}, 'stride of 0'),
        ({'stride': 65}, 'from 1 to 64'),
        ({'threshold': 1.5}, 'from 0 to 1'),
        ({'threshold': float('nan')}, 'from 0 to 1'),
        ({'gate': 'half'}, 'none, hard, soft'),
        ({'device': 'tpu'}, "'tpu'"),
        ({'batch_size': 5}, 'does not split'),
    ],
)
def test_settings_that_make_no_sense_are_refused(workdir, settings, words):
  with pytest.raises(errors.UserError, match=words):
    network.NetworkLocalizer.from_run(workdir, **settings)


def test_networks_of_one_task(tmp_path):
  patches = small.untrained_run(
      tmp_path / 'p', **{'model.decoder': 'none'}
  )
  with pytest.raises(errors.UserError, match='no map'):
    network.NetworkLocalizer.from_run(patches)
  pixels = small.untrained_run(tmp_path / 's', **{'model.network': 'fcn'})
  with pytest.raises(errors.UserError, match="'soft' needs labels"):
    network.NetworkLocalizer.from_run(pixels, gate='soft')
  result = network.NetworkLocalizer.from_run(pixels)(photograph(66, 70))
  assert result.score.shape == (66, 70)


@pytest.mark.parametrize('size', [(1, 1), (63, 65), (200, 63)])
def test_what_is_smaller_than_a_patch_is_refused(localizer, size):
  image = photograph(*size)
  decoded = images.Decoded(image, '')
  path = pathlib.Path('a.png')
  for score in (
      lambda: localizer(image),
      lambda: localizer.localize(path, decoded),
      lambda: localizer.raw_map(path, decoded),
  ):
    with pytest.raises(localizer_lib.NotApplicable, match='needs 64x64'):
      score()


@pytest.mark.parametrize('sigma', [-1, 'x', None, float('nan')])
def test_a_stored_config_whose_smoothing_is_none(tmp_path, sigma):
  small.untrained_run(tmp_path)
  path = tmp_path / run_config.CONFIG
  stored = json.loads(path.read_text())
  stored['eval']['smooth_sigma'] = sigma
  path.write_text(json.dumps(stored))
  match = '(eval.smooth_sigma|NaN).* restore'
  with pytest.raises(errors.UserError, match=match):
    network.NetworkLocalizer.from_run(str(tmp_path), gate='soft')


def test_what_is_no_image_is_refused(localizer):
  for image in (
      photograph(8, 8)[..., 0],
      photograph(8, 8) / 255,
      photograph(8, 8)[..., :2],
      photograph(0, 8),
  ):
    with pytest.raises(ValueError, match='image'):
      localizer(image)


def test_broken_weights_are_named(tmp_path, noise_file):
  broken = small.untrained_run(tmp_path, scale=float('nan'))
  localizer = network.NetworkLocalizer.from_run(broken)
  image = photograph(70, 70)
  with pytest.raises(errors.UserError, match='weights are broken'):
    localizer(image)
  with pytest.raises(errors.UserError, match='weights are broken'):
    localizer.raw_map(noise_file, images.read_image(noise_file))


def test_every_window_gets_the_table_of_its_file(workdir, noise_file):
  made = network.NetworkLocalizer.from_run(workdir)
  made._reads_compression = True
  made._score = lambda params, windows, compression: np.broadcast_to(
      np.asarray(compression)[:, :1, :1, 0] / 255, windows.shape[:3]
  )
  jpeg = noise_file.with_suffix('.jpg')
  Image.open(noise_file).save(jpeg, quality=40)
  step = Image.open(jpeg).quantization[0][0]
  assert step > 1
  for path, want in ((noise_file, 1), (jpeg, step)):
    image = images.read_image(path)
    np.testing.assert_allclose(made.raw_map(path, image), want / 255)
    np.testing.assert_allclose(made.localize(path, image).score, want / 255)
  np.testing.assert_allclose(made.score_map(image.pixels), 1 / 255)
  table = np.full((8, 8), 9)
  np.testing.assert_allclose(made(image.pixels, table).score, 9 / 255)


def test_a_network_on_blocks_refuses_windows_off_their_grid():
  class OnBlocks(models.FCN):
    grid_stride = 8

  model = OnBlocks(fcn_filters=(1,), fcn_hidden=1)
  params = model.init(jax.random.key(0), np.zeros((1, SIDE, SIDE, 3)))['params']
  network.NetworkLocalizer(model, params, stride=24)
  with pytest.raises(errors.UserError, match='stride of 20 .* multiple of 8'):
    network.NetworkLocalizer(model, params, stride=20)


def test_real_photograph(test_data, localizer):
  path = next((test_data / 'casia1/Tp/Sp').iterdir())
  image = images.read_image(path).pixels
  result = localizer(image)
  assert result.score.shape == result.mask.shape == image.shape[:2]
  low, high = result.score.min(), result.score.max()
  assert 0 <= low <= result.image_score <= high <= 1
