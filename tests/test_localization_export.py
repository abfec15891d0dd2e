"""Exported networks compute what JAX computes, on images of the demo."""

import dataclasses
import functools
import json
import re

import jax
from jax import export
import numpy as np
import pytest
from scipy import fft
import small

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.data import compression
from manloc_jax.data.datasets import demo
from manloc_jax.localization.export import formats
from manloc_jax.localization.export import networks
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network as fusion_network
from manloc_jax.localization.fusion import weights as fusion_weights
from manloc_jax.training import network_weights

SIDE = models.SIDE
MOST = 1e-5  # Difference of a score.
COUNTS = (1, 3)  # Sizes of batches.
# JAX and onnxruntime differ by less in JPEG coefficients.
_MARGIN = 2e-4
# Fields of networks that between them use every layer.
_NETWORKS = {
    'the FCN': {'network': 'fcn', 'fcn_filters': (4, 4), 'fcn_hidden': 4},
    'patches alone': {
        'block_order': 'hilbert',
        'decoder': 'none',
        'head': 'concat',
        'lstm_input': 'rgb',
    },
    'pixels alone': {
        'conv1_constraint': 'bayar',
        'decoder': 'conv34',
        'head': 'none',
        'lstm_input': 'conv+gray',
    },
    'no pooling': {
        'conv1_input': 'residual',
        'head': 'mean',
        'lstm_hidden': (8, 64),
        'lstm_input': 'conv+dct+odds',
    },
}


def forgery(index: int) -> np.ndarray:
  """An image of the embedded demo, uint8[h, w, 3]."""
  return demo.make(demo.tasks()[index]).image


def cut(every: int) -> tuple[np.ndarray, np.ndarray]:
  """All windows of some demo images, and what tells of their compression."""
  windows, described = [], []
  for index in range(0, len(demo.tasks()), every):
    image = forgery(index)
    measured = compression.measure(image, None)
    for top in range(0, image.shape[0] - SIDE + 1, SIDE):
      for left in range(0, image.shape[1] - SIDE + 1, SIDE):
        windows.append(image[top : top + SIDE, left : left + SIDE])
        described.append(measured)
  return np.stack(windows), np.stack(described)


@pytest.fixture(scope='module')
def windows():
  """Windows of the demo and what tells of their compression.

  Windows with a JPEG coefficient between two whole numbers are left out: there
  the network rounds as the device happens to.
  """
  arrays = cut(every=17)
  kept = np.flatnonzero([distance_from_half(x) > _MARGIN for x in arrays[0]])
  assert len(kept) > 20
  chosen = kept[:: len(kept) // sum(COUNTS)][: sum(COUNTS)]
  return [x[chosen] for x in arrays]


def distance_from_half(window: np.ndarray) -> float:
  """How far a window's coefficients are from where rounding changes."""
  luma = window.astype(float) @ [0.299, 0.587, 0.114] - 128
  blocks = luma.reshape(8, 8, 8, 8).transpose(0, 2, 1, 3)
  made = fft.dctn(blocks, axes=(2, 3), norm='ortho')
  return float(np.abs(made % 1 - 0.5).min())


def normalized(path):
  """What a fusion with these weights reads of three images of the demo."""
  weights = fusion_weights.load(path)
  made = []
  for index in (0, 150, 300):
    pixels = forgery(index)[:160, :200]
    measured = features.measure(pixels, None, None, weights.names)
    features.add_copies(measured, np.zeros(measured.shape[:2], np.float32))
    made.append(
        fusion_network.normalize(measured, weights.mean, weights.std)
    )
  return [np.stack(arrays) for arrays in zip(*made, strict=True)]


def batches(arrays):
  """The arrays in batches of the sizes `COUNTS`."""
  start = 0
  for count in COUNTS:
    stop = min(start + count, len(arrays[0]))
    yield [x[stop - count : stop] for x in arrays]
    start = stop


def open_onnx(path):
  """Opens a file of ONNX with onnxruntime, on a CPU."""
  reason = "needs pip install -e '.[onnx]'"
  onnxruntime = pytest.importorskip('onnxruntime', reason=reason)
  return onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])


def check(path, network, arrays):
  """Compares a file with the network that it was made of."""
  apply = jax.jit(network.apply)
  if path.suffix == formats.ONNX:
    session = open_onnx(path)
    names = [x.name for x in session.get_outputs()]

    def run(*arrays):
      given = dict(zip(network.inputs, arrays, strict=True))
      return dict(zip(names, session.run(None, given), strict=True))
  else:
    run = export.deserialize(bytearray(path.read_bytes())).call
  for batch in batches(arrays):
    expected, found = apply(*batch), run(*batch)
    assert expected.keys() == found.keys()
    for name, scores in expected.items():
      assert found[name].shape == scores.shape
      assert found[name].dtype == np.float32
      assert np.std(scores) > 10 * MOST or scores.size < 4
      np.testing.assert_allclose(found[name], scores, rtol=0, atol=MOST)


def write(network, tmp_path, suffix):
  path = tmp_path / f'network{suffix}'
  if suffix == formats.ONNX:
    pytest.importorskip('onnx', reason="needs pip install -e '.[onnx]'")
  formats.writer(path)(network)
  return path


@pytest.mark.slow
@pytest.mark.parametrize('suffix', [formats.STABLEHLO, formats.ONNX])
def test_the_packaged_network_is_that_of_jax(suffix, windows, tmp_path):
  network = networks.load(run_config.NETWORK)
  path = write(network, tmp_path, suffix)
  assert [*network.inputs] == ['windows', 'compression']
  check(path, network, windows)


@pytest.mark.slow
def test_rounding_between_whole_numbers_changes_few_scores(tmp_path):
  """Programs of any compiler differ there, those of JAX alone as well."""
  network = networks.load(run_config.NETWORK)
  session = open_onnx(write(network, tmp_path, formats.ONNX))
  arrays = cut(every=51)

  def score(level):
    options = {'xla_backend_optimization_level': level}
    compiled = jax.jit(network.apply, compiler_options=options)
    return compiled(*arrays)[networks.PIXEL_SCORES]

  given = dict(zip(network.inputs, arrays, strict=True))
  others = {
      'onnxruntime': session.run([networks.PIXEL_SCORES], given)[0],
      'JAX without optimizations': score(0),
  }
  scores = score(3)
  for name, found in others.items():
    off = np.abs(found - scores)
    of_windows = off.reshape(len(off), -1).max(axis=1)
    print(
        f'\n{name}: of {len(off)} windows {(of_windows > MOST).mean():.0%}'
        f' differ by more than {MOST}; mean difference of a score'
        f' {off.mean():.1e}, largest {off.max():.2f}'
    )
    assert off.mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('weights', pretrained.FUSIONS)
@pytest.mark.parametrize('suffix', [formats.STABLEHLO, formats.ONNX])
def test_the_packaged_fusion_is_that_of_jax(suffix, weights, tmp_path):
  network = networks.load(run_config.FUSION, weights=weights)
  arrays = normalized(pretrained.FUSIONS[weights])
  check(write(network, tmp_path, suffix), network, arrays)


def save_untrained(path, **fields):
  """Writes the weights of a small network, random ones of a trained size."""
  fields = {**small.config().model.to_dict(), **fields}
  model = models.make(fields)
  rng = np.random.default_rng(0)

  def sample(spec):
    scale = 1.5 / np.sqrt(np.prod(spec.shape[:-1]) if spec.ndim > 1 else 100)
    return rng.normal(0, scale, spec.shape).astype(np.float32)

  weights = network_weights.Weights(
      fields=fields,
      model=model,
      params=jax.tree.map(sample, models.abstract_params(model)),
      threshold=0.5,
      threshold_from=network_weights.FROM_DEFAULT,
      smooth_sigma=1.0,
      provenance={'step': small.STEP, 'data': {'name': 'none'}},
  )
  network_weights.save(path, weights)
  return networks.load(workdir=str(path))


@pytest.mark.slow
@pytest.mark.parametrize('fields', _NETWORKS.values(), ids=_NETWORKS)
def test_every_kind_of_layer_is_translated(fields, windows, tmp_path):
  network = save_untrained(tmp_path / 'a.safetensors', **fields)
  path = write(network, tmp_path, formats.ONNX)
  check(path, network, windows[: len(network.inputs)])


@pytest.mark.slow
def test_several_fusions_are_translated(tmp_path):
  model = fusion_network.Fusion(width=4, dilations=(1, 2))
  trained = fusion_weights.load(pretrained.FUSION)
  init = functools.partial(
      fusion_weights.init, model, members=3, names=trained.names
  )
  params = jax.jit(init)(jax.random.key(0))
  path = tmp_path / 'a.safetensors'
  fusion_weights.save(
      path, dataclasses.replace(trained, model=model, params=params)
  )
  network = networks.load(workdir=str(path))
  arrays = normalized(pretrained.FUSION)
  check(write(network, tmp_path, formats.ONNX), network, arrays)


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        # The first of several in a Fourier transform.
        ({'lstm_input': 'spectrum'}, "the primitive 'pad' of JAX"),
        ({'dtype': 'bfloat16', 'network': 'fcn'}, 'the dtype bfloat16'),
    ],
)
def test_what_onnx_cannot_hold_is_one_sentence(fields, words, tmp_path):
  network = save_untrained(tmp_path / 'a.safetensors', **fields)
  with pytest.raises(errors.UserError, match=f'{words}, .* as .stablehlo'):
    write(network, tmp_path, formats.ONNX)
  assert not (tmp_path / 'network.onnx').exists()


def test_a_file_of_onnx_says_where_it_is_from(tmp_path):
  onnx = pytest.importorskip('onnx', reason="needs pip install -e '.[onnx]'")
  network = networks.load(run_config.FUSION)
  model = onnx.load(write(network, tmp_path, formats.ONNX))
  (fact,) = model.metadata_props
  assert fact.key == 'manloc'
  assert json.loads(fact.value) == json.loads(json.dumps(network.facts))
  assert network.facts['threshold'] == pytest.approx(
      fusion_weights.load(pretrained.FUSION).mask.least
  )
  sizes = [x.dim_param or x.dim_value for x in _shape(model.graph.input[0])]
  count = len(fusion_weights.load(pretrained.FUSION).names)
  assert sizes == ['batch', 'rows', 'columns', 2 * count]


def _shape(value):
  return value.type.tensor_type.shape.dim


@pytest.mark.parametrize('suffix', [formats.STABLEHLO, formats.ONNX])
def test_a_file_names_no_folder_of_the_machine(suffix, tmp_path):
  path = write(networks.load(run_config.FUSION), tmp_path, suffix)
  content = path.read_bytes()
  assert b'fusion' in content.lower()
  named = re.findall(rb'[\w./-]*\.py\b', content)
  assert named == [] and bytes(tmp_path) not in content


def test_weights_of_the_package_are_written_as_they_are(tmp_path):
  for path in (*pretrained.FUSIONS.values(), pretrained.NETWORK):
    formats.writer(tmp_path / path.name)(networks.load(workdir=str(path)))
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
