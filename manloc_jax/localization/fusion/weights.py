"""Weights of the fusion in one safetensors file: numbers, and no code."""

import dataclasses
import functools
import json
import pathlib
from typing import Any

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import models
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network

_MAX_BYTES = 64_000_000
_FORMAT = 'manloc fusion 1'


@dataclasses.dataclass(frozen=True)
class Weights:
  """A trained fusion.

  Attributes:
    model: The network.
    params: Its parameters.
    mean: f32[n], of the evidence over training blocks.
    spread: f32[n], its standard deviation.
    threshold: Score from which a pixel counts as manipulated.
    provenance: How it was trained, in facts that JSON can hold.
  """

  model: network.Fusion
  params: Any
  mean: np.ndarray
  spread: np.ndarray
  threshold: float
  provenance: dict[str, Any]


def save(path: pathlib.Path, weights: Weights) -> None:
  """Writes a file."""
  tensors = traverse_util.flatten_dict({'params': weights.params}, sep='/')
  tensors = {name: np.asarray(x, np.float32) for name, x in tensors.items()}
  facts = {
      'format': _FORMAT,
      'evidence': features.NAMES,
      'model': {
          'width': weights.model.width,
          'dilations': tuple(weights.model.dilations),
      },
      'threshold': weights.threshold,
      'origin': weights.provenance,
  }
  content = safetensors_numpy.save(
      {**tensors, 'mean': weights.mean, 'spread': weights.spread},
      metadata={'manloc': json.dumps(facts)},
  )
  with files.replacing(path) as fresh:
    fresh.write_bytes(content)


def load(path: pathlib.Path) -> Weights:
  """Reads a file.

  Raises:
    UserError: It is missing, or holds something else.
  """
  path = pathlib.Path(path)
  try:
    if path.stat().st_size > _MAX_BYTES:
      raise errors.UserError(
          f'{path} is larger than {_MAX_BYTES:,} bytes, which no weights of a'
          ' fusion are; name another file.'
      )
    with safetensors.safe_open(path, 'numpy') as file:
      facts = json.loads(file.metadata()['manloc'])
      tensors = {name: file.get_tensor(name) for name in file.keys()}
    if facts['format'] != _FORMAT or facts['evidence'] != list(features.NAMES):
      raise errors.UserError(
          f'{path} was written for another version of the evidence; use the'
          ' version of manloc_jax that it came with.'
      )
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
      raise ValueError('some are no numbers')
    mean, spread = tensors.pop('mean'), tensors.pop('spread')
    params = traverse_util.unflatten_dict(tensors, sep='/')['params']
    model = network.Fusion(
        width=int(facts['model']['width']),
        dilations=tuple(facts['model']['dilations']),
    )
    threshold = float(facts['threshold'])
    provenance = dict(facts['origin'])
  except FileNotFoundError:
    raise errors.UserError(
        f'There is no file {path}; name the weights of a fusion.'
    ) from None
  except (
      OSError,
      KeyError,
      TypeError,
      ValueError,
      safetensors.SafetensorError,
  ) as error:
    raise errors.UserError(
        f'{path} does not hold the weights of a fusion ({error}); name a file'
        ' that manloc fusion wrote.'
    ) from error
  count = len(features.NAMES)
  models.check_shapes(
      {'params': params, 'mean': mean, 'spread': spread},
      {
          'params': abstract_params(model),
          'mean': np.zeros(count),
          'spread': np.zeros(count),
      },
      str(path),
  )
  return Weights(model, params, mean, spread, threshold, provenance)


def abstract_params(model: network.Fusion) -> Any:
  """Returns shapes and dtypes of the network's parameters."""
  make = functools.partial(init, model)
  return jax.eval_shape(make, jax.random.key(0))


def init(model: network.Fusion, key: jax.Array) -> Any:
  """Returns parameters to begin training with."""
  count = 2 * len(features.NAMES)
  blocks = jnp.zeros((1, 8, 8, count))
  return model.init(key, blocks, blocks[:, 0, 0], blocks[..., 0])['params']
