"""Localize manipulated image regions with a Conv-LSTM-Conv network in JAX.

  localizer = manloc_jax.load_localizer()     # The packaged weights.
  result = localizer(pixels)                  # RGB, uint8[h, w, 3].
"""

from typing import Any, TYPE_CHECKING

from manloc_jax.provenance import VERSION as __version__

if TYPE_CHECKING:
  from manloc_jax.localization.localizer import Localizer

__all__ = ['__version__', 'from_pretrained', 'load_localizer']


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


def from_pretrained(
    repo_or_folder: str, *, revision: str | None = None, **options: Any
) -> 'Localizer':
  """Makes a localizer from a folder or from the Hugging Face Hub.

  Args:
    repo_or_folder: A folder that `manloc export` wrote, or a repository.
    revision: Branch, tag or commit of the repository.
    **options: Others of `localization.factory.make`, such as `threshold`.

  Raises:
    UserError: See `localization.hub.from_pretrained`.
  """
  from manloc_jax.localization import hub  # Importing JAX takes long.

  return hub.from_pretrained(repo_or_folder, revision=revision, **options)
