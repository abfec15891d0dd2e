"""Localize manipulated image regions with a Conv-LSTM-Conv network in JAX.

  localizer = manloc_jax.load_localizer()     # The packaged weights.
  result = localizer(pixels)                  # RGB, uint8[h, w, 3].
"""

from typing import Any, TYPE_CHECKING

from manloc_jax.provenance import VERSION as __version__

if TYPE_CHECKING:
  from manloc_jax.localization.localizer import Localizer

__all__ = ['__version__', 'load_localizer']


def load_localizer(
    method: str | None = None, workdir: str | None = None, **options: Any
) -> 'Localizer':
  """Makes a localizer of manipulated pixels in images.

  Args:
    method: `fusion`, `network` or a classical method such as `ela`; by default
      that of the run in `workdir`, and the fusion without one.
    workdir: Folder of a run, or a `.safetensors` file of weights; without one
      the weights of the package.
    **options: Others of `localization.factory.make`, such as `threshold`.

  Raises:
    UserError: An argument is invalid, or cannot be combined with another.
  """
  from manloc_jax.localization import factory  # Importing JAX takes long.

  return factory.make(method, workdir, **options)
