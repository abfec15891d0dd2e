"""Prints the result of a benchmark and writes it as JSON."""

import argparse
from collections.abc import Callable, Sequence
import json
import os
import platform
import re
import sys
from typing import Any, TypeVar

from absl import flags

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import worker_pool

Number = TypeVar('Number', int, float)

_PACKAGES = ('jax', 'jaxlib', 'torch', 'tensorflow-cpu')


def define_json_flag():
  """Defines `--json`, where a benchmark writes its result."""
  return flags.DEFINE_string(
      'json',
      None,
      'File for the result; - is standard output.',
      allow_override=True,  # Tests import several commands at once.
  )


def read_numbers(
    flag: str, texts: Sequence[str], read: Callable[[str], Number]
) -> list[Number]:
  """Reads the numbers of a flag that holds a list.

  Args:
    flag: Its name.
    texts: Its value.
    read: Reads one of them, see `argument_types`.

  Returns:
    The numbers, at least one.

  Raises:
    UserError: One is something else, or there is none.
  """
  try:
    numbers = [read(text) for text in texts]
  except argparse.ArgumentTypeError as error:
    raise errors.UserError(f'{flag} cannot be used: {error}.') from error
  if not numbers:
    raise errors.UserError(f'{flag} is empty; give numbers between commas.')
  return numbers


def finish(
    result: dict[str, Any], summary: Sequence[str], path: str | None
) -> None:
  """Prints a result for people and writes it, with that text, as JSON.

  Args:
    result: Plain values.
    summary: Lines for people.
    path: A file, `-` for standard output, or None for nowhere.
  """
  for line in summary:
    say(line)
  text = json.dumps({**result, 'summary': list(summary)}, indent=1)
  if path == '-':
    print(text)
  elif path:
    files.write_text(path, text + '\n')


def say(line: str) -> None:
  """Prints for people, where it does not disturb JSON."""
  print(line, file=sys.stderr, flush=True)


def resident_bytes() -> int:
  """Returns the memory that this process holds now."""
  with open('/proc/self/statm') as file:
    pages = int(file.read().split()[1])
  return pages * os.sysconf('SC_PAGE_SIZE')


def describe_machine(platform_name: str, device_kind: str) -> dict[str, Any]:
  """Returns the device and the package versions behind a result."""
  packages = provenance.versions(_PACKAGES)
  versions = {
      'manloc_jax': provenance.VERSION,
      **{name: version for name, version in packages.items() if version},
  }
  name = device_kind if platform_name != 'cpu' else _cpu_name()
  return {'device': name, 'versions': versions}


def _cpu_name() -> str:
  name = platform.processor() or platform.machine()
  if os.path.exists('/proc/cpuinfo'):
    with open('/proc/cpuinfo') as file:
      match = re.search(r'model name\s*:\s*(.+)', file.read())
    name = match[1] if match else name
  return f'{name}, {worker_pool.available_cores()} cores'
