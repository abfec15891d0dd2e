"""Types of command-line arguments, whose errors are one sentence."""

import argparse
from collections.abc import Sequence
import functools
import math
import re
from typing import Any, NoReturn

_MOST = 2**63 - 1  # The largest integer of other libraries.
_WHOLE = re.compile(r'[0-9]{1,19}')  # No digits of other scripts, no sign.
_DECIMAL = re.compile(r'[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?')


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
  """Also says what an option is by default, where its help does not."""

  def _get_help_string(self, action: argparse.Action) -> str | None:
    default, text = action.default, action.help or ''
    if not action.option_strings or 'default' in text:
      return action.help
    if default is argparse.SUPPRESS or default in (None, False, []):
      return action.help
    return f'{text}; %(default)s by default'


class Parser(argparse.ArgumentParser):
  """A parser whose errors are one sentence, without the usage before it."""

  def __init__(self, **options: Any):
    super().__init__(**{'formatter_class': _HelpFormatter, **options})

  def print_help(self, file: Any | None = None) -> None:
    # Argparse ignores errors of writing; here they end the command.
    print(self.format_help(), end='', file=file)

  def error(self, message: str) -> NoReturn:
    self.exit(2, f'{self.prog}: {message}; {self.prog} --help says more.\n')


def whole_number(text: str, least: int = 0, most: int = _MOST) -> int:
  """Reads a whole number.

  Raises:
    ArgumentTypeError: `text` is no whole number from `least` to `most`.
  """
  if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
    upper = 'on' if most == _MOST else f'to {most}'
    raise argparse.ArgumentTypeError(
        f'{text!r} is not a whole number from {least} {upper}'
    )
  return int(text)


positive = functools.partial(whole_number, least=1)
port = functools.partial(whole_number, most=65535)


def shard(text: str) -> tuple[int, int]:
  """Reads `I/N`, part I of N from 0 on.

  Raises:
    ArgumentTypeError: `text` is something else, or I is not below N.
  """
  try:
    index, count = map(whole_number, text.split('/'))
  except (argparse.ArgumentTypeError, ValueError):
    index, count = 0, 0
  if index >= count:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not I/N with I from 0 to N-1, such as 0/8'
    )
  return index, count


def number(text: str, above: float = -math.inf) -> float:
  """Reads a finite number.

  Raises:
    ArgumentTypeError: `text` is no finite number above `above`.
  """
  value = float(text) if _DECIMAL.fullmatch(text) else math.nan
  if not math.isfinite(value) or value <= above:
    lower = f' above {above:g}' if above > -math.inf else ''
    raise argparse.ArgumentTypeError(f'{text!r} is not a finite number{lower}')
  return value


positive_number = functools.partial(number, above=0)


def names(text: str) -> list[str]:
  """Reads a comma-separated list of different names.

  Raises:
    ArgumentTypeError: A name is empty, or occurs twice.
  """
  items = text.split(',')
  if not all(items):
    raise argparse.ArgumentTypeError(f'{text!r} is not names between commas')
  _check_different(text, items)
  return items


def seeds(text: str) -> list[int]:
  """Reads a comma-separated list of different whole numbers from 0 on.

  Raises:
    ArgumentTypeError: A part is no such number, or occurs twice.
  """
  try:
    values = [whole_number(item) for item in text.split(',')]
  except argparse.ArgumentTypeError as error:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not numbers from 0 on between commas, such as 0,1,2'
    ) from error
  _check_different(text, values)
  return values


def _check_different(text: str, values: Sequence[Any]) -> None:
  if len(set(values)) < len(values):
    raise argparse.ArgumentTypeError(f'{text!r} names something twice')


def sides(text: str) -> tuple[int, int]:
  """Reads the least and the largest side of images, in pixels.

  Raises:
    ArgumentTypeError: `text` is not two positive numbers in this order.
  """
  try:
    least, most = map(positive, text.split(','))
  except (argparse.ArgumentTypeError, ValueError):
    least, most = 1, 0
  if least > most:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not two numbers of pixels, such as 256,512'
    )
  return least, most


def fractions(text: str) -> tuple[float, float, float]:
  """Reads three positive fractions that sum to one.

  Raises:
    ArgumentTypeError: `text` is not three such numbers.
  """
  try:
    train, val, test = map(number, text.split(','))
  except (argparse.ArgumentTypeError, ValueError):
    train, val, test = 0.0, 0.0, 0.0
  if min(train, val, test) <= 0 or abs(train + val + test - 1) > 1e-6:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not three positive fractions with the sum 1, such as '
        '0.65,0.10,0.25'
    )
  return train, val, test
