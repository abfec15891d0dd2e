"""Which detector is meant: by a method, a run, or nothing at all."""

import pathlib

from manloc_jax import errors
from manloc_jax import pretrained
from manloc_jax import run_config
from manloc_jax.localization import classical as baselines
from manloc_jax.localization import localizer as localization

FUSION, NETWORK = run_config.FUSION, run_config.NETWORK
METHODS = (FUSION, NETWORK, *baselines.METHODS)


def make(
    method: str | None = None,
    workdir: str | None = None,
    *,
    threshold: float | None = None,
    device: str | None = None,
    stride: int | None = None,
    gate: str | None = None,
) -> localization.Detector:
  """Makes a detector; what it needs is imported here.

  Args:
    method: One of `METHODS`; by default what the run is of, and the fusion
      without one.
    workdir: Folder of a run of the network or of the fusion; without one the
      fusion takes the weights of the package.
    threshold: Of the mask; by default the one that suits.
    device: Kind of device, such as `cpu` or `gpu`; the best one by default.
    stride: Pixels between windows of the network.
    gate: The paper's post-processing; see `localize.GATES`.

  Raises:
    UserError: The arguments do not go together, or one makes no sense.
  """
  if method is None:
    method = _method_of(workdir)
  if method not in METHODS:
    raise errors.UserError(
        f'The method is {method!r}; choose one of {", ".join(METHODS)}.'
    )
  unused = {
      'workdir': method in baselines.METHODS and workdir,
      'device': method in baselines.METHODS and device,
      'stride': method != NETWORK and stride is not None,
      'gate': method != NETWORK and gate,
  }
  for name, is_given in unused.items():
    if is_given:
      raise errors.UserError(
          f'The method {method} takes no {name}; leave --{name} out.'
      )
  if method in baselines.METHODS:
    from manloc_jax.localization.classical import localizer as classical

    return classical.Classical(method, threshold)
  from manloc_jax.training import sharding

  sharding.keep_programs()
  if method == FUSION:
    from manloc_jax.localization.fusion import localizer as detector

    path = pretrained.FUSION if workdir is None else _weights(workdir)
    return detector.Fused(path, threshold=threshold, device=device)
  if workdir is None:
    raise errors.UserError(
        'The network of the paper comes without trained weights; name the'
        f' folder of a run: --workdir=RUN. The method {FUSION} has weights.'
    )
  from manloc_jax.localization import network

  return network.Localizer.from_run(
      workdir,
      threshold=threshold,
      gate=gate or 'none',
      stride=network.STRIDE if stride is None else stride,
      device=device,
  )


def _method_of(workdir: str | None) -> str:
  if workdir is None or _weights(workdir).is_file():
    return FUSION
  return NETWORK


def _weights(workdir: str) -> pathlib.Path:
  return pathlib.Path(workdir) / pretrained.FUSION.name
