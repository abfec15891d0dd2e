"""Checks the files and the arrays of checkpoints before any array is read.

A checkpoint may come from a stranger. Its reader believes what the descriptions
say: an array of a few bytes can claim to have gigabytes, and a pipe in the
place of a file is waited for.
"""

from collections.abc import Iterable
import math
import os
import pathlib
import stat
from typing import Any

import jax
import tensorstore

from manloc_jax import errors
from manloc_jax import files

# Of all checkpoints of a run: three with some files each, of which one holds
# the arrays of each process.
_MAX_FILES = 10_000
# Of a file that describes arrays or holds scores; a network of a thousand
# arrays takes 200 KB.
_MAX_DESCRIPTION_BYTES = 16_000_000
_DATA = 'd'  # Folder of files of arrays.
# Parameters and the two moments of an optimizer take 3 times what the
# parameters do.
_MOST_TIMES, _MOST_BESIDE = 8, 1_000_000
MAX_BYTES = 500_000_000  # Of all arrays; the paper's network has 6 MB.
_MAX_CHUNKS = 4096  # Of an array; most have one, or one for each device.
# A frame of Zstandard (RFC 8878): its first bytes, the largest content of a
# block, and the kind of block that repeats a byte.
_FRAME = b'\x28\xb5\x2f\xfd'
_BLOCK_BYTES, _REPEATED, _RESERVED = 128 << 10, 1, 3


def check(folder: pathlib.Path) -> None:
  """Raises UserError unless all files below a folder are ordinary ones.

  Args:
    folder: Of the checkpoints; it may be missing.
  """
  count = 0
  for place, folders, names in os.walk(folder):
    is_data = pathlib.Path(place).name == _DATA
    for name in (*folders, *names):
      path = pathlib.Path(place, name)
      count += 1
      if count > _MAX_FILES:
        raise _refused(folder, f'it has more than {_MAX_FILES:,} files')
      try:
        status = path.lstat() if name in folders else path.stat()
      except OSError:
        continue  # It has gone, or reading it says why it cannot be read.
      if name in folders:
        if stat.S_ISLNK(status.st_mode):
          raise _refused(folder, f'{name[:60]!r} is a link to a folder')
      elif not stat.S_ISREG(status.st_mode):
        raise _refused(folder, f'{name[:60]!r} is no regular file')
      elif not is_data and status.st_size > _MAX_DESCRIPTION_BYTES:
        raise _refused(
            folder,
            f'{name[:60]!r} has more than {_MAX_DESCRIPTION_BYTES:,} bytes',
        )


def check_arrays(tree: Any, params: Any, where: str) -> None:
  """Raises UserError for arrays that no training of a network saves.

  Args:
    tree: Descriptions of all arrays of a checkpoint.
    params: Those of the network's parameters.
    where: Subject of the error's sentence: what holds them.
  """
  most = _MOST_BESIDE + _MOST_TIMES * sum(
      _bytes(x.shape, x.dtype) for x in jax.tree.leaves(params)
  )
  most = min(most, MAX_BYTES)
  total = 0
  for leaf in jax.tree.leaves(tree):
    shape, dtype = getattr(leaf, 'shape', ()), getattr(leaf, 'dtype', None)
    storage = getattr(leaf, 'storage', None)
    # A chunk is read as a whole.
    chunk = getattr(storage, 'chunk_shape', None) or shape
    total += max(_bytes(shape, dtype), _bytes(chunk, dtype))
  if total > most:
    raise errors.UserError(
        f'{where} describes {total:,} bytes of arrays, and with this network'
        f' a training has {most:,} at most; do not use it.'
    )


def check_chunks(arrays: Iterable[Any], where: str) -> None:
  """Raises UserError for data that become larger than their array is.

  Sixty kilobytes of compressed zeros become two gigabytes.

  Args:
    arrays: Descriptions of the arrays that are to be read.
    where: Subject of the error's sentence: what holds them.
  """
  for array in arrays:
    most = 2 * _bytes(array.shape, array.dtype) + 16 * _BLOCK_BYTES
    store = _open_store(array)
    keys = store.list().result()
    if len(keys) > _MAX_CHUNKS:
      raise _inflated(where, array)
    for key in keys:
      value = bytes(store.read(key).result().value)
      if key.endswith(b'.zarray'):
        described = files.parse_json(value)
        compressor = described.get('compressor') or {'id': 'zstd'}
        if compressor.get('id') != 'zstd' or described.get('filters'):
          raise _inflated(where, array)
      elif value.startswith(_FRAME) and _decoded_bytes(value) > most:
        raise _inflated(where, array)


def _open_store(array: Any) -> tensorstore.KvStore:
  folder = pathlib.Path(array.directory)
  base = folder.as_uri() + '/'
  if (folder / 'manifest.ocdbt').exists():
    spec = {'driver': 'ocdbt', 'base': base, 'path': f'{array.name}/'}
  else:
    spec = {'driver': 'file', 'path': f'{folder}/{array.name}/'}
  return tensorstore.KvStore.open(spec).result()


def _decoded_bytes(frame: bytes) -> int:
  """Returns how many bytes a frame of Zstandard has at most when decoded."""
  if len(frame) < 6:
    return 0
  flags = frame[4]
  is_single = flags >> 5 & 1
  size_bytes = (is_single, 2, 4, 8)[flags >> 6]
  at = 5 + (1 - is_single) + (0, 1, 2, 4)[flags & 3] + size_bytes
  total = 0
  while at + 3 <= len(frame):
    header = int.from_bytes(frame[at : at + 3], 'little')
    is_last, kind, size = header & 1, header >> 1 & 3, header >> 3
    total += size if kind <= _REPEATED else _BLOCK_BYTES
    at += 3 + (1 if kind == _REPEATED else size)
    if is_last or kind == _RESERVED:
      break
  # Another frame may follow, behind a checksum.
  following = frame.find(_FRAME, at, at + 8)
  if following >= 0:
    total += _decoded_bytes(frame[following:])
  return total


def _inflated(where: str, array: Any) -> errors.UserError:
  return errors.UserError(
      f'{where} holds data of the array {array.name[:60]!r} that are not those'
      ' of its shape; do not use it.'
  )


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
  return math.prod(shape) * getattr(dtype, 'itemsize', 8)


def _refused(folder: pathlib.Path, reason: str) -> errors.UserError:
  return errors.UserError(
      f'The checkpoints in {str(folder)!r} cannot be read ({reason}); restore'
      ' the files of the run.'
  )
