"""Who may import whom: every file has a floor, and imports never run upwards.

A package or file directly under `manloc_jax/` stands on one floor. A file may
import files of its own package and whatever stands on a lower floor. Imports
inside functions count like any other, so do relative ones. A package that takes
in whatever files it has (`import_module(f'{__name__}.{file}')` in its
`__init__`) imports all of them; any other name that only the running program
knows is refused.
"""

import ast
from collections.abc import Iterator
import graphlib
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / 'manloc_jax'

# The lowest floor first; `__init__` offers what is public.
FLOORS = (
    {'errors', 'files', 'patch_side', 'pretrained'},
    {'array_files', 'provenance'},
    {'argument_types', 'data', 'models', 'run_config'},
    {'metrics'},
    {'training'},
    {'localization', 'reports'},
    {'evaluation', 'examine'},
    {'serve'},
    {'commands'},
    {'benchmarks', 'cli', 'main'},
    {'__init__'},
)
# Names of older versions, which hand on what has moved.
RE_EXPORTS = {'checkpoint': 'training'}
MOST_MEMBERS = 24  # Directly under the package, what is not code included.

JAX = {'chex', 'flax', 'jax', 'optax', 'orbax'}
TENSORFLOW = {'tensorflow', 'tensorflow_datasets'}
CONFIG = {'ml_collections'}
FLAGS = {'absl.flags', 'ml_collections.config_flags'}
DATA, MODELS = 'manloc_jax.data', 'manloc_jax.models'
# What a package or file of ours never imports, besides what is not below it.
NEVER = {
    'commands/config_checks.py': {'absl'},
    'commands/forge.py': JAX | {'absl'},
    'data': JAX | {'absl'},
    'evaluation': FLAGS,
    'evaluation/image_scores.py': JAX | {'absl', MODELS},
    'localization': FLAGS | {'manloc_jax.training.train'},
    'localization/batch.py': JAX | {'absl', 'manloc_jax.localization.network'},
    'localization/classical': JAX
    | CONFIG
    | {'absl', MODELS, 'manloc_jax.training'},
    'localization/factory.py': JAX | {'absl'},
    'localization/localizer.py': JAX | {'absl', MODELS},
    'localization/sliding_window.py': JAX | {'absl'},
    'metrics': CONFIG | {'absl', 'orbax'},
    'models': CONFIG | {'absl', 'orbax'},
    'provenance.py': CONFIG | {'absl'},
    'reports': JAX | FLAGS | {DATA, MODELS},
    'run_config.py': JAX | {'absl'},
    'serve': JAX | {'absl', MODELS, 'manloc_jax.training'},
    'training': FLAGS,
    'training/checkpoint.py': {'absl', DATA},
    'training/losses.py': CONFIG | {'absl', 'orbax'},
    'training/metric_writer.py': {'absl', DATA, MODELS},
    'training/startup_timer.py': JAX,
    # They take numbers.
    **{
        f'training/{name}.py': CONFIG | {'absl'}
        for name in (
            *('augment', 'device_dataset', 'eval_step', 'microbatch'),
            *('sharding', 'state', 'steps'),
        )
    },
    # They run in worker processes.
    **{
        f'localization/fusion/{name}.py': JAX | CONFIG | {'absl'}
        for name in ('examples', 'features', 'jpeg_traces', 'residuals')
    },
}
# The only file that imports TensorFlow.
KNOW_TENSORFLOW = {'data/storage/tensorflow_files.py'}


def read_imports(
    path: pathlib.Path, package: pathlib.Path = PACKAGE
) -> Iterator[tuple[int, str]]:
  """Yields the line and the dotted name of every import of a file.

  Raises:
    AssertionError: A name is made while the program runs.
  """
  module = [package.name, *path.relative_to(package).with_suffix('').parts]
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield node.lineno, alias.name
    elif isinstance(node, ast.ImportFrom):
      above = module[: len(module) - node.level] if node.level else []
      base = '.'.join([*above, *filter(None, [node.module])])
      for alias in node.names:
        yield node.lineno, f'{base}.{alias.name}'
    elif isinstance(node, ast.Call) and _imports_by_name(node.func):
      name = node.args[0] if node.args else None
      if path.name == '__init__.py' and _is_own_file(name):
        for file in sorted(path.parent.glob('[!_]*.py')):
          yield node.lineno, '.'.join([*module[:-1], file.stem])
        continue
      assert isinstance(name, ast.Constant), (
          f'{path}:{node.lineno} imports a name that only the running program'
          ' knows; import it by its name'
      )
      yield node.lineno, str(name.value)


def _imports_by_name(function: ast.expr) -> bool:
  if isinstance(function, ast.Attribute):
    return function.attr == 'import_module'
  return isinstance(function, ast.Name) and function.id in (
      '__import__',
      'import_module',
  )


def _is_own_file(name: ast.expr | None) -> bool:
  """Whether it is an f-string `{__name__}.{...}`."""
  return isinstance(name, ast.JoinedStr) and ast.unparse(name).startswith(
      ("f'{__name__}.{", 'f"{__name__}.{')
  )


def read_graph(package: pathlib.Path = PACKAGE) -> dict[str, set[str]]:
  """Returns the files of ours that each file imports, as relative paths."""
  graph = {}
  for path in sorted(package.rglob('*.py')):
    found = {
        target
        for _, name in read_imports(path, package)
        for target in [_file_of(name, package)]
        if target
    }
    graph[path.relative_to(package).as_posix()] = found
  return graph


def _file_of(name: str, package: pathlib.Path) -> str | None:
  """Returns the file that an import reads, as deep as the name leads."""
  first, *parts = name.split('.')
  if first != package.name:
    return None
  place = package
  for part in parts:
    if (place / part).is_dir():
      place = place / part
    elif (place / f'{part}.py').is_file():
      return (place / f'{part}.py').relative_to(package).as_posix()
    else:
      break  # A name inside the package's own file.
  return (place / '__init__.py').relative_to(package).as_posix()


def member_of(file: str) -> str:
  """Returns what stands directly under the package."""
  return file.split('/')[0].removesuffix('.py')


def check(package: pathlib.Path = PACKAGE) -> list[str]:
  """Lists what is wrong: files without a floor, imports upwards, circles."""
  floors = {name: i for i, floor in enumerate(FLOORS) for name in floor}
  floors |= {old: floors[new] for old, new in RE_EXPORTS.items()}
  graph, wrong = read_graph(package), []
  for file, imported in graph.items():
    here = member_of(file)
    if here not in floors:
      wrong.append(f'{file} has no floor: give {here!r} one in FLOORS')
      continue
    for target in sorted(imported):
      there = member_of(target)
      is_re_export = RE_EXPORTS.get(here) == there
      if here == there or is_re_export or there not in floors:
        continue
      if floors[there] >= floors[here]:
        wrong.append(f'{file} imports {target}, which is not below it')
  try:
    graphlib.TopologicalSorter(graph).prepare()
  except graphlib.CycleError as error:
    wrong.append(f'a circle: {" <- ".join(error.args[1])}')
  return wrong


def test_every_file_has_a_floor_and_imports_downwards():
  assert not check()


@pytest.fixture
def small_package(tmp_path):
  package = tmp_path / PACKAGE.name
  for folder in ('data', 'training'):
    (package / folder).mkdir(parents=True)
  (package / '__init__.py').write_text('')
  (package / 'data' / 'images.py').write_text('import numpy\n')
  (package / 'training' / 'train.py').write_text(
      'from manloc_jax.data import images\n'
  )
  assert not check(package)
  return package


@pytest.mark.parametrize(
    ('file', 'code', 'words'),
    [
        ('novelty.py', '', 'has no floor'),
        ('novelty/part.py', '', 'has no floor'),
        ('data/up.py', 'from manloc_jax.training import train', 'not below'),
        ('data/up.py', 'from ..training import train', 'not below'),
        ('data/up.py', 'def f():\n  import manloc_jax.training.train', 'not b'),
        (
            'data/up.py',
            'import importlib\nimportlib.import_module("manloc_jax.training")',
            'not below',
        ),
        ('models/x.py', 'from manloc_jax.data import images', 'not below'),
        ('data/images.py', 'from manloc_jax.data import images', 'circle'),
    ],
)
def test_the_check_finds(small_package, file, code, words):
  path = small_package / file
  path.parent.mkdir(exist_ok=True)
  path.write_text(code)
  (found,) = check(small_package)
  assert words in found


def test_the_check_finds_a_longer_circle(small_package):
  for one, other in (('a', 'b'), ('b', 'c'), ('c', 'a')):
    path = small_package / 'data' / f'{one}.py'
    path.write_text(f'def f():\n  from . import {other}')
  (found,) = check(small_package)
  assert 'circle' in found


def test_the_check_sees_what_a_package_takes_in(small_package):
  init = small_package / 'data' / '__init__.py'
  init.write_text(
      'import importlib\nfor name in "images up".split():\n'
      "  importlib.import_module(f'{__name__}.{name}')\n"
  )
  graph = read_graph(small_package)
  assert graph['data/__init__.py'] == {'data/images.py'}
  (small_package / 'data' / 'up.py').write_text('from manloc_jax import data')
  (found,) = check(small_package)
  assert 'circle' in found


def test_the_check_refuses_names_made_at_run_time(small_package):
  path = small_package / 'data' / 'hidden.py'
  path.write_text('import importlib\nimportlib.import_module("a" + "b")')
  with pytest.raises(AssertionError, match='hidden.py:2'):
    check(small_package)


def test_the_package_has_few_members():
  members = {
      path.name
      for path in PACKAGE.iterdir()
      if path.suffix == '.py' or (path.is_dir() and path.name[0] != '_')
  }
  assert len(members) <= MOST_MEMBERS, sorted(members)


@pytest.mark.parametrize('place', NEVER)
def test_other_packages_stay_out(place):
  path = PACKAGE / place
  files = sorted(path.rglob('*.py')) if path.is_dir() else [path]
  assert files
  for file in files:
    for line, name in read_imports(file):
      bad = [m for m in NEVER[place] if _is_inside(name, m)]
      assert not bad, f'{file.relative_to(PACKAGE)}:{line} imports {name}'


def test_two_files_know_tensorflow():
  for path in sorted(PACKAGE.rglob('*.py')):
    if path.relative_to(PACKAGE).as_posix() in KNOW_TENSORFLOW:
      continue
    for line, name in read_imports(path):
      assert name.split('.')[0] not in TENSORFLOW, f'{path}:{line}'


def _is_inside(name: str, module: str) -> bool:
  return name == module or name.startswith(f'{module}.')


def test_configs_do_not_import_the_package():
  allowed = {'configs', 'ml_collections', *sys.stdlib_module_names}
  for path in (ROOT / 'configs').glob('*.py'):
    for line, name in read_imports(path, ROOT):
      assert name.split('.')[0] in allowed, (
          f'{path.name}:{line} imports {name}'
      )


@pytest.mark.parametrize(
    ('imported', 'absent'),
    [
        (
            'manloc_jax.training.train, manloc_jax.training.device_dataset,'
            ' manloc_jax.evaluation.patches, manloc_jax.evaluation.robustness,'
            ' manloc_jax.data.prepare, manloc_jax.data.input.online',
            TENSORFLOW,
        ),
        # What worker processes import: they have to start fast.
        (
            'manloc_jax.localization.classical.localizer,'
            ' manloc_jax.evaluation.image_scores,'
            ' manloc_jax.evaluation.degraded_files',
            JAX | TENSORFLOW,
        ),
        # The server opens no file of a stranger; workers do.
        (
            'manloc_jax.serve.analysis, manloc_jax.serve.jobs,'
            ' manloc_jax.serve.server, manloc_jax.serve.texts',
            JAX | TENSORFLOW,
        ),
        (
            'manloc_jax.reports.report, manloc_jax.reports.curves,'
            ' manloc_jax.reports.contact_sheet,'
            ' manloc_jax.reports.study.figures,'
            ' manloc_jax.reports.robustness_figures,'
            ' manloc_jax.reports.degraded_report',
            JAX | TENSORFLOW,
        ),
        ('manloc_jax.cli', JAX | TENSORFLOW | {'numpy', 'PIL', 'cv2'}),
    ],
)
def test_heavy_packages_wait_until_they_are_used(imported, absent):
  code = f'import sys, {imported}; print(*sys.modules)'
  done = subprocess.run(
      [sys.executable, '-c', code],
      check=True,
      capture_output=True,
      text=True,
      cwd=ROOT,
  )
  assert not absent & set(done.stdout.split())
