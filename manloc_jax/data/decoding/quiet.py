"""Suppresses warnings while files are read, safely in several threads."""

import threading
import types
import warnings


class _WithoutWarnings:
  """Ignores all warnings between the first entry and the last exit.

  `warnings.catch_warnings` alone changes the filters of the whole process, and
  two threads that leave it in another order than they entered would leave them
  changed for ever.
  """

  def __init__(self) -> None:
    self._lock = threading.Lock()
    self._depth = 0
    self._caught = warnings.catch_warnings()

  def __enter__(self) -> None:
    with self._lock:
      if self._depth == 0:
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter('ignore')
      self._depth += 1

  def __exit__(
      self,
      kind: type[BaseException] | None,
      error: BaseException | None,
      trace: types.TracebackType | None,
  ) -> None:
    with self._lock:
      self._depth -= 1
      if self._depth == 0:
        self._caught.__exit__(kind, error, trace)


WITHOUT_WARNINGS = _WithoutWarnings()
