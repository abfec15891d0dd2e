"""Locks a tree of forgeries, and checks that its inputs are the same.

`forge.json`, the settings, is the first file that is written. As long as it
does not exist nothing has begun, and an error leaves the folder as it was.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import fcntl
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import photographs

_FOLDERS = ('images', 'masks')
_KEPT = (synthetic.ORIGINALS, synthetic.CHANGED)
_LOCK = '.lock'


@contextlib.contextmanager
def claimed(root: pathlib.Path) -> Iterator[None]:
  """Locks a tree for one process at a time.

  Raises:
    DataError: The folder holds other files, or cannot be written.
  """
  if root.is_file():
    raise _foreign(root)
  created = [path for path in (root, *root.parents) if not path.exists()]
  try:
    root.mkdir(parents=True, exist_ok=True)
    is_first = not (root / _LOCK).exists()
    lock = files.open_to_append(root / _LOCK)
  except OSError as error:
    raise spec.DataError(
        f'Forgeries cannot be written to {root} ({error.strerror}); name'
        ' another folder in --out (manloc) or --config.data.root.'
    ) from error
  with lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
      if not all(_is_ours(root, path) for path in root.iterdir()):
        raise _foreign(root)
      yield
    finally:
      if is_first and not (root / synthetic.SETTINGS).exists():
        (root / _LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Somebody else's file is in it.
          for path in created:
            path.rmdir()


def known_photographs(root: pathlib.Path) -> set[str]:
  """Returns the names of the photographs that a tree was begun with."""
  if not (root / synthetic.SETTINGS).exists():
    return set()
  listed = synthetic.read_settings(root)['photographs']
  return {photograph['name'] for photograph in listed}


def is_complete(root: pathlib.Path) -> bool:
  """Tells whether a tree was begun and lacks no forgery."""
  if not (root / synthetic.SETTINGS).exists():
    return False
  return not synthetic.count_missing(root, synthetic.read_settings(root))


def as_begun(
    root: pathlib.Path, listed: Sequence[photographs.Photograph]
) -> tuple[photographs.Photograph, ...]:
  """Restores the groups and splits that the tree was begun with."""
  begun = _photographs(synthetic.read_settings(root))
  return tuple(
      dataclasses.replace(photograph, **begun.get(photograph.name, {}))
      for photograph in listed
  )


def begin(root: pathlib.Path, settings: dict[str, Any]) -> None:
  """Writes the settings of a tree, or checks that they are the same.

  The photographs of a tree may have moved since it was begun, and those of a
  complete tree may be missing.

  Raises:
    DataError: The settings differ.
  """
  path = root / synthetic.SETTINGS
  if path.exists():
    begun = synthetic.read_settings(root)
    _check_same(root, begun, settings)
    moved = {x['name']: x['path'] for x in settings['photographs']}
    settings = {**begun, 'photographs': [
        {**x, 'path': moved.get(x['name'], x['path'])}
        for x in begun['photographs']
    ]}
  files.write_json(path, settings)
  kept = _KEPT if settings.get('keep_originals') else ()
  for name in (*_FOLDERS, *kept):
    files.make_folder(root / name, root)


def _check_same(
    root: pathlib.Path, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
  another = 'name another folder in --out (manloc) or --config.data.root'
  changed = [
      key
      for key in ours | theirs
      if key != 'photographs' and theirs.get(key) != ours.get(key)
  ]
  if changed:
    raise spec.DataError(
        f'{root} holds forgeries with other {", ".join(changed)}; {another},'
        ' or delete it.'
    )
  before, now = _photographs(theirs), _photographs(ours)
  if new := sorted(now.keys() - before.keys()):
    raise spec.DataError(
        f'{root} holds forgeries of other photographs, without {_some(new)};'
        f' {another}, or delete it.'
    )
  gone = sorted(before.keys() - now.keys())
  if gone and synthetic.count_missing(root, theirs):
    raise spec.DataError(
        f'{root} is not finished and was begun with {_some(gone)}, not there'
        f' or not readable any more; put it back, or {another}.'
    )
  if not gone and before != now:
    raise spec.DataError(
        f'{root} holds forgeries of photographs with other fractions or'
        f' content; {another}, or delete it.'
    )


def _photographs(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
  """Returns the settings of each photograph but its path, by name."""
  return {
      x['name']: {key: x[key] for key in x if key != 'path'}
      for x in settings.get('photographs', ())
  }


def _some(names: list[str]) -> str:
  more = f' and {len(names) - 1} other photographs' if len(names) > 1 else ''
  return f'the photograph {names[0]}{more}'


def _is_ours(root: pathlib.Path, path: pathlib.Path) -> bool:
  """Tells whether a file belongs to a tree, or to a start that failed."""
  if (root / synthetic.SETTINGS).exists():
    return True
  if path.name in (*_FOLDERS, *_KEPT):
    return path.is_dir() and not any(path.iterdir())
  return path.name == _LOCK or path.match(f'{synthetic.SETTINGS}.*.tmp')


def _foreign(root: pathlib.Path) -> spec.DataError:
  return spec.DataError(
      f'{root} holds files that manloc forge did not write; name an empty or'
      ' new folder in --out (manloc) or --config.data.root.'
  )
