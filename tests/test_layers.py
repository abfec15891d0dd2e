"""The house plan's table of who may import whom, enforced."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / 'manloc_jax'
JAX = {'jax', 'flax', 'optax', 'orbax', 'chex'}
OURS = 'manloc_jax.'

# File or folder of the package -> modules it never imports.
FORBIDDEN = {
    'models': {'tensorflow', 'orbax', 'ml_collections', 'absl'},
    'losses.py': {'tensorflow', 'orbax', 'ml_collections', 'absl'},
    'metrics.py': {'tensorflow', 'orbax', 'ml_collections', 'absl'},
    'augment.py': {'tensorflow', 'orbax', 'ml_collections', 'absl'},
    'data': JAX | {'absl', OURS + 'models'},
    'data/arrays.py': {OURS + 'data.records', OURS + 'data.pipeline'},
    'data/manifest.py': {OURS + 'data.records', OURS + 'data.pipeline'},
    'data/forge': {OURS + 'data.records', OURS + 'data.pipeline'},
    'data/stream.py': {OURS + 'data.records', OURS + 'data.pipeline'},
    'forge_command.py': JAX | {'tensorflow', 'absl'},
    'scores.py': {'tensorflow', 'orbax', 'ml_collections', 'absl'},
    'parallel.py': {'tensorflow', 'ml_collections', 'absl'},
    'chunks.py': {'tensorflow', 'ml_collections', 'absl'},
    'startup.py': JAX | {'tensorflow'},
    'resident.py': {
        'tensorflow',
        'ml_collections',
        'absl',
        OURS + 'data.records',
        OURS + 'data.pipeline',
    },
    'state.py': {'tensorflow', 'ml_collections', 'absl'},
    'steps.py': {'tensorflow', 'ml_collections', 'absl'},
    # It may import `models`: `load` gives a network ready to run.
    'checkpoint.py': {'tensorflow', OURS + 'data', 'absl'},
    'settings.py': JAX | {'tensorflow', OURS + 'data', 'absl'},
    'writer.py': {'tensorflow', OURS + 'data', OURS + 'models', 'absl'},
    'train.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'evaluate.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'examples.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'localize.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'localize_files.py': JAX | {'absl', 'tensorflow', OURS + 'localize'},
    'localization.py': JAX | {'absl', 'tensorflow', OURS + 'models'},
    'classical.py': JAX | {'absl', 'tensorflow', OURS + 'models'},
    'image_scores.py': JAX | {'absl', 'tensorflow', OURS + 'models'},
    'whole_images.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'windows.py': JAX | {'absl', 'tensorflow'},
    'regions.py': JAX | {'absl', 'tensorflow'},
    'robustness.py': {'absl.flags', OURS + 'plots', 'tensorflow'},
    'baselines': JAX
    | {'tensorflow', 'orbax', 'absl', 'ml_collections'}
    | {OURS + room for room in ('models', 'train', 'evaluate', 'plots')},
    'fusion': {'tensorflow', OURS + 'plots', OURS + 'train', OURS + 'evaluate'},
    **{
        f'fusion/{name}.py': JAX | {'absl', 'ml_collections', 'tensorflow'}
        for name in ('evidence', 'residuals', 'examples')
    },
    'setting_checks.py': {'tensorflow', 'absl', OURS + 'data', OURS + 'plots'},
    'detectors.py': JAX | {'absl', 'tensorflow', OURS + 'plots'},
    'plots': JAX | {'tensorflow', OURS + 'models'},
    'serve': JAX
    | {'absl', 'tensorflow', OURS + 'models', OURS + 'train'}
    | {OURS + 'evaluate'},
    'report.py': JAX | {'tensorflow', OURS + 'models', OURS + 'data'},
    'readme.py': JAX | {'tensorflow', OURS + 'models', OURS + 'data'},
    'runs.py': JAX | {'tensorflow', OURS + 'models', OURS + 'data'},
    'study.py': JAX | {'tensorflow', OURS + 'models', OURS + 'data'},
    'summaries.py': JAX | {'tensorflow', OURS + 'models', OURS + 'data'},
}
# The only files that know TensorFlow.
TENSORFLOW = {'data/records.py', 'data/pipeline.py'}


def imports(path: pathlib.Path):
  """Yields `(line, dotted name)` of every import anywhere in a file."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield node.lineno, alias.name
    elif isinstance(node, ast.ImportFrom):
      for alias in node.names:
        yield node.lineno, f'{node.module}.{alias.name}'


def files(place: str):
  path = PACKAGE / place
  return sorted(path.rglob('*.py')) if path.is_dir() else [path]


def is_inside(name: str, module: str) -> bool:
  return name == module or name.startswith(module + '.')


@pytest.mark.parametrize('place', FORBIDDEN)
def test_rooms_stay_apart(place):
  for path in files(place):
    for line, name in imports(path):
      bad = [m for m in FORBIDDEN[place] if is_inside(name, m)]
      assert not bad, f'{path.name}:{line} imports {name}'


def test_tensorflow_has_two_doors():
  for path in PACKAGE.rglob('*.py'):
    if str(path.relative_to(PACKAGE)) in TENSORFLOW:
      continue
    for line, name in imports(path):
      root = name.split('.')[0]
      assert root not in ('tensorflow', 'tensorflow_datasets'), (
          f'{path.name}:{line} imports {name}'
      )


def test_tensorflow_waits_behind_its_doors():
  code = (
      'import sys; from manloc_jax import evaluate, resident,'
      ' robustness, train; from'
      ' manloc_jax.data import prepare, stream; assert "tensorflow" not in'
      ' sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=PACKAGE.parent)


def test_workers_on_whole_images_start_without_jax():
  code = (
      'import sys; from manloc_jax import classical, image_scores; assert'
      ' not {"jax", "tensorflow"} & sys.modules.keys()'
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=PACKAGE.parent)


def test_nothing_imports_the_commands():
  for path in PACKAGE.rglob('*.py'):
    for line, name in imports(path):
      for command in ('main', 'cli'):
        assert not is_inside(name, OURS + command), f'{path.name}:{line}'


def test_nothing_imports_the_benchmarks():
  for path in PACKAGE.rglob('*.py'):
    if path.parent.name == 'benchmarks':
      continue
    for line, name in imports(path):
      assert not is_inside(name, 'manloc_jax.benchmarks'), f'{path.name}:{line}'


def test_configs_do_not_import_the_package():
  for path in (PACKAGE.parent / 'configs').glob('*.py'):
    for line, name in imports(path):
      assert name.split('.')[0] in ('ml_collections', 'configs'), (
          f'{path.name}:{line} imports {name}'
      )


def test_reports_are_made_without_jax():
  code = (
      'import sys; from manloc_jax import report; from manloc_jax.plots import'
      ' curves, masks, robustness, study_figures; assert "jax" not in'
      ' sys.modules'
  )
  subprocess.run([sys.executable, '-c', code], check=True, cwd=PACKAGE.parent)
