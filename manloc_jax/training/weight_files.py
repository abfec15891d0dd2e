"""Reads and writes files of weights: safetensors, which run no code.

Such a file may come from a stranger. Whatever it holds, reading it ends with
weights or with one sentence, and takes little more memory than the file.
"""

import dataclasses
import json
import pathlib
import stat
from typing import Any

from flax import traverse_util
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import models
from manloc_jax import run_config

SUFFIX = '.safetensors'
# Raised by facts and tensors of another form than those that were written.
MALFORMED = (
    ArithmeticError, AttributeError, KeyError, TypeError, ValueError,
)  # fmt: skip
_MAX_BYTES = 64_000_000
_MAX_SHOWN = 60  # Characters of a stranger's text in a sentence.
_FACTS = 'manloc'  # Key of the header.


@dataclasses.dataclass(frozen=True)
class Kind:
  """A kind of weights.

  Attributes:
    method: Which of `run_config.METHODS` they are of.
    format: Name and version of their form, in the file.
    network: What they are the weights of, in sentences.
    command: Which command writes them, in sentences.
  """

  method: str
  format: str
  network: str
  command: str


FUSION = Kind(
    run_config.FUSION, 'manloc fusion 1', 'a fusion', 'manloc fusion'
)
NETWORK = Kind(
    run_config.NETWORK, 'manloc network 1', 'a network', 'manloc export'
)
# Of a file that has not been read yet.
_ANY = Kind(
    '', '', 'a network or a fusion', 'manloc export or manloc fusion'
)


def is_named(path: str | pathlib.Path) -> bool:
  """Tells whether a path names a file of weights, and no folder of a run."""
  return pathlib.Path(path).suffix == SUFFIX


def write(
    path: str | pathlib.Path,
    kind: Kind,
    facts: dict[str, Any],
    tree: dict[str, Any],
) -> None:
  """Writes a file.

  Args:
    path: Of the file.
    kind: Of the weights.
    facts: What else a reader needs, as JSON holds it.
    tree: Nested dictionaries of arrays.

  Raises:
    UserError: No reader would take so large a file.
    OSError: The file cannot be written.
  """
  tensors = traverse_util.flatten_dict(tree, sep='/')
  content = safetensors_numpy.save(
      {name: np.asarray(x, np.float32) for name, x in tensors.items()},
      metadata={_FACTS: json.dumps({'format': kind.format, **facts})},
  )
  if len(content) > _MAX_BYTES:
    raise errors.UserError(
        f'{path} would have {len(content):,} bytes, and files of weights have'
        f' at most {_MAX_BYTES:,}; take a smaller network.'
    )
  with files.replacing(path) as temporary:
    temporary.write_bytes(content)


def read_kind(path: str | pathlib.Path) -> Kind:
  """Returns what a file holds the weights of.

  Raises:
    UserError: The file is missing, or holds no weights.
  """
  facts, _ = _read(pathlib.Path(path), _ANY, with_tensors=False)
  for kind in (FUSION, NETWORK):
    if facts.get('format') == kind.format:
      return kind
  raise _other_format(path, facts, _ANY)


def read(
    path: str | pathlib.Path, kind: Kind
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
  """Reads a file.

  Args:
    path: Of the file.
    kind: Of the weights that it should hold.

  Returns:
    Its facts, whose form the caller checks, and its tensors by name; see
    `nest`.

  Raises:
    UserError: The file is missing, is of another kind or damaged, or holds
      values that are not finite.
  """
  facts, tensors = _read(pathlib.Path(path), kind)
  if facts.get('format') != kind.format:
    raise _other_format(path, facts, kind)
  if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
    raise errors.UserError(
        f'{path} holds values that are not finite, as a diverged training'
        ' leaves them; name other weights.'
    )
  return facts, tensors


def nest(
    path: str | pathlib.Path, tensors: dict[str, np.ndarray], expected: Any
) -> dict[str, Any]:
  """Returns the tree that was written.

  Args:
    path: Of the file, for the error.
    tensors: Of `read`.
    expected: Arrays of the same shapes, or their descriptions.

  Raises:
    UserError: The tensors have other names or shapes.
  """
  # Before they are nested, as deeply as their names say.
  flat = traverse_util.flatten_dict(expected, sep='/')
  models.check_shapes(tensors, flat, str(path))
  return traverse_util.unflatten_dict(tensors, sep='/')


def no_weights(path: str | pathlib.Path, kind: Kind) -> errors.UserError:
  """Returns the error for a file that holds something else."""
  return errors.UserError(
      f'{path} does not hold the weights of {kind.network}, or holds only a'
      f' part of them; name a file that {kind.command} wrote.'
  )


def _read(
    path: pathlib.Path, kind: Kind, with_tensors: bool = True
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
  """Returns the facts of a file, and its tensors by name."""
  _check_file(path, kind)
  try:
    with safetensors.safe_open(path, 'numpy') as file:
      facts = files.parse_json(file.metadata()[_FACTS])
      names = file.keys() if with_tensors else ()
      tensors = {name: file.get_tensor(name) for name in names}
  except OSError as error:
    raise _unreadable(path, kind, error) from error
  except (safetensors.SafetensorError, *MALFORMED) as error:
    raise no_weights(path, kind) from error
  if not isinstance(facts, dict):
    raise no_weights(path, kind)
  return facts, tensors


def _check_file(path: pathlib.Path, kind: Kind) -> None:
  """Raises UserError unless there is a file of a size that weights may have."""
  wanted = f'name the weights of {kind.network}'
  try:
    status = path.stat()
  except (FileNotFoundError, NotADirectoryError):
    raise errors.UserError(f'There is no file {path}; {wanted}.') from None
  except OSError as error:
    raise _unreadable(path, kind, error) from error
  if not stat.S_ISREG(status.st_mode):  # A pipe would be waited for.
    raise errors.UserError(f'{path} is no regular file; {wanted}.')
  if status.st_size > _MAX_BYTES:
    raise errors.UserError(
        f'{path} is larger than {_MAX_BYTES:,} bytes, which no weights of'
        f' {kind.network} are; name another file.'
    )


def _unreadable(
    path: pathlib.Path, kind: Kind, error: OSError
) -> errors.UserError:
  return errors.UserError(
      f'{path} cannot be read ({error.strerror or error}); name the weights of'
      f' {kind.network}.'
  )


def _other_format(
    path: str | pathlib.Path, facts: dict[str, Any], kind: Kind
) -> errors.UserError:
  found = str(facts.get('format'))[:_MAX_SHOWN]
  return errors.UserError(
      f'{path} has the format {found!r}, which is not one of the weights of'
      f' {kind.network}; name a file that {kind.command} wrote, or use the'
      ' version of manloc_jax that it came with.'
  )
