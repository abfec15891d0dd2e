"""Compiles loops over pixels and bins that NumPy cannot express well."""

from collections.abc import Callable

import numba


def compiled(function: Callable, **options) -> Callable:
  """Compiles a function; the program is kept where a folder can be written.

  Args:
    function: Of arrays and numbers; it runs without Python's global lock.
    **options: Others of `numba.njit`.
  """
  options |= {'nogil': True, 'error_model': 'numpy'}
  try:
    return numba.njit(function, cache=True, **options)
  except RuntimeError:  # Neither beside this file nor in the user's folder.
    return numba.njit(function, **options)
