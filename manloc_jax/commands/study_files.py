"""Reads config files that define a study: configs/ablation.py and its like."""

import pathlib
import runpy
from typing import Any

from manloc_jax import errors

DEFAULT = pathlib.Path('configs/ablation.py')


def read(path: pathlib.Path) -> dict[str, Any]:
  """Returns the global variables of a config file, by name.

  Args:
    path: The file, or a name that `config_files.find` knows.

  Raises:
    UserError: There is no such file, it cannot be run, or it has no
      DATASETS or no SYSTEMS.
  """
  from manloc_jax.commands import config_files

  path = config_files.find(path)
  config_files.import_package_of(path)
  try:
    content = runpy.run_path(str(path))
  except Exception as error:  # Whatever the file does.
    raise errors.UserError(
        f'{path} cannot be used: {type(error).__name__}: {error}; name a study'
        f' like {DEFAULT}.'
    ) from error
  if missing := {'DATASETS', 'SYSTEMS'} - content.keys():
    raise errors.UserError(
        f'{path} has no {" and no ".join(sorted(missing))}; name a study like'
        f' {DEFAULT}.'
    )
  return content
