r"""Measures what an installation takes, and which package costs what.

  python -m manloc_jax.benchmarks.installation --json=installation.json

Installs this checkout with pip into a fresh environment, sums the files of each
package, and imports there what users import, in processes of their own. The
seconds of the installation hold the downloads, unless pip has kept them.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any
import venv

from absl import flags

from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands

_EXTRAS = flags.DEFINE_list('extras', [], 'To install as well, with commas.')
_IMPORTS = flags.DEFINE_integer('imports', 5, 'Of each module.', lower_bound=1)
_JSON = results.define_json_flag()

ROOT = pathlib.Path(__file__).parents[2]
IMPORTED = ('manloc_jax', 'manloc_jax.localization.fusion.localizer')
_SHOWN = 12  # Packages; the others are summed.
# Run in the environment; print JSON.
_SIZES = """
import importlib.metadata, json
sizes = {}
for package in importlib.metadata.distributions():
  paths = [file.locate() for file in package.files or ()]
  sizes[package.name] = sum(x.stat().st_size for x in paths if x.is_file())
print(json.dumps(sizes))
"""
_TIMED = """
import json, sys, time
begin = time.perf_counter()
import {module}
seconds = time.perf_counter() - begin
heavy = ('tensorflow', 'tensorflow_datasets', 'optax', 'orbax', 'sklearn')
print(json.dumps([seconds, [name for name in heavy if name in sys.modules]]))
"""


def main(argv: list[str]) -> None:
  """Installs, prints sizes and times, and writes JSON."""
  del argv
  with tempfile.TemporaryDirectory() as folder:
    venv.create(folder, with_pip=True)
    python = os.path.join(folder, 'bin', 'python')
    before = json.loads(_run(python, '-c', _SIZES))
    extras = f'[{",".join(_EXTRAS.value)}]' if _EXTRAS.value else ''
    begin = time.monotonic()
    _run(python, '-m', 'pip', 'install', '--quiet', f'{ROOT}{extras}')
    seconds = time.monotonic() - begin
    sizes = json.loads(_run(python, '-c', _SIZES))
    imports = {name: _imports(python, name) for name in IMPORTED}
  result = {
      'benchmark': 'installation',
      **results.describe_machine('cpu', ''),
      'extras': _EXTRAS.value,
      'seconds': seconds,
      'bytes': {name: sizes[name] for name in sizes if name not in before},
      'imports': imports,
  }
  results.finish(result, lines(result), _JSON.value)


def _run(*command: str) -> str:
  """Runs a command outside of the checkout; returns what it prints."""
  environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
  with tempfile.TemporaryDirectory() as outside:
    return subprocess.run(
        command,
        check=True,
        cwd=outside,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def _imports(python: str, module: str) -> dict[str, Any]:
  """Imports a module several times; the first, which compiles, is left out."""
  code = _TIMED.format(module=module)
  runs = [
      json.loads(_run(python, '-c', code)) for _ in range(_IMPORTS.value + 1)
  ]
  return {
      'seconds': statistics.median(seconds for seconds, _ in runs[1:]),
      'heavy': runs[-1][1],
  }


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  sizes = sorted(result['bytes'].items(), key=lambda item: -item[1])
  total = sum(result['bytes'].values())
  extras = ', '.join(result['extras']) or 'none'
  out = [
      f'installation, extras {extras}: {len(sizes)} packages,'
      f' {total / 1e6:.0f} MB, {result["seconds"]:.0f} s'
  ]
  shown = sizes[:_SHOWN]
  rest = total - sum(size for _, size in shown)
  if len(sizes) > _SHOWN:
    shown.append(('all others', rest))
  out += [f'  {name:<28} {size / 1e6:6.0f} MB' for name, size in shown]
  for module, imported in result['imports'].items():
    heavy = ', '.join(imported['heavy']) or 'nothing of training'
    out.append(
        f'  import {module}: {imported["seconds"]:.2f} s, with {heavy}'
    )
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
