"""The lock has a version of every package that pyproject.toml asks for."""

import itertools
import pathlib
import tomllib

from packaging import requirements
import pytest

ROOT = pathlib.Path(__file__).parents[1]
LOCK = ROOT / 'launch' / 'environment.lock'
PLATFORMS = ('linux', 'darwin')


def asked_for() -> list[str]:
  """Returns the requirements of the package and of all its extras."""
  project = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
  extras = project['optional-dependencies'].values()
  return sorted({*project['dependencies'], *itertools.chain(*extras)})


def pins() -> list[requirements.Requirement]:
  lines = LOCK.read_text().splitlines()
  return [requirements.Requirement(x) for x in lines if not x.startswith('#')]


def applies(one: requirements.Requirement, python: str, platform: str) -> bool:
  where = {
      'python_full_version': f'{python}.0',
      'python_version': python,
      'sys_platform': platform,
      'platform_system': platform.title(),
      'platform_machine': 'x86_64' if platform == 'linux' else 'arm64',
  }
  return one.marker is None or one.marker.evaluate(where)


@pytest.mark.parametrize('python', ['3.11', '3.12', '3.13'])
@pytest.mark.parametrize('platform', PLATFORMS)
def test_one_version_of_each_and_an_allowed_one(python, platform):
  versions = {}
  for pin in pins():
    if applies(pin, python, platform):
      (version,) = pin.specifier
      assert version.operator == '==' and pin.name not in versions
      versions[pin.name] = version.version
  assert len(versions) > 150
  for text in asked_for():
    wanted = requirements.Requirement(text)
    if applies(wanted, python, platform):
      name = wanted.name.lower()
      assert versions[name] in wanted.specifier, text


def test_it_names_no_source_of_packages():
  assert '://' not in LOCK.read_text()
