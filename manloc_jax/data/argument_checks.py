"""Checks the numbers that callers pass to the functions of `data`.

`argument_types` parses those of the command line; these checks also cover calls
from Python, where a NaN passes comparisons and a negative seed fails deep
inside NumPy.
"""

from collections.abc import Sequence
import math
import numbers
from typing import Any

from manloc_jax import errors
from manloc_jax.data import spec


def check_seed(seed: Any) -> None:
  """Raises DataError unless a seed is a whole number from 0 on."""
  if not _is_whole(seed) or seed < 0:
    raise spec.DataError(
        f'The seed is {errors.shown(seed)}; give a whole number from 0 on in'
        ' --seed'
        ' (manloc) or --config.data.seed.'
    )


def check_count(name: str, count: Any, least: int = 1) -> None:
  """Raises DataError unless a count is a whole number from `least` on.

  Args:
    name: The name of the count for users.
    count: The value to check.
    least: The smallest that makes sense.
  """
  if not _is_whole(count) or count < least:
    raise spec.DataError(
        f'{name} is {errors.shown(count)}; give a whole number from {least} on.'
    )


def check_numbers(
    name: str, values: Any, least: float, most: float = math.inf
) -> None:
  """Raises DataError unless all values are finite and in a range.

  Args:
    name: The name of the values for users.
    values: One number or a sequence of them.
    least: The smallest that makes sense.
    most: The largest that makes sense.
  """
  listed = values if isinstance(values, (list, tuple)) else [values]
  if not all(_is_finite(x) and least <= x <= most for x in listed):
    text = f'at least {least:g}'
    if most < math.inf:
      text = f'from {least:g} to {most:g}'
    found = errors.shown(values)
    raise spec.DataError(f'{name} is {found}; give finite numbers, {text}.')


def check_fractions(fractions: Any) -> None:
  """Raises DataError unless three positive fractions sum to one."""
  if (
      not isinstance(fractions, Sequence)
      or len(fractions) != len(spec.SPLITS)
      or not all(_is_finite(x) and x > 0 for x in fractions)
      or not math.isclose(sum(fractions), 1, abs_tol=1e-5)
  ):
    raise spec.DataError(
        f'The fractions of train, val and test are {errors.shown(fractions)};'
        ' give three'
        ' positive numbers that sum to one in --fractions (manloc) or'
        ' --config.data.fractions.'
    )


def _is_whole(value: Any) -> bool:
  return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
  is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
  return is_number and math.isfinite(value)
