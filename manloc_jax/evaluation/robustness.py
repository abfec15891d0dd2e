"""Scores a trained network on test images that are degraded level by level."""

from collections.abc import Callable, Iterable, Iterator
import functools
import os
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
import tqdm

from manloc_jax import files
from manloc_jax import models
from manloc_jax import provenance as provenance_lib
from manloc_jax import run_config
from manloc_jax.data import degrade
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.sampling import degraded_windows
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import patches as patch_evaluation
from manloc_jax.evaluation import result_files
from manloc_jax.metrics import thresholds
from manloc_jax.training import checkpoint
from manloc_jax.training import evaluator
from manloc_jax.training import processes
from manloc_jax.training import sharding
from manloc_jax.training import trained_run

# A folder of its own: files beside the splits' would count as splits.
FILE = os.path.join('results', 'robustness', 'scores.json')

# First the images as they are, which must score as in `test_grid.json`.
LEVELS = degrade.steps()


def robustness(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    workdir: str,
    mesh,
    workers: int | None = None,
) -> pathlib.Path:
  """Scores the best checkpoint of a run on degraded test images.

  The images of `test_grid` are read from `data.root`, degraded as a whole and
  cut into native windows, by processes that work ahead of the devices by four
  images each.

  Args:
    config: The run's config.
    prepared: The prepared set.
    workdir: The run's folder.
    mesh: Devices.
    workers: Processes; one per core by default.

  Returns:
    The JSON file. Until all levels are scored they lie beside it, in
    `unfinished.json`; levels that either holds are not scored again. Scores of
    another config or checkpoint are kept, see `result_files.keep`.

  Raises:
    UserError: There is no checkpoint, or images have changed or gone.
  """
  run = checkpoint.load(workdir)
  provenance = _provenance(config, prepared, run.step)
  path = pathlib.Path(workdir) / FILE
  unfinished = path.with_name('unfinished.json')
  result = _read_or_begin((path, unfinished), provenance)
  done = {(row['series'], row['level']) for row in result['levels']}
  missing = [level for level in LEVELS if level not in done]
  if not missing:
    return path
  files.make_folder(path.parent, pathlib.Path(workdir))
  is_first = processes.is_first()
  if is_first and not provenance_lib.is_current(unfinished, provenance):
    result_files.keep(unfinished)
  records = prepared.records(
      degraded_windows.SPLIT,
      config.data.root,
      config.data.get('allow_outside', False),
  )
  score = _make_scorer(config, prepared, workdir, run, mesh, records)
  with (
      worker_pool.ordered_map(workers) as ordered_map,
      # Without a terminal (`None`) a bar would fill the log.
      tqdm.tqdm(
          total=len(missing) * len(records),
          unit='image',
          disable=None if is_first else True,
      ) as bar,
  ):
    for level in missing:
      row = _score_level(level, prepared, records, ordered_map, score, bar)
      result['levels'].append(row)
      if is_first:
        files.write_json(unfinished, result)
  if is_first:
    result_files.keep(path)
    os.replace(unfinished, path)
  return path


def _score_level(
    degradation: degrade.Step,
    prepared: prepared_set.PreparedSet,
    records: list[spec.Record],
    ordered_map: Callable[..., Iterable],
    score: Callable[[Iterable[patches.Cut], str], dict[str, Any]],
    bar: tqdm.tqdm,
) -> dict[str, Any]:
  """Degrades all images to one level of a series and scores them.

  Args:
    degradation: One of `LEVELS`.
    prepared: The prepared set.
    records: Its test images.
    ordered_map: Maps a function over a list in other processes.
    score: Of `_make_scorer`.
    bar: Moved on by each image.

  Returns:
    The level's row of the JSON file.
  """
  series, level = degradation
  name = degrade.name_of(degradation)
  bar.set_description(name)
  cut = functools.partial(
      degraded_windows.cut, job=prepared.job, series=series, level=level or 0
  )
  windowless: list[str] = []
  cuts = _monitored(ordered_map(cut, records), records, bar, windowless)
  return {
      'series': series,
      'level': level,
      **score(cuts, name),
      'images_without_windows': windowless,
  }


def _provenance(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    step: int,
) -> dict[str, Any]:
  """Returns what the scores of all levels depend on."""
  return {
      'split': degraded_windows.SPLIT,
      'step': step,
      'prepared': prepared.digest,
      **provenance_lib.of_run(run_config.scored(config)),
      'series': degrade.facts(),
      'codecs': degrade.versions(),
  }


def _read_or_begin(
    paths: Iterable[pathlib.Path], provenance: dict[str, Any]
) -> dict[str, Any]:
  """Returns the first file of this provenance, or a result without levels."""
  for path in paths:
    if provenance_lib.is_current(path, provenance):
      return files.read_json(path)
  return {**provenance, 'levels': []}


def _monitored(
    cuts: Iterable[patches.Cut],
    records: list[spec.Record],
    bar: tqdm.tqdm,
    windowless: list[str],
) -> Iterator[patches.Cut]:
  """Yields the windows; lists images without any and moves the bar on."""
  for record, windows in zip(records, cuts, strict=True):
    if not windows:
      windowless.append(record.image_id)
    bar.update()
    yield windows


def _make_scorer(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    workdir: str,
    run: trained_run.Run,
    mesh,
    records: list[spec.Record],
) -> Callable[[Iterable[patches.Cut], str], dict[str, Any]]:
  """Returns `score(cuts, name) -> scores` of the windows of all images.

  Args:
    config: The run's config.
    prepared: The prepared set.
    workdir: The run's folder.
    run: The network.
    mesh: Devices.
    records: The test images.

  Returns:
    A function of the windows of each image, and of how the images were
    degraded, for errors. It returns `patches.split_scores` without curves.

  Raises:
    UserError: The batch does not split over the devices.
  """
  model = models.make(config)
  params = sharding.replicate(run.params, mesh)
  evaluate_batches = evaluator.make_batch_evaluator(model, mesh, config)
  network = patch_evaluation.network_name(workdir, run.step)
  threshold = thresholds.read(workdir, run.step)
  if threshold is not None and threshold.bins == config.eval.bins:
    edge = round(threshold.value * threshold.bins)
  else:
    evaluate = evaluator.make_split_evaluator(model, mesh, config, prepared)
    edge = evaluator.best_edge(evaluate(params, 'val', network))
  prior = evaluator.mean_mask(prepared)
  kinds = [record.manipulation for record in records]
  index, count = jax.process_index(), jax.process_count()

  def score(cuts: Iterable[patches.Cut], name: str) -> dict[str, Any]:
    """Scores the windows of one level, without its curves."""
    batches = degraded_windows.batches(
        cuts,
        batch_size=config.eval.batch_size // count,
        process=(index, count),
    )
    subject = f'{network} ({name})'
    totals = evaluate_batches(params, batches, len(records), subject)
    # A level may leave no window, and then no mean either.
    with np.errstate(invalid='ignore'):
      scores = patch_evaluation.split_scores(
          totals, model.tasks, kinds, prior, edge
      )
    del scores['roc']  # Curves for each level would fill the file.
    return scores

  return score
