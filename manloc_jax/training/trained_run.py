"""A trained network with its parameters, ready for analysis."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any

import flax.linen as nn
import jax
import ml_collections

from manloc_jax.models import features as features_lib


@dataclasses.dataclass(frozen=True)
class Run:
  """A trained network, ready for analysis.

  Attributes:
    config: The run's config; of a file of weights `model` and `data` of it.
    model: The Flax module that it describes.
    params: Its parameters, on the first device.
    step: The step they were saved at.
  """

  config: ml_collections.ConfigDict
  model: nn.Module
  params: Any
  step: int

  def apply(
      self,
      params: Any,
      images: Any,
      compression: Any = None,
      *,
      capture_intermediates: bool | Callable[[nn.Module, str], bool] = False,
      mutable: Sequence[str] = (),
  ) -> Any:
    """Applies the network, compiled.

    Args:
      params: Parameters, such as `self.params`.
      images: uint8[b, 64, 64, 3], RGB.
      compression: uint8[b, 8, 8, 34], of the files that the patches are from,
        see `data/compression.py`.
      capture_intermediates: Flax's option: what every module returns, or those
        that the function `(module, name) -> bool` picks.
      mutable: Flax's option: collections to return.

    Returns:
      `models.Outputs`; with either option the pair of it and the collections,
      as `flax.linen.Module.apply` returns it.
    """
    collections = (mutable,) if isinstance(mutable, str) else tuple(mutable)
    if capture_intermediates and 'intermediates' not in collections:
      collections += ('intermediates',)
    return self._apply(
        params,
        images,
        compression,
        capture_intermediates=capture_intermediates,
        mutable=collections,
    )

  def features(
      self, images: Any, compression: Any = None
  ) -> features_lib.Features:
    """Returns the maps, blocks and states of the LSTM of some patches.

    Args:
      images: uint8[b, 64, 64, 3], RGB.
      compression: See `apply`.

    Raises:
      TypeError: The network has no LSTM.
    """
    return self._features(self.params, images, compression)

  @functools.cached_property
  def _apply(self):
    def apply(params, images, compression, *, mutable, **options):
      return self.model.apply(
          {'params': params},
          images,
          compression,
          mutable=list(mutable) or False,
          **options,
      )

    return jax.jit(apply, static_argnames=('capture_intermediates', 'mutable'))

  @functools.cached_property
  def _features(self):
    return jax.jit(functools.partial(features_lib.compute, self.model))
