"""Records versions, hashes and devices, and compares those of results."""

from collections.abc import Iterable, Mapping
import hashlib
import json
import pathlib
from typing import Any

from manloc_jax import files

VERSION = '0.2.0'  # Of this package; pyproject.toml reads it.

# The packages that the scores of a network may depend on.
PACKAGES = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'numpy', 'tensorflow')


def versions(packages: Iterable[str]) -> dict[str, str | None]:
  """Returns the installed version of each package; None where it is missing.

  A package counts as installed by its CPU build, such as `tensorflow-cpu`.
  """
  return {name: _version(name) for name in packages}


def _version(package: str) -> str | None:
  import importlib.metadata  # Slow, and not needed at every start.

  for name in (package, f'{package}-cpu'):
    try:
      return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return None


def sha256_of_file(path: str | pathlib.Path) -> str:
  """Returns the hash of a file's content, in hexadecimal digits.

  Raises:
    OSError: The file cannot be read, or is no regular file.
  """
  with files.open_regular(path) as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def sha256_of_json(content: Any) -> str:
  """Returns the hash of JSON content; the order of keys does not matter."""
  text = json.dumps(content, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def of_run(config: Mapping[str, Any]) -> dict[str, Any]:
  """Returns which config, packages and devices make a result.

  Args:
    config: Of `run_config.scored`, which leaves out folders: they do not
      change a result.
  """
  import jax  # Not needed for versions and hashes.

  return {
      'config': dict(config),
      'config_sha256': sha256_of_json(config),
      'versions': {'manloc_jax': VERSION, **versions(PACKAGES)},
      'device': jax.devices()[0].device_kind,
      'devices': jax.device_count(),
  }


def is_current(path: pathlib.Path, provenance: Mapping[str, Any]) -> bool:
  """Tells whether a result file was made with this provenance."""
  try:
    written = files.read_json(path)
  except (FileNotFoundError, ValueError):
    return False  # Missing or damaged: it has to be made again.
  # JSON turns tuples into lists.
  wanted = json.loads(json.dumps(provenance))
  return isinstance(written, dict) and all(
      written.get(key) == value for key, value in wanted.items()
  )
