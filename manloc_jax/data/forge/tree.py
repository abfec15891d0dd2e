"""Writes a finite set of forgeries as files; a killed command continues.

`manloc_jax.data.datasets.synthetic` describes and reads such a tree. Files are
written atomically, and the line in the histories after its files, so that a
forgery with a line is complete.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import functools
import json
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax.data import argument_checks
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.datasets import synthetic
from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import claim
from manloc_jax.data.forge import dial
from manloc_jax.data.forge import forgery
from manloc_jax.data.forge import photographs as photographs_lib
from manloc_jax.data.forge import sequence
from manloc_jax.data.splits import options
from manloc_jax.data.storage import folders

VERSION = 4  # Raise it where the same seed would give other forgeries.


@dataclasses.dataclass(frozen=True)
class Task:
  """One forgery to make.

  Attributes:
    split: `train`, `val` or `test`.
    index: Its number in its split.
  """

  split: str
  index: int

  @property
  def image_id(self) -> str:
    return f'{self.split}_{self.index:06d}'


@dataclasses.dataclass(frozen=True)
class Plan:
  """The arguments that are the same for all forgeries of a tree.

  Attributes:
    root: Folder of the tree.
    listed: Photographs, each with its split.
    seed: Fixes the forgeries.
    size: Least and largest short side in pixels.
    level: See `sequence.generate`.
    firsts: Index in the sequence of each split's first forgery.
    keep_originals: See `write`.
  """

  root: pathlib.Path
  listed: tuple[photographs_lib.Photograph, ...]
  seed: int
  size: tuple[int, int]
  level: float | None
  firsts: dict[str, int]
  keep_originals: bool


def make(
    root: str | pathlib.Path,
    named: Sequence[str | pathlib.Path],
    **options: Any,
) -> tuple[int, list[str]]:
  """Writes a tree of the photographs that a user names.

  Args:
    root: Folder of the tree.
    named: Files, folders and patterns; none for the packaged photographs.
    **options: Of `write`.

  Returns:
    The number of photographs that are used, and why others cannot be.

  Raises:
    DataError: There is no photograph; see also `write`.
  """
  photographs = photographs_lib.packaged()
  rejected: list[spec.Rejected] = []
  if named:
    photographs, rejected = photographs_lib.find(named, root)
  if not photographs and not rejected:
    raise spec.DataError(
        f'There is no photograph in {", ".join(map(str, named))}; name files'
        ' or folders of images.'
    )
  left_out = [file.reason for file in rejected]
  return write(root, photographs.listed, left_out=left_out, **options)


def write(
    root: str | pathlib.Path,
    photographs: Sequence[photographs_lib.Photograph],
    *,
    counts: Sequence[int],
    seed: int,
    size: Sequence[int] = forgery.SIZE,
    fractions: tuple[float, float, float] = options.FRACTIONS,
    level: float | None = None,
    keep_originals: bool = False,
    workers: int | None = None,
    left_out: Sequence[str] = (),
) -> tuple[int, list[str]]:
  """Writes a tree, or its missing forgeries.

  The bytes do not depend on the number of workers, nor on interruptions.
  Photographs that cannot be decoded are left out before the others are split.
  An error before the first forgery leaves no file.

  Args:
    root: Folder of the tree.
    photographs: The photographs to forge; see `photographs.assign` for splits.
    counts: Forgeries of train, val and test.
    seed: Fixes splits and forgeries.
    size: Least and largest short side in pixels; see `forgery.forge`.
    fractions: Of the photographs, for train, val and test.
    level: See `sequence.generate`.
    keep_originals: Whether to write, beside each forgery, the untouched host
      and what was changed in it; not with a level.
    workers: Processes; one per core by default.
    left_out: Reasons why files that were named cannot be used.

  Returns:
    The number of photographs that are used, and why others cannot be:
    `left_out`, and those that cannot be decoded.

  Raises:
    DataError: There are too few photographs, the disk is full, or `root`
      holds something else.
  """
  root, size = pathlib.Path(root), sequence.check_size(size)
  _check_counts(counts)
  argument_checks.check_seed(seed)
  argument_checks.check_fractions(fractions)
  version: dict[str, Any] = {'version': VERSION}
  if level is not None:
    argument_checks.check_numbers('The level of traces', level, 0, 1)
    version = {'version': dial.VERSION, 'level': float(level)}
    if keep_originals:
      raise ValueError('Forgeries of a level have no originals.')
  with folders.refusing_full_disk(root), claim.claimed(root):
    known = claim.known_photographs(root)
    sound, broken = photographs_lib.sound(photographs, known, workers)
    if claim.is_complete(root) and known - {photo.name for photo in sound}:
      # Nothing is left to make: missing photographs are not needed.
      listed = claim.as_begun(root, sound)
    else:
      _check_enough(sound, [*left_out, *broken.values()])
      listed = photographs_lib.assign(sound, seed, fractions)
    claim.begin(root, {
        **version,
        'seed': seed,
        'size': list(size),
        'counts': dict(zip(spec.SPLITS, counts, strict=True)),
        **({'keep_originals': True} if keep_originals else {}),
        'photographs': [
            {**dataclasses.asdict(photo), 'path': str(photo.path.absolute())}
            for photo in listed
        ],
    })
    plan = Plan(
        root, listed, seed, size, level, _firsts(counts, level), keep_originals
    )
    broken |= _write_missing(plan, counts, workers)
  used = sum(photo.name not in broken for photo in listed)
  return used, [*left_out, *broken.values()]


def _write_missing(
    plan: Plan, counts: Sequence[int], workers: int | None
) -> dict[str, str]:
  """Makes the forgeries that have no line yet.

  Returns:
    Why photographs cannot be read that were sound before, by name.
  """
  root = plan.root
  done = synthetic.read_histories(root)
  _write_lines(root, done)
  for pattern in ('*.tmp', '*/*.tmp'):  # Of a killed process.
    for path in root.glob(pattern):
      path.unlink()
  known = {history['image_id'] for history in done}
  tasks = [
      Task(split, index)
      for split, count in zip(spec.SPLITS, counts, strict=True)
      for index in range(count)
  ]
  todo = [task for task in tasks if task.image_id not in known]
  broken: dict[str, str] = {}
  with (
      worker_pool.ordered_map(workers if len(todo) > 1 else 1) as run,
      files.open_to_append(root / synthetic.HISTORIES) as lines,
  ):
    made = run(functools.partial(_make, plan=plan), todo)
    for line, rejected in progress.progress(made, 'forging', len(todo)):
      lines.write(line.encode())
      lines.flush()
      broken.update(rejected)
  return broken


def _firsts(counts: Sequence[int], level: float | None) -> dict[str, int]:
  """Divides a sequence among splits, none of which repeats another's choices.

  Forgeries of a level are those of older versions, whose splits all begin at 0.
  """
  starts = [0, counts[0], counts[0] + counts[1]] if level is None else [0] * 3
  return dict(zip(spec.SPLITS, starts, strict=True))


def _check_counts(counts: Sequence[int]) -> None:
  if len(counts) != len(spec.SPLITS):
    raise spec.DataError(
        f'The numbers of forgeries are {counts}; give one each for train, val'
        ' and test.'
    )
  for count in counts:
    argument_checks.check_count('The number of forgeries of a split', count, 0)


def _check_enough(
    sound: Sequence[photographs_lib.Photograph], left_out: Sequence[str]
) -> None:
  """Raises DataError where not every split can have a photograph."""
  needed, groups = len(spec.SPLITS), {photo.group for photo in sound}
  if len(groups) >= needed or sound and all(photo.split for photo in sound):
    return
  text = (
      f'Train, val and test need a photograph each, at least {needed} of'
      f' different content, and {len(groups)} can be used; name more.'
  )
  if left_out:
    text += f' {len(left_out)} cannot be used, such as this one: {left_out[0]}'
  raise spec.DataError(text)


def listed(
    root: str | pathlib.Path, split: str
) -> tuple[photographs_lib.Photograph, ...]:
  """Lists the photographs that a split of a tree is made of.

  Raises:
    DataError: There is no tree, or a photograph is missing.
  """
  photographs = [
      photographs_lib.Photograph(**{**x, 'path': pathlib.Path(x['path'])})
      for x in synthetic.read_settings(pathlib.Path(root))['photographs']
      if x['split'] == split
  ]
  for photograph in photographs:
    if not photograph.path.is_file():
      raise spec.DataError(
          f'{root} was made with the photograph {photograph.path}, which is'
          ' gone; put it back, or choose another --config.data.root.'
      )
  return tuple(photographs)


# Workers keep decoded photographs, of one split only: each cache takes
# `photographs.CACHE_BYTES`.
opened = functools.lru_cache(maxsize=1)(photographs_lib.Photographs)


def _make(task: Task, plan: Plan) -> tuple[str, dict[str, str]]:
  """Writes one forgery; returns its line and the photographs rejected."""
  photographs = opened(
      tuple(photo for photo in plan.listed if photo.split == task.split)
  )
  made = sequence.generate(
      photographs,
      plan.seed,
      plan.firsts[task.split] + task.index,
      plan.size,
      plan.level,
      keep_original=plan.keep_originals,
  )
  image = pathlib.Path('images', task.image_id + made.suffix)
  mask = pathlib.Path('masks', task.image_id + '.png')
  _write_bytes(plan.root / image, made.file)
  _write_bytes(plan.root / mask, cameras.encode_png(made.mask * 255))
  if made.original is not None and made.changed is not None:
    original = plan.root / synthetic.ORIGINALS / image.name
    changed = plan.root / synthetic.CHANGED / mask.name
    _write_bytes(original, made.original)
    _write_bytes(changed, cameras.encode_png(made.changed * 255))
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
  """Rewrites the complete lines, without half a line at the end."""
  text = ''.join(json.dumps(history) + '\n' for history in histories)
  files.write_text(root / synthetic.HISTORIES, text)
