"""Settings as flat dictionaries, for comparing runs."""

from collections.abc import Mapping
from typing import Any


def flatten(tree: Mapping, prefix: str = '') -> dict[str, Any]:
  """Returns `{'a.b': value}` for every leaf of nested dictionaries."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(flatten(value, f'{prefix}{key}.'))
    else:
      flat[f'{prefix}{key}'] = value
  return flat
