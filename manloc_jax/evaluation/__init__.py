"""Scores localizers: patches, whole images, any set, and maps of others.

  image_set = evaluation.open_set('casia1', FOLDER)
  result = evaluation.evaluate(manloc_jax.load_localizer(), image_set, 'out')
"""

from typing import Any

__all__ = ['GivenMaps', 'evaluate', 'open_set']


def __getattr__(name: str) -> Any:
  # Worker processes import this package, too, and need no JAX.
  if name == 'evaluate':
    from manloc_jax.evaluation.any_set import evaluate

    return evaluate
  if name == 'open_set':
    from manloc_jax.evaluation.image_sets import open_set

    return open_set
  if name == 'GivenMaps':
    from manloc_jax.evaluation.map_folder import GivenMaps

    return GivenMaps
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
