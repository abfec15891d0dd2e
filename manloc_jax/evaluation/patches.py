"""Scores a trained network on the patches of each split of a prepared set."""

import functools
import pathlib
from typing import Any

import ml_collections
import numpy as np

from manloc_jax import files
from manloc_jax import models
from manloc_jax import provenance as provenance_lib
from manloc_jax import run_config
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import qualitative
from manloc_jax.evaluation import result_files
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary
from manloc_jax.metrics import thresholds
from manloc_jax.metrics import totals as totals_lib
from manloc_jax.training import checkpoint
from manloc_jax.training import evaluator
from manloc_jax.training import metric_writer
from manloc_jax.training import processes
from manloc_jax.training import sharding


def evaluate(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    workdir: str,
    mesh,
) -> list[pathlib.Path]:
  """Scores the best checkpoint of a run on every split of `eval.splits`.

  Several processes share the patches, and process 0 writes. Splits of whole
  images are left to `evaluation.images`.

  Args:
    config: The run's config.
    prepared: The prepared set.
    workdir: The run's folder; `results/<split>.json` and
      `results/examples.npz`, a few images for figures, are written there.
    mesh: Devices.

  Returns:
    The JSON files. Those of the same checkpoint, config and versions are left
    as they are, and so are those of other splits. One that is replaced is kept,
    see `result_files.keep`.

  Raises:
    UserError: There is no checkpoint or no such split, or scores are not
      finite.
  """
  run = checkpoint.load(workdir)
  provenance = _provenance(config, prepared, run.step)
  folder = pathlib.Path(workdir) / 'results'
  splits = [s for s in config.eval.splits if s not in manifest.WHOLE_IMAGES]
  written = [folder / f'{split}.json' for split in splits]
  if processes.of_first(
      all(provenance_lib.is_current(path, provenance) for path in written)
  ):
    return written
  for split in splits:
    prepared.split(split)  # Refuses a name that is none.
  files.make_folder(folder, pathlib.Path(workdir))
  model = models.make(config)
  params = sharding.replicate(run.params, mesh)
  evaluate_split = functools.partial(
      evaluator.make_split_evaluator(model, mesh, config, prepared),
      params,
      network=network_name(workdir, run.step),
  )
  edge = evaluator.best_edge(evaluate_split('val'))
  if models.MASK in model.tasks and processes.is_first():
    bins = config.eval.bins
    thresholds.write(
        workdir, thresholds.Threshold(run.step, edge / bins, bins)
    )
    _save_examples(config, prepared, folder, model, run.params, mesh)
  prior = evaluator.mean_mask(prepared)
  for split, path in zip(splits, written, strict=True):
    kinds = prepared.manipulations(split)
    totals = evaluate_split(split)
    result = {
        'split': split,
        **split_scores(totals, model.tasks, kinds, prior, edge),
        'data': prepared.facts(split),
        'training': _training_speed(workdir),
        **provenance,
    }
    if processes.is_first():
      result_files.write(path, result)
  return written


def _provenance(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    step: int,
) -> dict[str, Any]:
  """Returns what the scores depend on."""
  return {
      'step': step,
      'prepared': prepared.digest,
      **provenance_lib.of_run(run_config.scored(config)),
  }


def _save_examples(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    folder: pathlib.Path,
    model,
    params: Any,
    mesh,
) -> None:
  """Writes a few scored test images for figures."""
  qualitative.save(
      folder / 'examples.npz',
      model=model,
      params=params,
      mesh=mesh,
      prepared=prepared,
      split='test_grid',
      images=config.eval.examples,
      batch_size=config.eval.batch_size,
  )


def network_name(workdir: str, step: int) -> str:
  """Returns the name of a checkpoint, as the subject of an error."""
  return f'The network of checkpoint {step} in {workdir!r}'


def split_scores(
    totals: totals_lib.Totals,
    tasks: tuple[str, ...],
    kinds: list[str],
    prior: np.ndarray,
    edge: int,
) -> dict[str, Any]:
  """Computes the scores and baselines of a result file from sums.

  Args:
    totals: Sums over the split.
    tasks: Of the network; scores of other tasks are left out.
    kinds: Manipulation of each image of the split.
    prior: f64[side, side], the mean training mask.
    edge: The bin edge with the best F1 on the validation split.

  Returns:
    What JSON can hold: `scores`, `trivial` (of baselines), `counts` and more;
    NaN where a score is undefined.
  """
  result: dict[str, Any] = {
      'scores': summary.network(totals, tasks),
      'trivial': summary.trivial(totals, prior),
      'counts': summary.counts(totals),
      'by_manipulation': {},
      'auc_bound': {},
      'roc': {},
  }
  if models.PATCH in tasks:
    patches = np.asarray(totals.patches[0])
    result['auc_bound']['patch'] = histogram.auc_bound(patches)
    result['roc']['patch'] = summary.thinned(histogram.roc(patches))
  if models.MASK in tasks:
    images = np.asarray(totals.pixels)
    pixels = images.sum(axis=0, dtype=np.int64)
    at_edge = float(histogram.f1_curve(pixels)[edge])
    result['scores']['pixel_f1_at_val_threshold_pooled'] = at_edge
    result['val_threshold'] = edge / pixels.shape[1]
    result['by_manipulation'] = summary.by_manipulation(
        kinds,
        [histogram.auc(counts) for counts in images],
        lambda indices: images[indices].sum(axis=0, dtype=np.int64),
    )
    result['postprocessed'] = summary.postprocessed(totals)
    result['auc_bound']['pixel_pooled'] = histogram.auc_bound(pixels)
    result['roc']['pixel'] = summary.thinned(histogram.roc(pixels))
  return result


def _training_speed(workdir: str) -> dict[str, float]:
  """Returns the median speed of training and fraction of time spent waiting."""
  lines = [x for x in metric_writer.read(workdir) if 'patches_per_s' in x]
  keys = ('patches_per_s', 'input_wait_share')
  return {
      key: float(np.median([line[key] for line in lines])) for key in keys
  } if lines else {}
