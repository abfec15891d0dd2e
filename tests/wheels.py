"""The wheel of this checkout, built once for the tests that need it."""

import shutil
import subprocess
import sys
import zipfile

import documents
import pytest

ROOT = documents.ROOT
SOURCES = (
    *('LICENSE', 'README.md', 'configs', 'manloc_jax', 'pyproject.toml'),
    'setup.py',
)


@pytest.fixture(scope='session')
def package(tmp_path_factory):
  """Builds the wheel of a copy of the sources, and returns its content."""
  folder = tmp_path_factory.mktemp('wheel')
  for name in SOURCES:
    copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
    copy(ROOT / name, folder / name)
  pip = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--quiet']
  done = subprocess.run(
      [*pip, '--wheel-dir=made', '.'],
      cwd=folder,
      capture_output=True,
      text=True,
  )
  if 'No matching distribution found for setuptools' in done.stderr:
    pytest.skip('There is no network: pip cannot get what builds a wheel.')
  assert done.returncode == 0, done.stderr
  (wheel,) = (folder / 'made').glob('manloc_jax-*.whl')
  with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder / 'installed')
  return folder / 'installed'
