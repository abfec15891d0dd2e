"""Command lines with argparse: refused in one sentence, with exit code 2."""

import argparse


class Parser(argparse.ArgumentParser):
  """Refuses a command line without printing the usage before the reason."""

  def error(self, message: str):
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
