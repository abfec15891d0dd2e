"""Command lines with argparse: refused in one sentence, with exit code 2."""

import argparse
import functools
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
  """Refuses a command line without printing the usage before the reason."""

  def print_help(self, file: Any | None = None) -> None:
    # Argparse passes over what keeps the help from being written.
    print(self.format_help(), end='', file=file)

  def error(self, message: str) -> NoReturn:
    self.exit(2, f'{self.prog}: {message}; {self.prog} --help says more.\n')


def names(text: str) -> list[str]:
  """Reads names between commas."""
  return [part for part in text.split(',') if part]


def seeds(text: str) -> list[int]:
  """Reads numbers from 0 on between commas.

  Raises:
    ArgumentTypeError: There is something else.
  """
  parts = text.split(',')
  if not all(part.isdecimal() for part in parts):
    raise argparse.ArgumentTypeError(
        f'{text!r} is not numbers from 0 on between commas, such as 0,1,2'
    )
  return [int(part) for part in parts]


def natural(text: str, least: int = 0) -> int:
  """Reads a whole number from `least` on.

  Raises:
    ArgumentTypeError: It is something else.
  """
  if not text.isdecimal() or int(text) < least:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not a whole number from {least} on'
    )
  return int(text)


positive = functools.partial(natural, least=1)


def fractions(text: str) -> tuple[float, float, float]:
  """Reads three positive shares that sum to one.

  Raises:
    ArgumentTypeError: They are something else.
  """
  try:
    shares = tuple(float(share) for share in text.split(','))
  except ValueError:
    shares = ()
  if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
    raise argparse.ArgumentTypeError(
        f'{text!r} is not three positive shares with the sum 1, such as '
        '0.65,0.10,0.25'
    )
  return shares
