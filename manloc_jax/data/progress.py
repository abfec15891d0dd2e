"""Shows a progress bar on a terminal, and nothing elsewhere."""

from collections.abc import Iterable
from typing import TypeVar

import tqdm

_Item = TypeVar('_Item')


def progress(
    items: Iterable[_Item], name: str, total: int, unit: str = 'image'
) -> Iterable[_Item]:
  """Yields the items and shows how many of them are done."""
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(items, name, total, unit=unit, disable=None)
