"""Reads NumPy's files of arrays, which may come from a stranger.

NumPy believes what a header says of the size of an array, and takes as much
memory. Here, an array may not be larger than its file holds, and all of them
together have a limit.
"""

from collections.abc import Callable
import pathlib
from typing import IO
import zipfile

import numpy as np

from manloc_jax import files

# Of all arrays of a file: twice what the map and the mask of the largest image
# take, and what the scores of a large set do.
MAX_BYTES = 2_000_000_000
_MAX_ARRAYS = 1000
# Raised by files of other content.
DAMAGED = (ValueError, TypeError, KeyError, EOFError, SyntaxError,
           ArithmeticError, NotImplementedError, RuntimeError,
           zipfile.BadZipFile)  # fmt: skip
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(path: str | pathlib.Path) -> np.ndarray:
  """Reads a file of one array.

  Raises:
    OSError: It cannot be read, or is no regular file.
    DAMAGED: It holds something else.
  """
  with files.open_regular(path, MAX_BYTES) as file:
    size = file.seek(0, 2)
    file.seek(0)
    _check_header(file, size)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def read_npz(
    path: str | pathlib.Path,
    wanted: Callable[[np.dtype], bool] = lambda dtype: True,
) -> dict[str, np.ndarray]:
  """Reads an archive of arrays.

  Args:
    path: The file.
    wanted: Tells by their type which arrays are read; the others are left out.

  Raises:
    OSError: It cannot be read, or is no regular file.
    DAMAGED: It holds something else.
  """
  arrays = {}
  with files.open_regular(path, MAX_BYTES) as file:
    with zipfile.ZipFile(file) as archive:
      members = [x for x in archive.infolist() if x.filename.endswith('.npy')]
      if len(members) > _MAX_ARRAYS:
        raise ValueError(f'it holds more than {_MAX_ARRAYS:,} arrays')
      if sum(member.file_size for member in members) > MAX_BYTES:
        raise ValueError(f'its arrays have more than {MAX_BYTES:,} bytes')
      for member in members:
        with archive.open(member) as content:
          dtype = _check_header(content, member.file_size)
        if not wanted(dtype):
          continue
        with archive.open(member) as content:
          arrays[member.filename.removesuffix('.npy')] = (
              np.lib.format.read_array(content, allow_pickle=False)
          )
  return arrays


def _check_header(file: IO[bytes], size: int) -> np.dtype:
  """Returns the type of an array; raises ValueError if it is too large.

  Args:
    file: At the start of the array.
    size: Bytes of the array and its header.
  """
  version = np.lib.format.read_magic(file)
  if version not in _HEADERS:
    raise ValueError('it is of an unknown version')
  shape, _, dtype = _HEADERS[version](file)
  count = 1
  for side in shape:
    count *= side
  if not dtype.hasobject and not 0 <= count * dtype.itemsize <= size:
    raise ValueError(f'its header describes {count:,} values, and it has less')
  return dtype
