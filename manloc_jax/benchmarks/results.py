"""What a benchmark prints and writes."""

import importlib.metadata
import json
import os
import platform
import re
import sys
from typing import Any

from absl import flags

import manloc_jax
from manloc_jax import files

_PACKAGES = ('jax', 'jaxlib', 'torch', 'tensorflow-cpu')


def define_json_flag():
  """Defines `--json`, where a benchmark writes its result."""
  return flags.DEFINE_string(
      'json',
      None,
      'File for the result; - is standard output.',
      allow_override=True,  # Tests import several commands at once.
  )


def write(result: dict[str, Any], path: str | None) -> None:
  """Writes a result as JSON.

  Args:
    result: Plain values.
    path: A file, `-` for standard output, or None for nowhere.
  """
  text = json.dumps(result, indent=1)
  if path == '-':
    print(text)
  elif path:
    files.write_text(path, text + '\n')


def say(line: str) -> None:
  """Prints for people, where it does not disturb JSON."""
  print(line, file=sys.stderr, flush=True)


def origin(platform_name: str, device_kind: str) -> dict[str, Any]:
  """Says on what machine and with which packages a result was made."""
  versions = {'manloc_jax': manloc_jax.__version__}
  for package in _PACKAGES:
    try:
      versions[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  name = device_kind if platform_name != 'cpu' else _cpu_name()
  return {'device': name, 'versions': versions}


def _cpu_name() -> str:
  name = platform.processor() or platform.machine()
  if os.path.exists('/proc/cpuinfo'):
    with open('/proc/cpuinfo') as file:
      found = re.search(r'model name\s*:\s*(.+)', file.read())
    name = found[1] if found else name
  return f'{name}, {len(os.sched_getaffinity(0))} cores'
