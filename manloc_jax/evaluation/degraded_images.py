"""Scores localizers on the images of any set, degraded level by level.

Each manipulated image is degraded as a whole, together with its mask, and
scored as `any_set.evaluate` scores the file that a user would then have: after
JPEG compression a JPEG file, after blur, noise and resizing a PNG file, for
these are saved without loss. Methods on JPEG coefficients are not applicable to
the latter. The noise of an image is fixed by its name, and is the same at all
levels but for its strength.

What is known of an image at a level is written at once, so that a sweep that
was stopped goes on with the next one.
"""

from collections.abc import Collection, Iterator, Mapping
import dataclasses
import functools
import pathlib
import shutil
import tempfile
from typing import Any

from manloc_jax import files
from manloc_jax import provenance as provenance_lib
from manloc_jax.data import degrade
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.evaluation import any_set
from manloc_jax.evaluation import degraded_files
from manloc_jax.evaluation import degraded_levels
from manloc_jax.evaluation import image_sets
from manloc_jax.evaluation import result_files
from manloc_jax.localization import localizer as localizer_lib

VERSION = 1  # Raise it where the same files would give other scores.

_Rows = dict[str, degraded_files.Row]  # Of an image, by the name of the level.


@dataclasses.dataclass(frozen=True)
class Method:
  """A localizer to score.

  Attributes:
    name: What tables call it.
    localizer: Makes the maps; of `factory.make`.
    leakage: Of `leakage.check`, which becomes part of the result.
  """

  name: str
  localizer: localizer_lib.Localizer
  leakage: Mapping[str, Any] | None = None


@dataclasses.dataclass
class _Sweep:
  """The scores of one method, as far as they are known.

  Attributes:
    method: The method.
    path: The result file.
    made_by: What the result depends on.
    result: The result file of before, if it depends on the same.
    cache: Folder for the rows of each image.
    steps: Levels that the result lacks.
    rows: Those of each image.
  """

  method: Method
  path: pathlib.Path
  made_by: dict[str, Any]
  result: dict[str, Any] | None
  cache: pathlib.Path
  steps: list[degrade.Step]
  rows: list[_Rows]


def evaluate(
    methods: Collection[Method],
    image_set: image_sets.ImageSet,
    out: str | pathlib.Path,
    *,
    series: Collection[str] = tuple(degrade.SERIES),
    workers: int | None = None,
) -> list[dict[str, Any]]:
  """Scores methods on the manipulated images of a set at all levels.

  Args:
    methods: The methods; no two have the same name.
    image_set: Of `image_sets.open_set`.
    out: Folder; `<set>/<name>.json` is written there for each method.
    series: Keys of `degrade.SERIES`.
    workers: Processes; one per core by default. They degrade the images and
      run classical methods; a method on devices is run in this process.

  Returns:
    The results, as the JSON files hold them. Levels that a file of the same
    localizer, images and versions holds are not scored again, and those of
    other series stay in it; another file is kept, see `result_files.keep`.

  Raises:
    UserError: The disk is full, the weights are broken, no image has a mask, or
      no image at all can be scored.
  """
  records = [record for record in image_set.records if record.mask is not None]
  if not records:
    raise spec.DataError(
        f'The set in {image_set.root} has no image with a mask among'
        f' {len(image_set.records)}; choose a set of manipulated images.'
    )
  steps = degrade.steps(series)
  sweeps = [_begin(each, image_set, records, out, steps) for each in methods]
  _score_all(sweeps, records, image_set, workers)
  _check_any(sweeps, image_set)
  return [_finish(sweep, records, image_set) for sweep in sweeps]


def _begin(
    method: Method,
    image_set: image_sets.ImageSet,
    records: list[spec.Record],
    out: str | pathlib.Path,
    steps: tuple[degrade.Step, ...],
) -> _Sweep:
  """Reads what is known already."""
  path = pathlib.Path(out) / image_set.name / f'{method.name}.json'
  made_by = {
      **any_set.provenance_of(method.localizer, image_set, method.leakage),
      'robustness_version': VERSION,
      'series': degrade.facts(),
      'noise_seed': degraded_files.SEED,
      'codecs': degrade.versions(),
  }
  result = None
  if provenance_lib.is_current(path, made_by):
    result = files.read_json(path)
  done = {(x['series'], x['level']) for x in result['levels']} if result else ()
  digest = provenance_lib.sha256_of_json(made_by)[:12]
  cache = path.with_name(f'{path.stem}.images-{digest}')
  files.make_folder(path.parent, pathlib.Path(out))
  return _Sweep(
      method,
      path,
      made_by,
      result,
      cache,
      [step for step in steps if step not in done],
      [_load(_cached(cache, i)) for i in range(len(records))],
  )


def _cached(cache: pathlib.Path, index: int) -> pathlib.Path:
  return cache / f'{index}.json'


def _load(path: pathlib.Path) -> _Rows:
  """Reads the rows of an image; none if the file is missing or damaged."""
  try:
    return files.read_json(path)
  except (FileNotFoundError, ValueError):
    return {}


def _score_all(
    sweeps: list[_Sweep],
    records: list[spec.Record],
    image_set: image_sets.ImageSet,
    workers: int | None,
) -> None:
  """Scores all images at all levels, but for those that are known."""
  items = list(_missing(sweeps, records))
  if not items:
    return
  for sweep in sweeps:
    files.make_folder(sweep.cache, sweep.path.parent)
  if len(items) == 1:
    workers = 1  # Another process would take longer to start.
  by_name = {sweep.method.name: sweep for sweep in sweeps}
  localizers = {
      name: sweep.method.localizer for name, sweep in by_name.items()
  }
  in_workers = {
      name: localizer
      for name, localizer in localizers.items()
      if localizer.runs_in_workers
  }
  with (
      tempfile.TemporaryDirectory(prefix='manloc-') as folder,
      worker_pool.ordered_map(workers) as run,
  ):
    begin = functools.partial(
        degraded_files.begin,
        dataset=image_set.dataset,
        folder=pathlib.Path(folder),
        methods=in_workers,
    )
    title = f'{image_set.name}, degraded'
    begun = progress.progress(run(begin, items), title, len(items))
    for item, half in zip(items, begun, strict=True):
      for name, row in degraded_files.finish(item, half, localizers).items():
        sweep = by_name[name]
        sweep.rows[item.index][degrade.name_of(item.step)] = row
        path = _cached(sweep.cache, item.index)
        files.write_json(path, sweep.rows[item.index])


def _missing(
    sweeps: list[_Sweep], records: list[spec.Record]
) -> Iterator[degraded_files.Item]:
  """Yields what is to be scored: image by image, and level by level."""
  steps = degrade.steps()
  for index, record in enumerate(records):
    for step in steps:
      names = tuple(
          sweep.method.name
          for sweep in sweeps
          if step in sweep.steps
          and degrade.name_of(step) not in sweep.rows[index]
      )
      if names:
        yield degraded_files.Item(index, record, step, names)


def _finish(
    sweep: _Sweep, records: list[spec.Record], image_set: image_sets.ImageSet
) -> dict[str, Any]:
  """Writes the result of a method, unless it is there already."""
  if not sweep.steps:
    assert sweep.result is not None, 'No level is missing.'
    return sweep.result
  levels = sweep.result['levels'] if sweep.result else []
  by_step = {(level['series'], level['level']): level for level in levels}
  for step in sweep.steps:
    rows = [of_image[degrade.name_of(step)] for of_image in sweep.rows]
    by_step[step] = degraded_levels.summarize(step, rows)
  left_out = {} if sweep.result is None else {
      (file['path'], file['reason']): file for file in sweep.result['left_out']
  }
  for file in _left_out(sweep, records, image_set):
    left_out[file['path'], file['reason']] = file
  result = {
      'method': sweep.method.name,
      'set': image_set.name,
      'counts': {
          'manipulated': len(records),
          'pristine_not_scored': len(image_set.records) - len(records),
          'left_out': len(left_out),
      },
      'left_out': list(left_out.values()),
      **sweep.made_by,
      'images': [record.image_id for record in records],
      'levels': [by_step[s] for s in degrade.steps() if s in by_step],
  }
  if sweep.result is None:
    result_files.keep(sweep.path)
  files.write_json(sweep.path, result)
  shutil.rmtree(sweep.cache)
  return files.read_json(sweep.path)


def _check_any(sweeps: list[_Sweep], image_set: image_sets.ImageSet) -> None:
  """Raises DataError unless an image could be scored with some method."""
  step = None, None
  rows = [
      of_image[degrade.name_of(step)]
      for sweep in sweeps
      if step in sweep.steps
      for of_image in sweep.rows
  ]
  if rows and all('left_out' in row for row in rows):
    raise spec.DataError(
        f'No image with a mask under {image_set.root} could be scored; the'
        f' first: {rows[0]["left_out"]}'
    )


def _left_out(
    sweep: _Sweep, records: list[spec.Record], image_set: image_sets.ImageSet
) -> Iterator[dict[str, str]]:
  """Yields files that were not scored, each with the reason."""
  for file in image_set.rejected:
    yield {'path': file.path, 'reason': file.reason}
  for record, rows in zip(records, sweep.rows, strict=True):
    for step in sweep.steps:
      row = rows[degrade.name_of(step)]
      if 'left_out' in row:
        yield {'path': record.image_id, 'reason': row['left_out']}
