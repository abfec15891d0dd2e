"""Interleaved sleepers, counts of operations, and what the commands report."""

import functools
import json
import os
import pathlib

from absl import flags
from absl.testing import flagsaver
import candidates
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from manloc_jax import models
from manloc_jax.benchmarks import classical
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import evaluate
from manloc_jax.benchmarks import fusion
from manloc_jax.benchmarks import interleaved
from manloc_jax.benchmarks import localize
from manloc_jax.benchmarks import pipeline
from manloc_jax.benchmarks import plain
from manloc_jax.benchmarks import random_set
from manloc_jax.benchmarks import startup
from manloc_jax.benchmarks import train_step
from manloc_jax.benchmarks import workload
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import backend_names
from manloc_jax.localization.classical import methods
from manloc_jax.metrics import histogram
from manloc_jax.training import startup_timer

CONFIG = pathlib.Path(__file__).parents[1] / 'configs/default.py'
FIELDS = {
    'conv1_filters': 4,
    'conv3_filters': 4,
    'conv4_filters': 4,
    'lstm_hidden': (8, 8, 64),
}
SETTINGS = {'rounds': 3, 'turn_seconds': 0.05}


def candidate(name, make, *args, **environment):
  made = functools.partial(make, *args)
  return interleaved.Candidate(name, made, environment)


def times(*seconds: float) -> interleaved.Times:
  return interleaved.Times(list(seconds), first_seconds=1.0, peak_bytes=2**20)


def test_a_longer_sleeper_is_as_much_slower():
  measured = interleaved.measure(
      [
          candidate('short', candidates.make_sleeper, 0.01),
          candidate('long', candidates.make_sleeper, 0.03),
      ],
      **SETTINGS,
  )
  assert [len(each.seconds) for each in measured.values()] == [3, 3]
  ratio = interleaved.ratio(measured['short'], measured['long'])
  assert ratio['median'] == pytest.approx(3, rel=0.3)
  assert ratio['least'] <= ratio['median'] <= ratio['most']
  milliseconds = measured['long'].summary()['milliseconds']
  assert milliseconds == pytest.approx(30, rel=0.3)


@pytest.mark.parametrize(
    'make', [candidates.make_failure, candidates.make_late_failure]
)
def test_a_failing_candidate_is_named(make):
  with pytest.raises(RuntimeError, match="'unlucky'"):
    interleaved.measure([candidate('unlucky', make)], **SETTINGS)


def test_environment_reaches_its_process_alone():
  name = 'MANLOC_TEST_VARIABLE'
  interleaved.measure(
      [
          candidate(
              'with', candidates.make_reader, name, 'on', **{name: 'on'}
          ),
          candidate('without', candidates.make_reader, name, None),
      ],
      **SETTINGS,
  )
  assert name not in os.environ


def test_flops_of_convolutions_are_what_xla_counts():
  model = plain.PlainNetwork(**FIELDS)
  shape = (1, models.SIDE, models.SIDE, 3)
  image = jax.ShapeDtypeStruct(shape, jnp.float32)
  params = jax.eval_shape(model.init, jax.random.key(0), image)
  outputs = jax.ShapeDtypeStruct((1, 64, 64), jnp.float32)
  inputs = {'convolutions': image, 'decoder': outputs}
  methods = {'convolutions': model.read_blocks, 'decoder': model.decode}
  ours = workload.flops(model, 'forward')
  for part, method in methods.items():
    apply = jax.jit(functools.partial(model.apply, method=method))
    cost = apply.lower(params, inputs[part]).cost_analysis()
    # XLA leaves out products with the padding and counts activations.
    assert ours[part] == pytest.approx(cost['flops'], rel=0.06), part


def test_flops_of_the_lstm_are_those_of_its_kernels():
  model = models.ConvLSTMConv(**FIELDS)
  layers = models.abstract_params(model)['lstm'].values()
  weights = sum(
      layer[name]['kernel'].size
      for layer in layers
      for name in ('input', 'recurrent')
  )
  steps = model.grid**2
  assert workload.flops(model, 'forward')['lstm'] == 2 * steps * weights


def test_flops_of_training():
  model = models.ConvLSTMConv(**FIELDS)
  forward, train = (workload.flops(model, m) for m in ('forward', 'train'))
  conv1 = 2 * models.SIDE**2 * 5 * 5 * 3 * model.conv1_filters
  for part in workload.PARTS:
    less = conv1 if part == 'convolutions' else 0  # Images have no gradient.
    assert train[part] == 3 * forward[part] - less


@pytest.mark.parametrize('kind', backend_names.BACKENDS)
def test_noise_is_a_prepared_set(kind, tmp_path):
  folder = random_set.write(
      tmp_path / 'set', 'val', patches=5, backend=kind, num_shards=2
  )
  batches = list(backend.eval_batches(folder, 'val', batch_size=4))
  assert [batch['weight'].sum() for batch in batches] == [4, 1]
  assert len(np.unique(batches[0]['image'])) > 200


def test_histogram_is_that_of_the_metrics():
  rng = np.random.default_rng(0)
  scores = rng.random(100, np.float32)
  truth, row = rng.integers(0, 2, 100), rng.integers(0, 3, 100)
  np.testing.assert_array_equal(
      evaluate.histogram(scores, truth, row, (3, 2, 8)),
      histogram.histogram(scores, truth, row, (3, 8)),
  )


def test_every_pixel_is_the_mean_of_its_windows():
  size = (70, 150, 3)
  image = np.random.default_rng(0).integers(0, 256, size, np.uint8)
  sizes = []

  def predict(windows):
    sizes.append(len(windows))
    return None, windows[..., 0].astype(np.float32)

  score_map = localize.localize(predict, image, stride=32, batch_size=4)
  np.testing.assert_allclose(score_map, image[..., 0], rtol=1e-6)
  assert set(sizes) == {4}


def test_image_size():
  height, width = localize.image_size(12)
  assert (height, width) == (3000, 4000)
  assert len(localize.windows(height, width, 32)) == 93 * 124


def summary_of_train_step():
  flops = {part: 1e9 for part in workload.PARTS}
  return train_step.summarize(
      {
          train_step.OURS: times(0.5, 0.5),
          train_step.PEAK: times(0.1, 0.1),
          'torch': times(1.0, 1.0),
          'lstm': times(0.25, 0.25),
      },
      flops,
      batch_size=50,
  )


def summary_of_pipeline():
  reader = 'stream, shards: 4'
  return pipeline.summarize(
      {reader: times(0.5, 0.5), pipeline.STEP: times(1.0, 1.0)},
      {reader: 4},
      batch_size=50,
  )


def summary_of_evaluate():
  return evaluate.summarize(
      {
          evaluate.OURS: times(0.5, 0.5),
          'torch': times(1.0, 1.0),
          'forward': times(0.25, 0.25),
      },
      patches=50,
  )


def summary_of_localize():
  seconds = {'copies': 3.0, 'network': 1.0}
  return {
      **localize.summarize(
          {localize.OURS: times(0.5, 0.5), 'torch': times(1.0, 1.0)},
          timed=50,
          total=1000,
      ),
      'fusion': fusion.summarize(
          times(4.0, 4.0), seconds, 12.0, times(1.0, 2.0), scale=20
      ),
  }


@pytest.mark.slow
def test_the_fusion_reports_speed_and_fractions(tmp_path, monkeypatch):
  fusion_result = summary_of_localize()['fusion']
  assert fusion_result['megapixels_per_s'] == 3
  assert fusion_result['share_of_parts'] == {'copies': 0.75, 'network': 0.25}
  ratio = {'median': 7.5, 'least': 5, 'most': 10}
  assert fusion_result['ratio_to_plain'] == ratio
  path = tmp_path / 'a.jpg'
  classical.write_image(path, 0.01)
  monkeypatch.setattr(fusion, '_REPEATS', 1)
  parts = fusion._parts(path)
  assert set(parts) == {
      'copies', 'classical', 'residuals', 'network', 'reading and regions'
  }  # fmt: skip
  assert min(parts.values()) > 0


@pytest.mark.parametrize(
    'module, summary, more',
    [
        (
            train_step,
            summary_of_train_step(),
            {
                'gflop_per_patch': 3.0,
                'peak_gflop_per_s': pytest.approx(2 * 2.048**3 / 0.1),
            },
        ),
        (pipeline, summary_of_pipeline(), {'milliseconds_by_shards': {4: 500}}),
        (evaluate, summary_of_evaluate(), {'metrics_share': 0.5}),
        (
            localize,
            summary_of_localize(),
            {
                'windows': 1000,
                'timed_windows': 50,
                'extrapolated_seconds': {'manloc_jax': 10, 'torch': 20},
            },
        ),
    ],
)
def test_comparisons_report(module, summary, more, capsys):
  with flagsaver.flagsaver():
    flags.FLAGS([module.__name__, f'--config={CONFIG}', '--json=-'])
    given = {'mode': 'train', 'megapixels': 12.0, 'stride': 32}
    command.finish('some', {**given, **summary}, module.lines)
  out, err = capsys.readouterr()
  result = json.loads(out)
  assert result['benchmark'] == 'some'
  assert result['ratio_to_peer'] == 2
  assert result['patches_per_s'] == 100
  assert {'device', 'versions', 'model', 'rounds', 'contestants'} <= set(result)
  assert {key: summary[key] for key in more} == more
  assert 'ours is 2.00 times as fast' in err


def test_classical_methods_report_beside_pyifd(tmp_path):
  path = tmp_path / 'a.jpg'
  pixels = classical.write_image(path, 0.01)
  assert pixels == pytest.approx(10_000, rel=0.03)
  for name in methods.METHODS:
    classical.make_method(name, path)(1)
  all_times = {'ela': times(0.01), 'nadjpeg': times(0.02, 0.02)}
  all_times[classical.PEER] = times(0.06, 0.06)
  ela, ours, peer = classical.summarize(all_times, 10_000)
  assert ela['seconds_per_megapixel'] == pytest.approx(1)
  assert ours['ratio']['median'] == pytest.approx(3)
  assert 'ratio' not in ela and 'ratio' not in peer
  _, *lines = classical.lines({'device': 'x', 'rows': [ela, ours, peer]})
  assert '3.00 times as fast as pyIFD' in lines[1]
  assert 'times' not in lines[0] + lines[2]


def test_startup_reports():
  timer = startup_timer.StageTimer('settings and set', since=0.0)
  timer.begin(None)
  seconds = startup.parse(f'{startup_timer.FIRST_STEP} {timer}\n')
  assert seconds == pytest.approx(timer.seconds, abs=0.06)
  result = startup.summarize({
      'cold': [(20.0, {'program': 9.0}), (30.0, {'program': 11.0})],
      'warm': [(4.0, {'program': 1.0}), (6.0, {'program': 1.0})],
  })
  assert result['ratio_to_peer'] == 5
  assert result['cold']['stages'] == {'program': 10}
  assert any('warm' in line for line in startup.lines({'device': '', **result}))
