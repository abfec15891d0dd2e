"""A progress bar for people; nothing where nobody watches."""

from collections.abc import Iterable
from typing import TypeVar

import tqdm

_Item = TypeVar('_Item')


def progress(
    items: Iterable[_Item], name: str, total: int, unit: str = 'image'
) -> Iterable[_Item]:
  """Passes items on and shows how many there were."""
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(items, name, total, unit=unit, disable=None)
