"""Installs manloc_jax; all else that there is to say is in pyproject.toml."""

import pathlib

import setuptools
from setuptools.command import build_py

_CONFIGS = pathlib.Path('configs')


class BuildWithConfigs(build_py.build_py):
  """Copies the configs into the package, so that a wheel holds them.

  There they are `manloc_jax/configs`, where `config_files.find` looks for them:
  a package `configs` beside it would be in the way of everybody else's.
  """

  def run(self) -> None:
    super().run()
    if not self.editable_mode:  # Then they are read where they are.
      folder = pathlib.Path(self.build_lib, 'manloc_jax', _CONFIGS)
      self.mkpath(str(folder))
      for path in self._configs():
        self.copy_file(path, str(folder))

  def get_source_files(self) -> list[str]:
    """Returns what a source distribution needs as well."""
    return [*super().get_source_files(), *self._configs()]

  def _configs(self) -> list[str]:
    return sorted(map(str, _CONFIGS.glob('*.py')))


setuptools.setup(cmdclass={'build_py': BuildWithConfigs})
