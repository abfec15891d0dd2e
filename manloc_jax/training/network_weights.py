"""A trained network in one file, which `manloc export` writes."""

import dataclasses
import hashlib
import logging
import math
import numbers
import pathlib
from typing import Any

import flax.linen as nn
import jax
import ml_collections
import numpy as np

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import models
from manloc_jax import pretrained
from manloc_jax import provenance as provenance_lib
from manloc_jax import run_config
from manloc_jax.metrics import thresholds
from manloc_jax.training import checkpoint
from manloc_jax.training import trained_run
from manloc_jax.training import weight_files

PRETRAINED = 'pretrained'  # Value of `train.init_from`: those of the package.
DEFAULT_THRESHOLD = 0.5
FROM_VALIDATION, FROM_DEFAULT = 'validation', 'default'


@dataclasses.dataclass(frozen=True)
class Weights:
  """A trained network.

  Attributes:
    fields: Arguments of `models.make`, as JSON holds them.
    model: The network that they describe.
    params: Its parameters, float32.
    threshold: Score from which a pixel counts as manipulated, 0 to 1.
    threshold_from: `validation`, where it has the best F1, or `default`.
    smooth_sigma: Of the paper's post-processing, in pixels.
    provenance: How it was trained, as JSON holds it: `step`, `config_sha256`,
      `version`, `seed`, `split_digest` and the section `data` of the config
      without folders.
  """

  fields: dict[str, Any]
  model: nn.Module
  params: Any
  threshold: float
  threshold_from: str
  smooth_sigma: float
  provenance: dict[str, Any]


def of_run(
    workdir: str, step: int | None = None, *, read_threshold: bool = True
) -> Weights:
  """Takes the weights of a checkpoint of a run.

  Args:
    workdir: The run's folder.
    step: Which checkpoint; by default the best on the validation split.
    read_threshold: Whether to read the threshold that the evaluation of the
      checkpoint stored. Otherwise, or where there is none, it is the default.

  Raises:
    UserError: See `checkpoint.load`; or the run is of another method, its
      threshold is damaged or its smoothing no standard deviation.
  """
  config = run_config.read(workdir)
  _check_method(workdir, config.get('method', run_config.NETWORK), config.model)
  run = checkpoint.load(workdir, step)
  plain = run_config.plain(config)
  # Not in runs of older versions.
  smooth_sigma = config.get('eval', {}).get('smooth_sigma', 1.0)
  check_sigma(smooth_sigma)
  chosen = thresholds.read(workdir, run.step) if read_threshold else None
  return Weights(
      fields=plain['model'],
      model=models.make(config),
      params=run.params,
      threshold=chosen.value if chosen else DEFAULT_THRESHOLD,
      threshold_from=FROM_VALIDATION if chosen else FROM_DEFAULT,
      smooth_sigma=smooth_sigma,
      provenance={
          'step': run.step,
          'config_sha256': provenance_lib.sha256_of_json(plain),
          'version': provenance_lib.VERSION,
          'seed': plain.get('seed'),
          'split_digest': _split_digest(workdir),
          'data': plain['data'],
      },
  )


def save(path: str | pathlib.Path, weights: Weights) -> None:
  """Writes a file.

  Raises:
    UserError: The network is too large for one.
    OSError: The file cannot be written.
  """
  facts = {
      'model': weights.fields,
      'threshold': weights.threshold,
      'threshold_from': weights.threshold_from,
      'smooth_sigma': weights.smooth_sigma,
      'origin': weights.provenance,
  }
  tree = {'params': weights.params}
  weight_files.write(path, weight_files.NETWORK, facts, tree)


def load(path: str | pathlib.Path) -> Weights:
  """Reads a file.

  Raises:
    UserError: The file is missing, or holds no weights of a network.
  """
  kind = weight_files.NETWORK
  facts, tensors = weight_files.read(path, kind)
  try:
    _check_facts(facts)
    if any(tensor.dtype != np.float32 for tensor in tensors.values()):
      raise TypeError('parameters are float32')
  except weight_files.MALFORMED as error:
    raise weight_files.no_weights(path, kind) from error
  model, expected = models.make_checked(
      facts['model'],
      f'The header of {path}',
      'use the version of manloc_jax that it came with',
  )
  tree = weight_files.nest(path, tensors, {'params': expected})
  return Weights(
      fields=facts['model'],
      model=model,
      params=tree['params'],
      threshold=facts['threshold'],
      threshold_from=facts['threshold_from'],
      smooth_sigma=facts['smooth_sigma'],
      provenance=facts['origin'],
  )


def load_run(workdir: str, step: int | None = None) -> trained_run.Run:
  """Restores a trained network for analysis, wherever it was trained.

  Args:
    workdir: The run's folder. Or a file of `manloc export`, or `pretrained`,
      the network of the package; of these the config has `model` and `data`.
    step: Which checkpoint of a run; by default the best on the validation
      split.

  Returns:
    The network; its parameters lie on this machine's first device, whatever
    number of devices trained them.

  Raises:
    UserError: See `checkpoint.load` and `load`; or a file is to have steps.
  """
  file = file_of(str(workdir))
  if file is None:
    return checkpoint.load(workdir, step)
  if step is not None:
    raise errors.UserError(
        f'{file} holds one checkpoint, and step {step} of it was asked for;'
        ' leave the step out, or name the folder of a run.'
    )
  weights = load(file)
  return trained_run.Run(
      ml_collections.ConfigDict(
          {'model': weights.fields, 'data': weights.provenance['data']}
      ),
      weights.model,
      jax.device_put(weights.params, jax.local_devices()[0]),
      weights.provenance['step'],
  )


def choose_threshold(
    weights: Weights, source: str, threshold: float | None, *, is_gated: bool
) -> tuple[float, str]:
  """Returns the threshold to use for weights and where it is from.

  Args:
    weights: The weights; without a threshold of theirs there is a warning.
    source: Folder or file that they are from.
    threshold: The one that was given, if any.
    is_gated: Whether patch labels gate the scores: the weights' own threshold
      was chosen without.
  """
  if threshold is not None:
    return threshold, 'given'
  if is_gated:
    return DEFAULT_THRESHOLD, FROM_DEFAULT
  if weights.threshold_from == FROM_DEFAULT:
    logging.warning(
        '%r has no threshold for its checkpoint %d, so that scores from %s on'
        ' are marked; evaluate the run with --mode=evaluate, or give a'
        ' threshold.',
        source,
        weights.provenance['step'],
        weights.threshold,
    )
  return weights.threshold, weights.threshold_from


def digest(params: Any) -> str:
  """Hashes parameters, with the same result on every machine."""
  digest = hashlib.sha256()
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    digest.update(f'{jax.tree_util.keystr(path)} {leaf.shape}'.encode())
    digest.update(np.asarray(leaf, '<f4').tobytes())
  return digest.hexdigest()


def file_of(init_from: str) -> pathlib.Path | None:
  """Returns the file that `train.init_from` names; None where it is a run."""
  if init_from == PRETRAINED:
    return pretrained.NETWORK
  is_named = weight_files.is_named(init_from)
  return pathlib.Path(init_from) if is_named else None


def check_sigma(smooth_sigma: Any) -> None:
  """Raises UserError unless a run's smoothing is a standard deviation."""
  if not _is_number(smooth_sigma) or not 0 <= smooth_sigma < math.inf:
    raise errors.UserError(
        f'The field eval.smooth_sigma of the run is'
        f' {errors.shown(smooth_sigma)}, which is'
        ' no standard deviation in pixels; restore its'
        f' {run_config.CONFIG}, or set the field to 0 or more.'
    )


def _check_method(workdir: str, method: str, fields: Any) -> None:
  """Raises UserError unless a run is one of a network of `models`."""
  # Runs of `manloc fusion` name no method.
  if method == run_config.NETWORK and 'dilations' in fields:
    method = run_config.FUSION
  if method != run_config.NETWORK:
    raise errors.UserError(
        f'The run in {str(workdir)!r} is of the method {errors.shown(method)};'
        ' name a run of'
        " the paper's network."
    )


def _split_digest(workdir: str) -> str | None:
  try:
    digest = files.read_text(pathlib.Path(workdir) / run_config.SPLIT, 1000)
  except (OSError, ValueError):
    return None  # Only the provenance lacks it.
  # A link to another file must not hand its content on.
  return digest if digest.isalnum() else None


def _check_facts(facts: dict[str, Any]) -> None:
  """Raises an error of `MALFORMED` unless facts have the form of `save`.

  The fields of the model are left to `models.make_checked`.
  """
  origin = facts['origin']
  if not isinstance(facts['model'], dict) or not isinstance(origin, dict):
    raise TypeError('no object')
  for name, low, high in (
      ('threshold', 0, 1),
      ('smooth_sigma', 0, np.finfo(np.float32).max),
  ):
    # NaN is neither more nor less.
    if not _is_number(facts[name]) or not low <= facts[name] <= high:
      raise ValueError(name)
  if facts['threshold_from'] not in (FROM_VALIDATION, FROM_DEFAULT):
    raise ValueError('threshold_from')
  if not isinstance(origin['step'], int) or not isinstance(
      origin.get('data'), dict
  ):
    raise TypeError('origin')


def _is_number(value: Any) -> bool:
  return isinstance(value, numbers.Real) and not isinstance(value, bool)
