"""Scores any localizer, or given maps, on any set, by every protocol.

Every image with a mask is scored at native resolution, and pristine images
count for detection. What is known of an image is written at once, so that an
evaluation that was stopped goes on with the next one; a file that cannot be
used is listed, and the others are scored.

Memory does not grow with the number of images, but for some numbers of each:
the counts of their pixels stay on disk and are added up one by one.
"""

from collections.abc import Callable, Iterator, Mapping
import functools
import pathlib
import shutil
from typing import Any

import numpy as np

from manloc_jax import files
from manloc_jax import provenance as provenance_lib
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.evaluation import bootstrap
from manloc_jax.evaluation import examples
from manloc_jax.evaluation import image_sets
from manloc_jax.evaluation import map_folder
from manloc_jax.evaluation import pooled
from manloc_jax.evaluation import protocols
from manloc_jax.evaluation import result_files
from manloc_jax.evaluation import scoring
from manloc_jax.localization import localizer as localizer_lib

FORMAT_VERSION = 1  # Raise it where the same files would give other scores.
# The packages that scores depend on, besides those of the localizer.
_PACKAGES = ('numpy', 'opencv-python-headless', 'pillow', 'scipy')
# Measures whose means are also given for each kind of manipulation.
_BY_KIND = ('auc', 'average_precision', 'f1_half', 'f1_mask', 'f1_best')

Method = localizer_lib.Localizer | map_folder.GivenMaps


def evaluate(
    localizer: Method,
    image_set: image_sets.ImageSet,
    out: str | pathlib.Path,
    *,
    name: str | None = None,
    leakage: Mapping[str, Any] | None = None,
    workers: int | None = None,
    engine: worker_pool.Engine = worker_pool.ordered_map,
) -> dict[str, Any]:
  """Scores a localizer on the images of a set.

  Args:
    localizer: Makes the maps; of `factory.make`, or `map_folder.GivenMaps`.
    image_set: Of `image_sets.open_set`.
    out: Folder; `<set>/<name>.json` is written there, and examples for
      pictures beside it.
    name: What tables call the method; by default its own name.
    leakage: Of `leakage.check`, which becomes part of the result.
    workers: Processes; one per core by default. A method on devices has one.
    engine: Where the processes run.

  Returns:
    The result, as the JSON file holds it. One of the same localizer, files and
    versions is returned as it is; one that is replaced is kept, see
    `result_files.keep`.

  Raises:
    UserError: The disk is full, the weights are broken, or no image at all can
      be scored.
  """
  name = name or localizer.provenance['method']
  path = pathlib.Path(out) / image_set.name / f'{name}.json'
  made_by = provenance_of(localizer, image_set, leakage)
  if provenance_lib.is_current(path, made_by):
    return files.read_json(path)
  digest = provenance_lib.sha256_of_json(made_by)[:12]
  cache = path.with_name(f'{path.stem}.images-{digest}')
  files.make_folder(cache, pathlib.Path(out))
  if not localizer.runs_in_workers:
    workers = 1  # The devices are in this process.
  rows = _score_all(localizer, image_set, cache, workers, engine, name)
  _check_any(rows, image_set)
  load = lambda i: scoring.load(_cached(cache, i))
  left_out = _left_out(rows, image_set)
  result = {
      'method': name,
      'set': image_set.name,
      **_result(rows, load, len(left_out)),
      'left_out': left_out,
      **made_by,
      'images': [row for row in rows if 'left_out' not in row],
  }
  examples.save(path.with_suffix('.npz'), rows, image_set, load)
  result_files.write(path, result)
  shutil.rmtree(cache)
  return files.read_json(path)


def provenance_of(
    localizer: Method,
    image_set: image_sets.ImageSet,
    leakage: Mapping[str, Any] | None,
) -> dict[str, Any]:
  """Returns what the result of a localizer on a set depends on."""
  maps = localizer if isinstance(localizer, map_folder.GivenMaps) else None
  return {
      'format_version': FORMAT_VERSION,
      'dataset': image_set.dataset,
      'split': image_set.split,
      'inputs_sha256': image_set.inputs(maps),
      'detector': localizer.provenance,
      'device': localizer.device,
      'leakage': leakage,
      'versions': {
          'manloc_jax': provenance_lib.VERSION,
          **provenance_lib.versions(_PACKAGES),
          **localizer.packages,
      },
  }


def _cached(cache: pathlib.Path, index: int) -> pathlib.Path:
  return cache / f'{index}.npz'


def _score_all(
    localizer: Method,
    image_set: image_sets.ImageSet,
    cache: pathlib.Path,
    workers: int | None,
    engine: worker_pool.Engine,
    name: str,
) -> list[scoring.Row]:
  """Scores all images; those that are in the cache are not scored again."""
  rows: list[scoring.Row | None] = []
  for i in range(len(image_set.records)):
    known = scoring.load(_cached(cache, i))
    rows.append(None if known is None else known.row)
  missing = [i for i, row in enumerate(rows) if row is None]
  score = functools.partial(
      scoring.score, dataset=image_set.dataset, method=localizer
  )
  if missing:
    if len(missing) == 1:
      workers = 1  # Another process would take longer to start.
    with engine(workers) as run:
      fresh = run(score, (image_set.records[i] for i in missing))
      title = f'{image_set.name}, {name}'
      shown = progress.progress(fresh, title, len(missing))
      for i, scored in zip(missing, shown, strict=True):
        scoring.save(_cached(cache, i), scored)
        rows[i] = scored.row
  return [row for row in rows if row is not None]


def _check_any(
    rows: list[scoring.Row], image_set: image_sets.ImageSet
) -> None:
  """Raises DataError unless an image could be scored."""
  if all('left_out' in row for row in rows):
    raise spec.DataError(
        f'None of the {len(rows)} images under {image_set.root} could be'
        f' scored; the first: {rows[0]["left_out"]}'
    )


def _left_out(
    rows: list[scoring.Row], image_set: image_sets.ImageSet
) -> list[dict[str, str]]:
  """Lists files that were not scored, each with the reason in one sentence."""
  return [
      *(
          {'path': file.path, 'reason': file.reason}
          for file in image_set.rejected
      ),
      *(
          {'path': row['image_id'], 'reason': row['left_out']}
          for row in rows
          if 'left_out' in row
      ),
  ]


def _result(
    rows: list[scoring.Row],
    load: Callable[[int], scoring.Scored | None],
    left_out: int,
) -> dict[str, Any]:
  """Computes what a result holds of all images together."""
  kept = [i for i, row in enumerate(rows) if 'left_out' not in row]
  used = [rows[i] for i in kept]

  def pixels() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for i in kept:
      scored = load(i)
      assert scored is not None, 'It was written just now.'
      yield scored.bins, scored.counts

  weights = bootstrap.draw(len(used))
  totals = pooled.add_up(pixels())
  images = protocols.Images(
      used,
      pooled.scores(totals, pixels(), weights),
      totals.prevalence,
      _image_threshold(used),
      all(row['is_probability'] for row in used),
  )
  return {
      'is_probability': images.is_probability,
      'image_threshold': images.image_threshold,
      'counts': _counts(used, left_out),
      'notes': _notes(used),
      'protocols': {
          name: _protocol(make(images), weights)
          for name, make in protocols.PROTOCOLS.items()
      },
      'by_manipulation': _by_manipulation(used, images.is_probability),
      'auc_bound': {'pixel_pooled': totals.auc_bound},
      'roc': {'pixel': totals.curve},
      'seconds_per_megapixel': _seconds(used),
  }


def _image_threshold(rows: list[scoring.Row]) -> float | None:
  """Returns the threshold that the masks of all images share, if they do."""
  found = {row.get('threshold') for row in rows if 'not_applicable' not in row}
  return found.pop() if len(found) == 1 else None


def _protocol(
    made: tuple[protocols.Scores, protocols.Baselines], weights: np.ndarray
) -> dict[str, Any]:
  scores, baselines = made
  return {
      'scores': {name: score.value for name, score in scores.items()},
      'intervals': {
          name: bootstrap.interval(score, weights)
          for name, score in scores.items()
      },
      'images': {name: score.images for name, score in scores.items()},
      'trivial': baselines,
  }


def _counts(rows: list[scoring.Row], left_out: int) -> dict[str, int]:
  manipulated = [row for row in rows if row['is_manipulated']]
  return {
      'images': len(rows),
      'manipulated': len(manipulated),
      'pristine': len(rows) - len(manipulated),
      'left_out': left_out,
      'of_one_class': sum('one_class' in row for row in rows),
      'not_applicable': sum('not_applicable' in row for row in rows),
      'resized_maps': sum('note' in row for row in rows),
  }


def _notes(rows: list[scoring.Row]) -> list[str]:
  """Lists what is particular about images that are scored all the same."""
  return [
      f'{row["image_id"]}: {row[key]}'
      for row in rows
      for key in ('one_class', 'note', 'not_applicable')
      if key in row
  ]


def _by_manipulation(
    rows: list[scoring.Row], is_probability: bool
) -> dict[str, dict[str, Any]]:
  """Returns means of measures over the images of each kind of manipulation."""
  result = {}
  manipulated = [row for row in rows if row['is_manipulated']]
  for kind in sorted({row['manipulation'] for row in manipulated}):
    of_kind = [row for row in manipulated if row['manipulation'] == kind]
    means: dict[str, Any] = {'images': len(of_kind)}
    for name in _BY_KIND:
      if name == 'f1_half' and not is_probability:
        continue
      values = [row[name] for row in of_kind if name in row]
      values = [value for value in values if not np.isnan(value)]
      if values:
        means[name] = float(np.mean(values))
    result[kind] = means
  return result


def _seconds(rows: list[scoring.Row]) -> float | None:
  """Returns the median; the first image waits for imports and compilation."""
  values = [
      1e6 * row['seconds'] / row['pixels'] for row in rows if row.get('seconds')
  ]
  return float(np.median(values)) if values else None
