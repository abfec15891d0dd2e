"""A finite set of forgeries as files, which a killed command continues.

`manloc_jax.data.datasets.synthetic` says what a tree holds and reads it. Files
appear whole, and a line of the histories follows its files, so that what has
a line is done.
"""

from collections.abc import Iterable, Iterator, Sequence
import contextlib
import dataclasses
import fcntl
import functools
import json
import pathlib

import tqdm

from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import forgery
from manloc_jax.data.forge import photographs as photographs_lib
from manloc_jax.data.forge import sequence
from manloc_jax.data.splits import rules
from manloc_jax.data.storage import folders

VERSION = 2  # Raise it where the same seed would give other forgeries.
_FOLDERS = ('images', 'masks')


@dataclasses.dataclass(frozen=True)
class Task:
  """One forgery to make.

  Attributes:
    split: Its part.
    index: Its place in the sequence of its part.
  """

  split: str
  index: int

  @property
  def image_id(self) -> str:
    return f'{self.split}_{self.index:06d}'


@dataclasses.dataclass(frozen=True)
class Plan:
  """What all forgeries of a tree have in common.

  Attributes:
    root: Folder of the tree.
    listed: Photographs, each with its part.
    seed: Fixes the forgeries.
    size: Least and largest short side in pixels.
  """

  root: pathlib.Path
  listed: tuple[photographs_lib.Photograph, ...]
  seed: int
  size: tuple[int, int]


def make(
    root: str | pathlib.Path,
    named: Sequence[str | pathlib.Path],
    **options,
) -> tuple[int, list[str]]:
  """Writes a tree of the photographs that a user names.

  Args:
    root: Folder of the tree.
    named: Files, folders and patterns; none for the packaged photographs.
    **options: Of `write`.

  Returns:
    How many photographs there are, and why others could not be read.

  Raises:
    DataError: There is no photograph; see also `write`.
  """
  found, rejected = photographs_lib.packaged(), []
  if named:
    found, rejected = photographs_lib.find(named, root)
  if not found:
    raise spec.DataError(
        f'There is no photograph in {", ".join(map(str, named))}; name files'
        ' or folders of images.'
    )
  broken = write(root, found.listed, **options)
  reasons = [*(one.reason for one in rejected), *broken.values()]
  return len(found) - len(broken), reasons


def write(
    root: str | pathlib.Path,
    photographs: Sequence[photographs_lib.Photograph],
    *,
    counts: Sequence[int],
    seed: int,
    size: Sequence[int] = forgery.SIZE,
    fractions: tuple[float, float, float] = rules.FRACTIONS,
    workers: int | None = None,
) -> dict[str, str]:
  """Writes a tree, or what is missing of it.

  The bytes do not depend on the number of workers, nor on interruptions.

  Args:
    root: Folder of the tree.
    photographs: What to forge; see `photographs.assign` for their parts.
    counts: Forgeries of train, val and test.
    seed: Fixes parts and forgeries.
    size: Least and largest short side in pixels.
    fractions: Shares of the photographs of train, val and test.
    workers: Processes; one per core by default.

  Returns:
    Photographs that could not be read, by name, and why.

  Raises:
    DataError: There are too few photographs, the disk is full, or `root`
      holds something else.
  """
  root, size = pathlib.Path(root), check_size(size)
  listed = photographs_lib.assign(photographs, seed, fractions)
  settings = {
      'version': VERSION,
      'seed': seed,
      'size': list(size),
      'counts': dict(zip(spec.SPLITS, counts, strict=True)),
      'photographs': [
          {**dataclasses.asdict(one), 'path': str(one.path.absolute())}
          for one in listed
      ],
  }
  plan = Plan(root, listed, seed, size)
  rejected = {}
  with folders.refusing_full_disk(root), _claimed(root, settings):
    done = synthetic.read_histories(root)
    _write_lines(root, done)
    for pattern in ('*.tmp', '*/*.tmp'):  # Of a killed process.
      for path in root.glob(pattern):
        path.unlink()
    known = {one['image_id'] for one in done}
    todo = [
        Task(split, index)
        for split, count in settings['counts'].items()
        for index in range(count)
        if Task(split, index).image_id not in known
    ]
    with (
        worker_pool.ordered_map(workers if len(todo) > 1 else 1) as run,
        (root / synthetic.HISTORIES).open('a') as lines,
    ):
      made = run(functools.partial(_make, plan=plan), todo)
      for line, broken in _progress(made, len(todo)):
        lines.write(line)
        lines.flush()
        rejected.update(broken)
  return rejected


def check_size(size: Sequence[int]) -> tuple[int, int]:
  """Returns the range of short sides.

  Raises:
    DataError: It is none, or holds images too small for a patch.
  """
  low, high = size
  if not spec.SIDE <= low <= high:
    raise spec.DataError(
        f'The short sides of forgeries are to be {low} to {high} pixels; give'
        f' two numbers from {spec.SIDE} on, the smaller one first, in --size'
        ' (manloc) or --config.data.forge.size.'
    )
  return int(low), int(high)


def listed(
    root: str | pathlib.Path, split: str
) -> tuple[photographs_lib.Photograph, ...]:
  """Lists the photographs that a part of a tree is made of.

  Raises:
    DataError: There is no tree, or a photograph has gone.
  """
  found = [
      photographs_lib.Photograph(**{**one, 'path': pathlib.Path(one['path'])})
      for one in synthetic.read_settings(pathlib.Path(root))['photographs']
      if one['split'] == split
  ]
  for one in found:
    if not one.path.is_file():
      raise spec.DataError(
          f'{root} was made with the photograph {one.path}, which is gone; put'
          ' it back, or choose another --config.data.root.'
      )
  return tuple(found)


# Workers keep what they have decoded; of one part, for each takes
# `photographs.CACHE_BYTES`.
opened = functools.lru_cache(maxsize=1)(photographs_lib.Photographs)


def _make(task: Task, plan: Plan) -> tuple[str, dict[str, str]]:
  """Writes one forgery; returns its line and the photographs rejected."""
  photographs = opened(
      tuple(one for one in plan.listed if one.split == task.split)
  )
  made = sequence.generate(photographs, plan.seed, task.index, plan.size)
  image = pathlib.Path('images', task.image_id + made.suffix)
  mask = pathlib.Path('masks', task.image_id + '.png')
  _write_bytes(plan.root / image, made.file)
  _write_bytes(plan.root / mask, cameras.encode_png(made.mask * 255))
  host = made.history['photographs']['host']
  line = {
      'image_id': task.image_id,
      'image': image.as_posix(),
      'split': task.split,
      'group': next(p.group for p in photographs.listed if p.name == host),
      'manipulation': made.manipulation,
      **made.history,
  }
  return json.dumps(line) + '\n', photographs.rejected


def _write_bytes(path: pathlib.Path, content: bytes) -> None:
  with files.replacing(path) as temporary:
    temporary.write_bytes(content)


def _write_lines(root: pathlib.Path, histories: Iterable[dict]) -> None:
  """Cuts off half a line."""
  text = ''.join(json.dumps(one) + '\n' for one in histories)
  files.write_text(root / synthetic.HISTORIES, text)


@contextlib.contextmanager
def _claimed(root: pathlib.Path, settings: dict) -> Iterator[None]:
  """Holds a tree for one process at a time; the next one finds it done.

  Raises:
    DataError: It is another tree, or no tree.
  """
  if root.is_file():
    raise _foreign(root)
  root.mkdir(parents=True, exist_ok=True)
  path, locked = root / synthetic.SETTINGS, root / '.lock'
  is_first = not locked.exists()
  with locked.open('a') as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if path.exists():
      _check_same(root, synthetic.read_settings(root), settings)
    elif not all(_is_beginning(one) for one in root.iterdir()):
      if is_first:
        locked.unlink()  # Nothing is left in a folder of somebody else.
      raise _foreign(root)
    files.write_text(path, json.dumps(settings, indent=1) + '\n')
    for name in _FOLDERS:
      (root / name).mkdir(exist_ok=True)
    yield


def _is_beginning(path: pathlib.Path) -> bool:
  """Tells what a start that failed leaves before there are settings."""
  if path.name in _FOLDERS:
    return path.is_dir() and not any(path.iterdir())
  return path.name == '.lock' or path.match(f'{synthetic.SETTINGS}.*.tmp')


def _foreign(root: pathlib.Path) -> spec.DataError:
  return spec.DataError(
      f'{root} holds files that manloc forge did not write; name an empty or'
      ' new folder in --out (manloc) or --config.data.root.'
  )


def _check_same(root: pathlib.Path, theirs: dict, ours: dict) -> None:
  def plain(settings):
    # The photographs may have moved.
    listed = [
        {key: value for key, value in one.items() if key != 'path'}
        for one in settings.get('photographs', ())
    ]
    return {**settings, 'photographs': listed}

  theirs, ours = plain(theirs), plain(ours)
  changed = [key for key in ours if theirs.get(key) != ours[key]]
  if changed:
    raise spec.DataError(
        f'{root} holds forgeries with other {", ".join(changed)}; name another'
        ' folder in --out (manloc) or --config.data.root, or delete it.'
    )


def _progress(items: Iterable, total: int) -> Iterable:
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(items, 'forging', total, unit='image', disable=None)
