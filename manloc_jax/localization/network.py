"""Localizes in whole images with the paper's network, window by window.

The score of a pixel is the mean probability of manipulation over all windows
that cover it, see `sliding_window`. The host cuts a batch while the devices
work on the batches before, and adds up the scores; batches are of one size, so
that one program serves images of all sizes. Cutting takes the host 12
microseconds a window in large batches, a seventh of a second for 12 megapixels
at the default stride: no longer than decoding the image takes, so that windows
are not cut on the device.

Every window is computed on its own. Only conv1 and conv2 have the same outputs
in overlapping windows, and not within four pixels of a window's border, which
is padded with zeros; the states of the LSTMs depend on where a window begins.
The two layers take 7% of the forward pass
(`results/benchmarks/cpu/forward_narrow_64.json`): sharing their outputs would
save a twentieth of the time, and would not be exact.
"""

import collections
from collections.abc import Sequence
import dataclasses
import numbers
import pathlib
from typing import Any

import jax
import numpy as np

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import provenance
from manloc_jax.data import compression
from manloc_jax.data import images
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization import localizer
from manloc_jax.localization import sliding_window
from manloc_jax.models import postprocess
from manloc_jax.training import network_weights
from manloc_jax.training import sharding
from manloc_jax.training import steps

GATES = ('none', 'hard', 'soft')
STRIDE = 32

_CPU_BATCH, _BATCH = 16, 256  # Windows per device at once.
_BATCHES_AHEAD = 2


class NetworkLocalizer:
  """Localizes in images of any size; see `localizer.Localizer`.

  Attributes:
    threshold: Scores from here on are manipulated.
    provenance: What the results depend on, as JSON holds it: hyperparameters
      and weights.
    packages, device, is_probability, constant_score: As of the protocol.
  """

  is_probability = True
  constant_score = 0.5
  runs_in_workers = False

  def __init__(
      self,
      model,
      params: Any,
      *,
      stride: int = STRIDE,
      threshold: float = 0.5,
      gate: str = 'none',
      smooth_sigma: float = 1.0,
      batch_size: int | None = None,
      devices: Sequence[jax.Device] | None = None,
  ):
    """Sets up the devices; the first image compiles the program.

    Args:
      model: A module of `models`.
      params: Its parameters.
      stride: Pixels between windows, 1 to 64; a multiple of 8 for a network
        that reads the coefficients of a JPEG file's blocks.
      threshold: Of the mask.
      gate: The paper's post-processing of each window before the mean: `none`,
        or `hard` or `soft` of `postprocess.variants`. With `hard` the map is
        the fraction of windows that vote for a pixel.
      smooth_sigma: Of the post-processing, in pixels.
      batch_size: Windows at once over all devices; by default what suits them.
      devices: Default: all of this process.

    Raises:
      UserError: The network makes no map or has no patch labels for the gate,
        or a hyperparameter is out of its range.
    """
    _check(model, stride, threshold, gate, smooth_sigma)
    self._mesh = sharding.make_mesh(devices or jax.local_devices())
    self.device = self._mesh.devices.flat[0].device_kind
    self._params = jax.device_put(params, sharding.replicated(self._mesh))
    self._score = _make_scorer(model, self._mesh, gate, smooth_sigma)
    self._batch_size = batch_size or _default_batch_size(self._mesh)
    sharding.check_batch_size(self._batch_size, self._mesh)
    self._stride = stride
    self._reads_compression = model.reads_compression
    self.threshold = threshold
    self.packages = {'jax': jax.__version__}
    self.provenance = {
        'method': 'network',
        'stride': stride,
        'gate': gate,
        'threshold': threshold,
        'weights_sha256': network_weights.digest(params),
    }

  @classmethod
  def from_run(
      cls,
      workdir: str,
      *,
      threshold: float | None = None,
      gate: str = 'none',
      **options,
  ) -> 'NetworkLocalizer':
    """Loads the best checkpoint of a run.

    Args:
      workdir: The run's folder.
      threshold: By default the one with the best F1 on the run's validation
        split, as the evaluation of this checkpoint stored it. Without an
        evaluation it is 0.5, with a warning. It was chosen on scores without
        gating, so that it is 0.5 with a gate, too.
      gate: See `__init__`.
      **options: `device`, the kind of devices to use, such as `cpu` or `gpu`;
        others of `__init__`.

    Raises:
      UserError: See `network_weights.of_run` and `__init__`; or there is no
        such device.
    """
    weights = network_weights.of_run(
        workdir, read_threshold=threshold is None and gate == 'none'
    )
    return cls._from_weights(
        weights, str(workdir), threshold=threshold, gate=gate, **options
    )

  @classmethod
  def from_file(cls, path: str | pathlib.Path, **options) -> 'NetworkLocalizer':
    """Loads a file that `manloc export` wrote.

    Args:
      path: Of the file.
      **options: As of `from_run`; the file holds the threshold of its run.

    Raises:
      UserError: See `network_weights.load` and `__init__`; or there is no such
        device.
    """
    weights = network_weights.load(path)
    self = cls._from_weights(weights, str(path), **options)
    origin = weights.provenance
    self.provenance['training'] = {
        'data': origin['data'].get('name'),
        **{key: origin.get(key) for key in ('split_digest', 'seed', 'step')},
    }
    return self

  @classmethod
  def _from_weights(
      cls,
      weights: network_weights.Weights,
      source: str,
      *,
      threshold: float | None = None,
      gate: str = 'none',
      device: str | None = None,
      **options,
  ) -> 'NetworkLocalizer':
    devices = sharding.local_devices(device)
    threshold, threshold_from = network_weights.choose_threshold(
        weights, source, threshold, is_gated=gate != 'none'
    )
    self = cls(
        weights.model,
        weights.params,
        threshold=threshold,
        gate=gate,
        smooth_sigma=weights.smooth_sigma,
        devices=devices,
        **options,
    )
    self.provenance |= {
        'step': weights.provenance['step'],
        'threshold_from': threshold_from,
        'config_sha256': weights.provenance.get('config_sha256'),
        'version': provenance.VERSION,
    }
    return self

  def __call__(
      self, image: np.ndarray, quantization: np.ndarray | None = None
  ) -> localizer.Result:
    """Localizes what is manipulated.

    Args:
      image: uint8[h, w, 3], RGB; of at least a patch in both directions.
      quantization: Quantization table of luma, int[8, 8], if the pixels come
        from a JPEG file; see `quantization.read`. Some networks read it.

    Raises:
      NotApplicable: It is smaller.
      UserError: The outputs are not finite.
      ValueError: `image` is something else.
    """
    score = self.score_map(image, quantization)
    if (image == image[0, 0]).all():
      # Whatever the network learned, one colour carries no trace.
      score = np.zeros_like(score)
      result = localizer.summarize(score, score, self.threshold)
      reason = 'The image has one colour, so that all scores are 0.'
      return dataclasses.replace(
          result, facts={localizer.NOT_MEASURED: reason}
      )
    return localizer.summarize(score, score, self.threshold)

  def localize(
      self, path: pathlib.Path, image: images.Decoded
  ) -> localizer.Result:
    """Localizes in the pixels of a file; see `__call__`."""
    _check_size(str(path), image.pixels)
    return self(image.pixels, quantization_lib.read(path))

  def raw_map(self, path: pathlib.Path, image: images.Decoded) -> np.ndarray:
    """Returns the scores of a file's pixels alone, f32[h, w]."""
    _check_size(str(path), image.pixels)
    return self.score_map(image.pixels, quantization_lib.read(path))

  def score_map(
      self, image: np.ndarray, quantization: np.ndarray | None = None
  ) -> np.ndarray:
    """Returns the scores of an image alone, f32[h, w]; see `__call__`."""
    localizer.check_pixels(image)
    _check_size('The image', image)
    windows = sliding_window.Windows(image, self._stride)
    compressed = compression.NONE
    if self._reads_compression:
      compressed = compression.measure(image, quantization)
    # The same for all windows of the image.
    compressed = np.tile(compressed, (self._batch_size, 1, 1, 1))
    compressed = sharding.put_batch(compressed, self._mesh)
    waiting: collections.deque = collections.deque()
    for corners, batch in windows.batches(self._batch_size):
      batch = sharding.put_batch(batch, self._mesh)
      scores = self._score(self._params, batch, compressed)
      waiting.append((corners, scores))
      if len(waiting) > _BATCHES_AHEAD:
        corners, scores = waiting.popleft()
        windows.add(corners, np.asarray(scores))
    for corners, scores in waiting:
      windows.add(corners, np.asarray(scores))
    score = windows.mean()
    localizer.check_finite(score)
    return score


def _make_scorer(model, mesh, gate: str, sigma: float):
  """Returns `score(params, windows, compression)`, f32[batch, side, side]."""
  predict = steps.make_predict_step(model, mesh)

  def score(params, windows, compression):
    patch, pixel = predict(params, windows, compression)
    if gate == 'none':
      return pixel
    return postprocess.variants(patch, pixel, sigma)[gate]

  return jax.jit(score)


def _check(
    model, stride: int, threshold: float, gate: str, smooth_sigma: float
) -> None:
  if models.MASK not in model.tasks:
    raise errors.UserError(
        'This network labels patches and makes no map of pixels; choose a run'
        " with another model.decoder than 'none'."
    )
  if gate not in GATES:
    raise errors.UserError(
        f'The gate is {gate!r}; choose one of {", ".join(GATES)}.'
    )
  if gate != 'none' and models.PATCH not in model.tasks:
    raise errors.UserError(
        f"The gate {gate!r} needs labels of patches, which this network does"
        " not give; choose the gate 'none'."
    )
  if not isinstance(stride, numbers.Integral) or not (
      1 <= stride <= models.SIDE
  ):
    raise errors.UserError(
        f'A stride of {stride} pixels leaves pixels out or repeats windows;'
        f' choose one from 1 to {models.SIDE}.'
    )
  if stride % model.grid_stride:
    raise errors.UserError(
        f'This network reads blocks of {model.grid_stride} pixels, on whose'
        f' grid windows at a stride of {stride} pixels do not begin; choose a'
        f' multiple of {model.grid_stride}.'
    )
  network_weights.check_sigma(smooth_sigma)
  localizer.check_threshold(threshold)


def _check_size(subject: str, pixels: np.ndarray) -> None:
  # A smaller one is mostly reflections, which no training patch has.
  localizer.check_size(subject, pixels.shape, models.SIDE, 'the network')


def _default_batch_size(mesh) -> int:
  # On a CPU a batch only has to fill the microbatches of its products, and
  # the rest of an image's last batch is lost.
  is_cpu = mesh.devices.flat[0].platform == 'cpu'
  return mesh.size * (_CPU_BATCH if is_cpu else _BATCH)
