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
  """Returns what localizes manipulated pixels in images.

  Args:
    method: `fusion`, `network` or a classical method such as `ela`; by default
      what `workdir` is a run of, and the fusion without one.
    workdir: Folder of a run; without one the fusion takes the packaged weights.
    **options: Others of `localization.factory.make`, such as `threshold`.

  Raises:
    UserError: The arguments do not go together, or one makes no sense.
  """
  from manloc_jax.localization import factory  # JAX takes its time.

  return factory.make(method, workdir, **options)
