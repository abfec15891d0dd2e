"""A localizer that processes of other machines make again for themselves.

Devices and compiled programs cannot be sent. What is sent is how the localizer
was made, with the hashes and versions that its results depend on.
"""

from collections.abc import Mapping
import functools
import pathlib
import socket
from typing import Any

import numpy as np

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.localization import factory
from manloc_jax.localization import localizer as localizer_lib


class PortableLocalizer:
  """Hands on to the localizer of its own process; see `localizer.Localizer`."""

  runs_in_workers = True

  def __init__(self, options: Mapping[str, Any]):
    """Makes the localizer of this process.

    Args:
      options: Arguments of `factory.make`; files are named by paths that all
        machines know.

    Raises:
      UserError: See `factory.make`.
    """
    self._options = dict(options)
    self._localizer = factory.make(**options)
    self.provenance = self._localizer.provenance
    self.packages = self._localizer.packages
    self.device = self._localizer.device
    self.is_probability = self._localizer.is_probability
    self.constant_score = self._localizer.constant_score

  def raw_map(self, path: pathlib.Path, image: images.Decoded) -> np.ndarray:
    """Returns the map alone, f32[h, w]; see `localizer.Localizer`."""
    return self._localizer.raw_map(path, image)

  def localize(
      self, path: pathlib.Path, image: images.Decoded
  ) -> localizer_lib.Result:
    """Returns map, mask and regions; see `localizer.Localizer`."""
    return self._localizer.localize(path, image)

  def __reduce__(self):
    made = {**self.provenance, **self.packages}
    return _made_here, (tuple(self._options.items()), made)


def _made_here(
    options: tuple[tuple[str, Any], ...], made: dict[str, Any]
) -> PortableLocalizer:
  """Returns the localizer of this process.

  Raises:
    UserError: It would give other results than the one that was sent.
  """
  localizer = _make(options)
  own = {**localizer.provenance, **localizer.packages}
  other = [key for key in {**made, **own} if made.get(key) != own.get(key)]
  if other:
    raise errors.UserError(
        f'The machine {socket.gethostname()} differs from the one that gave the'
        f' command in {", ".join(other)}; install the same packages and use the'
        ' same weights on all machines.'
    )
  return localizer


@functools.lru_cache(maxsize=1)
def _make(options: tuple[tuple[str, Any], ...]) -> PortableLocalizer:
  return PortableLocalizer(dict(options))
