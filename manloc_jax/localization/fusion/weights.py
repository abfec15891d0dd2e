"""Reads and writes the weights of the fusion, in one safetensors file."""

import dataclasses
import functools
import json
import operator
import pathlib
import stat
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
# Raised by metadata and tensors of another form than those of `save`.
_MALFORMED = (
    ArithmeticError, AttributeError, KeyError, TypeError, ValueError,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Weights:
  """A trained fusion.

  Attributes:
    model: The network.
    params: Its parameters.
    mean: f32[n], of the features over training blocks.
    std: f32[n], their standard deviation.
    threshold: Score from which a pixel counts as manipulated.
    provenance: How it was trained, as JSON holds it.
  """

  model: network.Fusion
  params: Any
  mean: np.ndarray
  std: np.ndarray
  threshold: float
  provenance: dict[str, Any]


def save(path: pathlib.Path, weights: Weights) -> None:
  """Writes a file; the names in it are those of version 0.1."""
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
      {**tensors, 'mean': weights.mean, 'spread': weights.std},
      metadata={'manloc': json.dumps(facts)},
  )
  with files.replacing(path) as temporary:
    temporary.write_bytes(content)


def load(path: pathlib.Path) -> Weights:
  """Reads a file.

  Raises:
    UserError: The file is missing, or holds no weights of a fusion.
  """
  path = pathlib.Path(path)
  _check_file(path)
  facts, tensors = _read(path)
  if facts.get('format') != _FORMAT or facts.get('evidence') != [
      *features.NAMES
  ]:
    raise errors.UserError(
        f'{path} was written for other features; use the version of manloc_jax'
        ' that it came with.'
    )
  if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
    raise errors.UserError(
        f'{path} holds values that are not finite, as a diverged training'
        ' leaves them; name other weights.'
    )
  try:
    mean, std = tensors.pop('mean'), tensors.pop('spread')
    params = traverse_util.unflatten_dict(tensors, sep='/')['params']
    model = network.Fusion(
        width=operator.index(facts['model']['width']),
        dilations=tuple(map(operator.index, facts['model']['dilations'])),
    )
    threshold = float(facts['threshold'])
    provenance = dict(facts['origin'])
    expected = abstract_params(model)
  except _MALFORMED as error:
    raise _no_weights(path) from error
  count = len(features.NAMES)
  models.check_shapes(
      {'params': params, 'mean': mean, 'spread': std},
      {
          'params': expected,
          'mean': np.zeros(count),
          'spread': np.zeros(count),
      },
      str(path),
  )
  if not (std > 0).all() or not 0 <= threshold <= 1:
    raise _no_weights(path)
  return Weights(model, params, mean, std, threshold, provenance)


def _check_file(path: pathlib.Path) -> None:
  """Raises UserError unless there is a file of a size that weights may have."""
  try:
    status = path.stat()
  except (FileNotFoundError, NotADirectoryError):
    raise errors.UserError(
        f'There is no file {path}; name the weights of a fusion.'
    ) from None
  except OSError as error:
    raise _unreadable(path, error) from error
  if not stat.S_ISREG(status.st_mode):  # A pipe would be waited for.
    raise errors.UserError(
        f'{path} is no regular file; name the weights of a fusion.'
    )
  if status.st_size > _MAX_BYTES:
    raise errors.UserError(
        f'{path} is larger than {_MAX_BYTES:,} bytes, which no weights of a'
        ' fusion are; name another file.'
    )


def _read(path: pathlib.Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
  """Returns the metadata of a file, and its tensors by name."""
  try:
    with safetensors.safe_open(path, 'numpy') as file:
      facts = json.loads(file.metadata()['manloc'])
      tensors = {name: file.get_tensor(name) for name in file.keys()}
  except OSError as error:
    raise _unreadable(path, error) from error
  except (safetensors.SafetensorError, *_MALFORMED) as error:
    raise _no_weights(path) from error
  if not isinstance(facts, dict):
    raise _no_weights(path)
  return facts, tensors


def _no_weights(path: pathlib.Path) -> errors.UserError:
  return errors.UserError(
      f'{path} does not hold the weights of a fusion, or holds only a part of'
      ' them; name a file that manloc fusion wrote.'
  )


def _unreadable(path: pathlib.Path, error: OSError) -> errors.UserError:
  return errors.UserError(
      f'{path} cannot be read ({error.strerror or error}); name the weights of'
      ' a fusion.'
  )


def abstract_params(model: network.Fusion) -> Any:
  """Returns shapes and dtypes of the network's parameters."""
  make = functools.partial(init, model)
  return jax.eval_shape(make, jax.random.key(0))


def init(model: network.Fusion, key: jax.Array) -> Any:
  """Returns parameters to begin training with."""
  count = 2 * len(features.NAMES)
  blocks = jnp.zeros((1, 8, 8, count))
  return model.init(key, blocks, blocks[:, 0, 0], blocks[..., 0])['params']
