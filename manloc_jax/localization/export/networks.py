"""Trained networks as functions of arrays, with what a file says of them."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import pathlib
from typing import Any

import jax
from jax import export
import jax.numpy as jnp

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import provenance
from manloc_jax import run_config
from manloc_jax.data import compression
from manloc_jax.localization import factory
from manloc_jax.localization.fusion import network as fusion_network
from manloc_jax.localization.fusion import weights as fusion_weights
from manloc_jax.training import network_weights
from manloc_jax.training import steps
from manloc_jax.training import weight_files

PATCH_SCORES, PIXEL_SCORES, SCORES = 'patch_scores', 'pixel_scores', 'scores'


@dataclasses.dataclass(frozen=True)
class Network:
  """A trained network.

  Attributes:
    apply: Maps the inputs, in their order, to the outputs by name.
    inputs: Shapes and dtypes by name, with variables of
      `jax.export.symbolic_shape` for sizes that are free.
    facts: Where the weights are from, as JSON holds it: `method`, `step`,
      `threshold`, `threshold_from`, `version`, `weights_sha256` and `training`.
    save: Writes the weights into a `.safetensors` file.
  """

  apply: Callable[..., Mapping[str, jax.Array]]
  inputs: dict[str, jax.ShapeDtypeStruct]
  facts: dict[str, Any]
  save: Callable[[str | pathlib.Path], None]


def load(
    method: str | None = None,
    workdir: str | None = None,
    *,
    weights: str | None = None,
    step: int | None = None,
) -> Network:
  """Loads a trained network.

  Args:
    method: As of `factory.make`, and so are `workdir` and `weights`.
    workdir: The same.
    weights: The same.
    step: Of the checkpoint of a run of the network; by default the best.

  Raises:
    UserError: An argument cannot be used, or there are no such weights.
  """
  method, source = factory.locate(method, workdir, weights)
  is_run = method == run_config.NETWORK and not weight_files.is_named(source)
  if step is not None and not is_run:
    raise errors.UserError(
        f'--step={step} is of a checkpoint, and {source} holds none; leave it'
        ' out, or name the folder of a run of the network.'
    )
  if method == run_config.FUSION:
    return _of_fusion(source)
  if is_run:
    return _of_network(network_weights.of_run(str(source), step))
  return _of_network(network_weights.load(source))


def _of_network(weights: network_weights.Weights) -> Network:
  """Returns the paper's network as a function of windows."""
  model, side = weights.model, models.SIDE
  (batch,) = export.symbolic_shape('batch')
  inputs = {'windows': jax.ShapeDtypeStruct((batch, side, side, 3), jnp.uint8)}
  if model.reads_compression:
    inputs['compression'] = jax.ShapeDtypeStruct(
        (batch, *compression.SHAPE), jnp.uint8
    )

  def apply(*arrays):
    out: Any = model.apply({'params': weights.params}, *arrays)
    scores = {
        PATCH_SCORES: steps.manipulation_probability(out.patch_logits),
        PIXEL_SCORES: steps.manipulation_probability(out.mask_logits),
    }
    return {name: x for name, x in scores.items() if x is not None}

  facts = {
      'method': run_config.NETWORK,
      'step': weights.provenance['step'],
      'threshold': weights.threshold,
      'threshold_from': weights.threshold_from,
      'version': provenance.VERSION,
      'weights_sha256': network_weights.digest(weights.params),
      'training': weights.provenance,
  }
  save = functools.partial(_save, network_weights.save, weights)
  return Network(apply, inputs, facts, save)


def _of_fusion(path: pathlib.Path) -> Network:
  """Returns the fusion as a function of normalized features."""
  weights = fusion_weights.load(path)
  batch, *size = export.symbolic_shape('batch, rows, columns')
  count = 2 * len(weights.mean)
  shapes = {
      'blocks': (batch, *size, count),
      'statistics': (batch, count),
      'inside': (batch, *size),
  }

  def apply(*arrays):
    logits = fusion_network.logits(weights.model, weights.params, *arrays)
    return {SCORES: jax.nn.sigmoid(logits)}

  facts = {
      'method': run_config.FUSION,
      'step': weights.provenance.get('step'),
      'threshold': weights.mask.least,
      'threshold_of_largest': weights.mask.of_largest,
      'smallest_region': weights.mask.smallest_region,
      'threshold_from': network_weights.FROM_VALIDATION,
      'version': provenance.VERSION,
      'weights_sha256': provenance.sha256_of_file(path),
      'training': weights.provenance,
  }
  return Network(
      apply,
      {k: jax.ShapeDtypeStruct(x, jnp.float32) for k, x in shapes.items()},
      facts,
      functools.partial(_save, fusion_weights.save, weights),
  )


def _save(
    save: Callable[[pathlib.Path, Any], None],
    weights: Any,
    path: str | pathlib.Path,
) -> None:
  save(pathlib.Path(path), weights)
