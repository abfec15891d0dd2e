"""Who writes a tree of forgeries, and whether it is the tree that was begun.

`forge.json`, the settings, is the first file that is written. Before it is
there, nothing has begun, and a refusal leaves the folder as it was.
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
_LOCK = '.lock'


@contextlib.contextmanager
def claimed(root: pathlib.Path) -> Iterator[None]:
  """Holds a tree for one process at a time; the next one finds it done.

  Raises:
    DataError: It holds something else, or cannot be written.
  """
  if root.is_file():
    raise _foreign(root)
  created = [path for path in (root, *root.parents) if not path.exists()]
  try:
    root.mkdir(parents=True, exist_ok=True)
    is_first = not (root / _LOCK).exists()
    lock = (root / _LOCK).open('a')
  except OSError as error:
    raise spec.DataError(
        f'Forgeries cannot be written to {root} ({error.strerror}); name'
        ' another folder in --out (manloc) or --config.data.root.'
    ) from error
  with lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
      if not all(_is_ours(root, one) for one in root.iterdir()):
        raise _foreign(root)
      yield
    finally:
      if is_first and not (root / synthetic.SETTINGS).exists():
        (root / _LOCK).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Somebody else's file is in it.
          for path in created:
            path.rmdir()


def known_photographs(root: pathlib.Path) -> set[str]:
  """Names the photographs that a tree was begun with; none if it was not."""
  if not (root / synthetic.SETTINGS).exists():
    return set()
  listed = synthetic.read_settings(root)['photographs']
  return {one['name'] for one in listed}


def is_complete(root: pathlib.Path) -> bool:
  """Tells whether a tree was begun and lacks no forgery."""
  if not (root / synthetic.SETTINGS).exists():
    return False
  return not synthetic.count_missing(root, synthetic.read_settings(root))


def as_begun(
    root: pathlib.Path, listed: Sequence[photographs.Photograph]
) -> tuple[photographs.Photograph, ...]:
  """Gives photographs the group and split that they had at the beginning."""
  begun = _photographs(synthetic.read_settings(root))
  return tuple(
      dataclasses.replace(one, **begun.get(one.name, {})) for one in listed
  )


def begin(root: pathlib.Path, settings: dict[str, Any]) -> None:
  """Writes the settings of a tree, or checks that they are the same.

  Of a tree that was begun, the photographs may have moved since. Of one that
  is complete, some may be gone.

  Raises:
    DataError: They are not the same.
  """
  path = root / synthetic.SETTINGS
  if path.exists():
    begun = synthetic.read_settings(root)
    _check_same(root, begun, settings)
    moved = {one['name']: one['path'] for one in settings['photographs']}
    settings = {**begun, 'photographs': [
        {**one, 'path': moved.get(one['name'], one['path'])}
        for one in begun['photographs']
    ]}
  files.write_json(path, settings)
  for name in _FOLDERS:
    (root / name).mkdir(exist_ok=True)


def _check_same(
    root: pathlib.Path, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
  another = 'name another folder in --out (manloc) or --config.data.root'
  changed = [
      key
      for key in ours
      if key != 'photographs' and theirs.get(key) != ours[key]
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
  """Returns what matters of each photograph, by name: they may have moved."""
  return {
      one['name']: {key: one[key] for key in one if key != 'path'}
      for one in settings.get('photographs', ())
  }


def _some(names: list[str]) -> str:
  more = f' and {len(names) - 1} other photographs' if len(names) > 1 else ''
  return f'the photograph {names[0]}{more}'


def _is_ours(root: pathlib.Path, path: pathlib.Path) -> bool:
  """Tells what a tree holds, or a start that failed before its settings."""
  if (root / synthetic.SETTINGS).exists():
    return True
  if path.name in _FOLDERS:
    return path.is_dir() and not any(path.iterdir())
  return path.name == _LOCK or path.match(f'{synthetic.SETTINGS}.*.tmp')


def _foreign(root: pathlib.Path) -> spec.DataError:
  return spec.DataError(
      f'{root} holds files that manloc forge did not write; name an empty or'
      ' new folder in --out (manloc) or --config.data.root.'
  )
