"""Writes the results of evaluations; none is lost to another one."""

from collections.abc import Mapping
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax import provenance

REPLACED = 'replaced'  # Folder beside results, for those before.


def write(path: pathlib.Path, result: Mapping[str, Any]) -> None:
  """Writes a result as JSON; what stood there is kept, see `keep`."""
  keep(path)
  files.write_json(path, result)


def keep(path: pathlib.Path) -> None:
  """Moves a result out of the way of another one.

  Args:
    path: A JSON file, which may be missing. It becomes
      `replaced/<name>-<hash>.json` in the same folder.
  """
  if path.exists():
    kept = path.parent / REPLACED
    files.make_folder(kept, path.parent)
    digest = provenance.sha256_of_file(path)
    path.replace(kept / f'{path.stem}-{digest[:12]}.json')
