"""Makes a localizer from a method, a run or the packaged weights."""

import os
import pathlib

from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.localization import localizer as localizer_lib


def make(
    method: str | None = None,
    workdir: str | None = None,
    *,
    threshold: float | None = None,
    device: str | None = None,
    stride: int | None = None,
    gate: str | None = None,
    weights: str | None = None,
) -> localizer_lib.Localizer:
  """Makes a localizer, and imports only what its method needs.

  Args:
    method: One of `run_config.METHODS`; by default that of the run, and the
      fusion without one.
    workdir: Folder of a run of the network or of the fusion, or a
      `.safetensors` file of such weights; without one they are those of the
      package.
    threshold: Of the mask; by default the one chosen in validation, or Otsu's
      for a classical method.
    device: Kind of device, such as `cpu` or `gpu`; the best one by default.
    stride: Pixels between windows of the network.
    gate: The paper's patch-label gating; see `network.GATES`.
    weights: Which of the fusion's weights that come with the package, a key of
      `pretrained.FUSIONS`; `v2` by default.

  Raises:
    UserError: An argument cannot be used, or not with the others.
  """
  method = _method(method, workdir, weights)
  unused = {
      'workdir': method in run_config.CLASSICAL and workdir,
      'device': method in run_config.CLASSICAL and device,
      'stride': method != run_config.NETWORK and stride is not None,
      'gate': method != run_config.NETWORK and gate,
  }
  for name, is_given in unused.items():
    if is_given:
      raise errors.UserError(
          f'The method {method} takes no {name}; leave --{name} out.'
      )
  if method in run_config.CLASSICAL:
    from manloc_jax.localization.classical import localizer as classical

    return classical.ClassicalLocalizer(method, threshold)
  from manloc_jax.training import sharding
  from manloc_jax.training import weight_files

  sharding.enable_compilation_cache()
  method, source = locate(method, workdir, weights)
  if method == run_config.FUSION:
    from manloc_jax.localization.fusion import localizer as fusion

    return fusion.FusionLocalizer(source, threshold=threshold, device=device)
  from manloc_jax.localization import network

  is_file = weight_files.is_named(source)
  kind = network.NetworkLocalizer
  return (kind.from_file if is_file else kind.from_run)(
      str(source),
      threshold=threshold,
      gate=gate or 'none',
      stride=network.STRIDE if stride is None else stride,
      device=device,
  )


def locate(
    method: str | None = None,
    workdir: str | None = None,
    weights: str | None = None,
) -> tuple[str, pathlib.Path]:
  """Returns the method, and the run or the file that holds its weights.

  Args:
    method: As of `make`, and so are the others.
    workdir: The same.
    weights: The same.

  Raises:
    UserError: The method is a classical one, or an argument cannot be used.
  """
  from manloc_jax.training import weight_files

  method = _method(method, workdir, weights)
  if method in run_config.CLASSICAL:
    raise errors.UserError(
        f'The method {method} has no weights; choose {run_config.NETWORK} or'
        f' {run_config.FUSION}.'
    )
  if method == run_config.NETWORK:
    path = pretrained.NETWORK if workdir is None else pathlib.Path(workdir)
    return method, path
  path = _packaged(weights) if workdir is None else pathlib.Path(workdir)
  return method, path if weight_files.is_named(path) else _weights(path)


def method_of(workdir: str | None) -> str:
  """Returns the method of a run or of a file of weights.

  Raises:
    UserError: There is neither, or the run is of a classical method.
  """
  from manloc_jax.training import weight_files

  if workdir is not None and weight_files.is_named(workdir):
    return weight_files.read_kind(workdir).method
  if workdir is None or os.path.isfile(_weights(workdir)):
    return run_config.FUSION
  method = run_config.read(workdir).get('method', run_config.NETWORK)
  if method in run_config.CLASSICAL:
    raise errors.UserError(
        f'The run in {str(workdir)!r} is of the method {method}, which has no'
        ' weights; name another run, or that method without a run.'
    )
  return method


def _method(
    method: str | None, workdir: str | None, weights: str | None
) -> str:
  """Returns the method; raises UserError unless it is known and fits."""
  if weights and workdir is not None:
    raise errors.UserError(
        f'The weights {errors.shown(weights)} come with the package, and'
        f' {errors.shown(workdir)} has its own; leave one of the two out.'
    )
  if method is None:
    method = method_of(workdir)
  if method not in run_config.METHODS:
    known = ', '.join(run_config.METHODS)
    raise errors.UserError(
        f'The method is {errors.shown(method)}; choose one of {known}.'
    )
  if weights and method != run_config.FUSION:
    raise errors.UserError(
        f'The method {method} takes no weights; leave --weights out.'
    )
  return method


def _packaged(weights: str | None) -> pathlib.Path:
  """Returns the file of weights of the fusion that come with the package."""
  if weights is None:
    return pretrained.FUSION
  if weights not in pretrained.FUSIONS:
    raise errors.UserError(
        f'The weights are {errors.shown(weights)}; choose one of'
        f' {", ".join(pretrained.FUSIONS)}.'
    )
  return pretrained.FUSIONS[weights]


def _weights(workdir: str | pathlib.Path) -> pathlib.Path:
  return pathlib.Path(workdir) / run_config.FUSION_WEIGHTS
