"""Reads and writes the weights of the fusion, in one safetensors file."""

from collections.abc import Sequence
import dataclasses
import functools
import operator
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manloc_jax import errors
from manloc_jax.localization.fusion import calibration
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network
from manloc_jax.training import weight_files

# Far above sensible ones: a stranger's network is described before its
# parameters are compared.
_MAX_WIDTH, _MAX_LAYERS, _MAX_MEMBERS = 4096, 64, 64


@dataclasses.dataclass(frozen=True)
class Weights:
  """A trained fusion.

  Attributes:
    model: The network.
    params: Its parameters, with a first axis of members of the ensemble.
    mean: f32[n], of the features over training blocks.
    std: f32[n], their standard deviation.
    mask: Which scores of a map count as manipulated.
    provenance: How it was trained, as JSON holds it.
    image: Tells how probable it is that an image is forged; None for weights
      that were trained without untouched images.
    names: The features, one of `features.VERSIONS`.
  """

  model: network.Fusion
  params: Any
  mean: np.ndarray
  std: np.ndarray
  mask: calibration.MaskRule
  provenance: dict[str, Any]
  image: calibration.ImageModel | None = None
  names: tuple[str, ...] = features.NAMES


def save(path: pathlib.Path, weights: Weights) -> None:
  """Writes a file; the names in it are those of version 0.1.

  A single network is written without an axis of members, as it was then.
  """
  params, members = weights.params, jax.tree.leaves(weights.params)[0].shape[0]
  facts: dict[str, Any] = {
      'evidence': weights.names,
      'model': {
          'width': weights.model.width,
          'dilations': tuple(weights.model.dilations),
      },
      'threshold': weights.mask.least,
      'origin': weights.provenance,
  }
  if weights.mask.of_largest:
    facts['threshold_of_largest'] = weights.mask.of_largest
  if weights.mask.smallest_region:
    facts['smallest_region'] = weights.mask.smallest_region
  if members == 1:
    params = jax.tree.map(lambda x: x[0], params)
  else:
    facts['model']['members'] = members
  if weights.image is not None:
    facts['image'] = {
        'statistics': calibration.STATISTICS,
        **dataclasses.asdict(weights.image),
    }
  tree = {
      'params': params,
      'mean': weights.mean,
      'spread': weights.std,
  }
  weight_files.write(path, weight_files.FUSION, facts, tree)


def load(path: pathlib.Path) -> Weights:
  """Reads a file.

  Raises:
    UserError: The file is missing, or holds no weights of a fusion.
  """
  kind = weight_files.FUSION
  facts, tensors = weight_files.read(path, kind)
  names = facts.get('evidence')
  if names not in [[*version] for version in features.VERSIONS]:
    raise errors.UserError(
        f'{path} was written for other features; use the version of manloc_jax'
        ' that it came with.'
    )
  try:
    model = network.Fusion(
        width=operator.index(facts['model']['width']),
        dilations=tuple(map(operator.index, facts['model']['dilations'])),
    )
    if model.width > _MAX_WIDTH or len(model.dilations) > _MAX_LAYERS:
      raise ValueError('no network of a fusion')
    mask = calibration.MaskRule(
        float(facts['threshold']),
        float(facts.get('threshold_of_largest', 0)),
        operator.index(facts.get('smallest_region', 0)),
    )
    provenance = dict(facts['origin'])
    image = _image_model(facts['image']) if 'image' in facts else None
    # A single network has no axis of members.
    members = facts['model'].get('members')
    params = _abstract_params(model, members, names)
  except weight_files.MALFORMED as error:
    raise weight_files.no_weights(path, kind) from error
  by_feature = np.zeros(len(names))
  expected = {'params': params, 'mean': by_feature, 'spread': by_feature}
  tree = weight_files.nest(path, tensors, expected)
  if members is None:
    tree['params'] = jax.tree.map(lambda x: x[None], tree['params'])
  mean, std = tree['mean'], tree['spread']
  if not (std > 0).all() or not _is_possible(mask):
    raise weight_files.no_weights(path, kind)
  return Weights(
      *(model, tree['params'], mean, std, mask, provenance, image),
      names=tuple(names),
  )


def _abstract_params(
    model: network.Fusion, members: int | None, names: Sequence[str]
) -> Any:
  """Returns shapes and dtypes of parameters; None members have no axis.

  Raises:
    ValueError: There cannot be so many members.
  """
  count = 1 if members is None else operator.index(members)
  if not 1 <= count <= _MAX_MEMBERS:
    raise ValueError('no ensemble of a fusion')
  make = functools.partial(init, model, members=count, names=names)
  params = jax.eval_shape(make, jax.random.key(0))
  if members is None:
    params = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), params
    )
  return params


def _is_possible(mask: calibration.MaskRule) -> bool:
  return (
      0 <= mask.least <= 1
      and 0 <= mask.of_largest < 1
      and mask.smallest_region >= 0
  )


def _image_model(facts: dict[str, Any]) -> calibration.ImageModel:
  """Raises ValueError unless the facts describe a model of images."""
  weights, bias = tuple(map(float, facts['weights'])), float(facts['bias'])
  known = facts['statistics'] == [*calibration.STATISTICS]
  if not known or len(weights) != len(calibration.STATISTICS):
    raise ValueError('other statistics of an image')
  if not np.isfinite([*weights, bias]).all():
    raise ValueError('not finite')
  return calibration.ImageModel(weights, bias)


def init(
    model: network.Fusion,
    key: jax.Array,
    members: int = 1,
    names: Sequence[str] = features.NAMES,
) -> Any:
  """Returns parameters to begin training with.

  Args:
    model: The network.
    key: The key of the initialization; every member gets another one.
    members: Networks in the ensemble, the first axis of every parameter.
    names: The features.
  """
  blocks = jnp.zeros((1, 8, 8, 2 * len(names)))

  def init_member(key: jax.Array) -> Any:
    return model.init(key, blocks, blocks[:, 0, 0], blocks[..., 0])['params']

  return jax.vmap(init_member)(jax.random.split(key, members))
