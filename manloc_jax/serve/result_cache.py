"""The last results of visitors, in memory, under secret names."""

import collections
import secrets
from typing import Generic, Protocol, TypeVar

from manloc_jax import errors


class Sized(Protocol):
  """What takes memory."""

  @property
  def nbytes(self) -> int:
    """Bytes that count."""


_Result = TypeVar('_Result', bound=Sized)


class ResultCache(Generic[_Result]):
  """The last results, for views of them and downloads."""

  def __init__(self, max_bytes: int):
    """Makes an empty cache.

    Args:
      max_bytes: Of all results together. Whoever holds the most loses the
        oldest ones, but the newest is kept.
    """
    self._max_bytes = max_bytes
    self._results: collections.OrderedDict[str, tuple[str, _Result]] = (
        collections.OrderedDict()
    )

  def add(self, result: _Result, owner: str) -> str:
    """Stores the result of a visitor; returns its key, which is secret."""
    held = collections.Counter[str]()
    for name, kept in self._results.values():
      held[name] += kept.nbytes
    most_before = self._max_bytes - result.nbytes
    while self._results and held.total() > most_before:
      most = max(held, key=lambda name: held[name])
      oldest = next(
          key for key, kept in self._results.items() if kept[0] == most
      )
      held[most] -= self._results.pop(oldest)[1].nbytes
    key = secrets.token_urlsafe(16)
    self._results[key] = owner, result
    return key

  def get(self, key: str) -> _Result:
    """Returns a result.

    Raises:
      UserError: The result has been deleted.
    """
    if key not in self._results:
      raise errors.UserError(
          'This result is no longer kept, because others came after it; drop'
          ' the photograph again.'
      )
    return self._results[key][1]
