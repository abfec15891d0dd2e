"""A split of a prepared set to numbers, with trivial baselines beside them."""

from collections.abc import Callable, Iterable
import hashlib
import importlib.metadata
import json
import math
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np

import manloc_jax
from manloc_jax import errors
from manloc_jax import files
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import manifest
from manloc_jax.evaluation import qualitative
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary
from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer
from manloc_jax.training import sharding
from manloc_jax.training import steps

PACKAGES = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'numpy', 'tensorflow')


def make_totaller(
    model, mesh, config: ml_collections.ConfigDict
) -> Callable[[Any, Iterable, int], steps.Totals]:
  """Returns `total(params, batches, images)`, NumPy sums over all devices.

  It compiles once for equally many images. The pixel scores take 8 bytes per
  bin and image on each device.

  Raises:
    UserError: `eval.bins` is odd, or the batch does not split.
  """
  sharding.check_batch_size(config.eval.batch_size, mesh)
  if config.eval.bins % 2:
    raise errors.UserError(
        f'{config.eval.bins} bins have no edge at the threshold 0.5; choose an'
        ' even --config.eval.bins.'
    )
  zeros = steps.make_zero_totals(
      mesh, bins=config.eval.bins, side=models.SIDE, tasks=model.tasks
  )
  step = steps.make_eval_step(
      model, mesh, smooth_sigma=config.eval.smooth_sigma
  )
  add = steps.make_sum_totals(mesh)

  def total(params, batches: Iterable, images: int) -> steps.Totals:
    totals = zeros(images)
    for batch in sharding.prefetch(batches, mesh):
      totals = step(params, totals, batch)
    return jax.device_get(add(totals))

  return total


def make_counter(
    model, mesh, config: ml_collections.ConfigDict, prepared: str
) -> Callable[[Any, str], steps.Totals]:
  """Returns `count(params, split) -> totals`; see `make_totaller`."""
  total = make_totaller(model, mesh, config)
  process = (jax.process_index(), jax.process_count())

  def count(params, split: str) -> steps.Totals:
    batches = backend.eval_batches(
        prepared,
        split,
        batch_size=config.eval.batch_size // jax.process_count(),
        process=process,
    )
    return total(params, batches, len(manifest.image_ids(prepared, split)))

  return count


def mean_mask(prepared: str, split: str = 'train') -> np.ndarray:
  """Returns the mean mask of a split, f64[side, side]."""
  total, count = 0.0, 0
  for batch in backend.eval_batches(prepared, split, batch_size=256):
    seen = batch['mask'][batch['weight'] > 0]
    total, count = total + seen.sum(axis=0, dtype=np.int64), count + len(seen)
  return np.asarray(total / max(count, 1), np.float64)


def evaluate(
    config: ml_collections.ConfigDict, prepared: str, workdir: str, mesh
) -> list[pathlib.Path]:
  """Scores the best checkpoint of a run on every split of `eval.splits`.

  Whole images are left to `whole_images`.

  Args:
    config: The run's settings.
    prepared: Folder of the prepared set.
    workdir: The run's folder; `results/<split>.json` and
      `results/examples.npz`, a few images for pictures, are written there.
    mesh: Devices.

  Returns:
    The JSON files; those of the same checkpoint, settings and versions are
    left as they are.
  """
  run = checkpoint.load(workdir)
  content = manifest.read(prepared)
  origin = {
      'step': run.step,
      'prepared': content['split_digest'],
      **provenance(config),
  }
  folder = pathlib.Path(workdir) / 'results'
  splits = [s for s in config.eval.splits if s not in manifest.WHOLE_IMAGES]
  written = [folder / f'{split}.json' for split in splits]
  if all(is_current(path, origin) for path in written):
    return written
  for split in splits:
    manifest.part(prepared, split)  # Refuses a name that is none.
  folder.mkdir(parents=True, exist_ok=True)
  model = models.make(**config.model)
  params = jax.device_put(run.params, sharding.replicated(mesh))
  if models.MASK in model.tasks:
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
  count = make_counter(model, mesh, config, prepared)
  prior = mean_mask(prepared)
  edge = best_edge(count(params, 'val'))
  for split, path in zip(splits, written, strict=True):
    kinds = [i['manipulation'] for i in content['splits'][split]['images']]
    result = {
        'split': split,
        **split_scores(count(params, split), model.tasks, kinds, prior, edge),
        'data': data_facts(content, split),
        'training': _rates(workdir),
        **origin,
    }
    files.write_text(path, json.dumps(without_nan(result), indent=1))
  for old in folder.glob('*.json'):
    if old.stem not in config.eval.splits:
      old.unlink()  # Of a split no longer asked for.
  return written


def best_edge(totals: steps.Totals) -> int:
  """Returns the bin edge with the best F1 over the pixels of a split."""
  pixels = totals.pixels.sum(axis=0, dtype=np.int64)
  return int(histogram.f1_curve(pixels).argmax())


def split_scores(
    totals: steps.Totals,
    tasks: tuple[str, ...],
    kinds: list[str],
    prior: np.ndarray,
    edge: int,
) -> dict[str, Any]:
  """Everything that a result file says of the sums over a split.

  Args:
    totals: The sums.
    tasks: What the network does; the rest is left out.
    kinds: Manipulation of each image of the split.
    prior: f64[side, side], the mean training mask.
    edge: The bin edge with the best F1 on the validation part.
  """
  found = {
      'scores': summary.network(totals, tasks),
      'trivial': summary.trivial(totals, prior),
      'counts': summary.counts(totals),
      'by_manipulation': {},
      'auc_bound': {},
      'roc': {},
  }
  if models.PATCH in tasks:
    patches = totals.patches[0]
    found['auc_bound']['patch'] = histogram.auc_bound(patches)
    found['roc']['patch'] = summary.thinned(histogram.roc(patches))
  if models.MASK in tasks:
    pixels = totals.pixels.sum(axis=0, dtype=np.int64)
    at_edge = float(histogram.f1_curve(pixels)[edge])
    found['scores']['pixel_f1_at_val_threshold_pooled'] = at_edge
    found['val_threshold'] = edge / pixels.shape[1]
    found['by_manipulation'] = summary.by_manipulation(totals, kinds)
    found['postprocessed'] = summary.postprocessed(totals)
    found['auc_bound']['pixel_pooled'] = histogram.auc_bound(pixels)
    found['roc']['pixel'] = summary.thinned(histogram.roc(pixels))
  return found


def is_current(path: pathlib.Path, origin: dict[str, Any]) -> bool:
  """Whether a result file stands for this checkpoint and these settings."""
  if not path.exists():
    return False
  try:
    written = json.loads(path.read_text())
  except ValueError:
    return False  # Damaged: made anew.
  # Through JSON, which knows no tuples.
  wanted = json.loads(json.dumps(origin))
  return all(written.get(key) == value for key, value in wanted.items())


def _rates(workdir: str) -> dict[str, float]:
  """Median speed of training, and the share of it spent waiting for input."""
  lines = [x for x in metric_writer.read(workdir) if 'patches_per_s' in x]
  keys = ('patches_per_s', 'input_wait_share')
  return {
      key: float(np.median([line[key] for line in lines])) for key in keys
  } if lines else {}


def data_facts(content: dict, split: str) -> dict:
  """What of the manifest says which rows these are."""
  is_stream = content['settings'].get('source') == 'stream'
  trained_on = content['splits']['train']['num_patches']
  return {
      'dataset': content['dataset'],
      'settings': content['settings'],
      'split_digest': content['splits'][split]['digest'],
      # A stream trains on others than those of the prepared part.
      'training_patches': None if is_stream else trained_on,
  }


def provenance(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Which settings, packages and device made a result.

  Folders are left out: they say where a result was made and not what it is.
  """
  content = run_config.plain(config)
  return {
      'config': content,
      'config_sha256': hashlib.sha256(
          json.dumps(content, sort_keys=True).encode()
      ).hexdigest(),
      'versions': {
          'manloc_jax': manloc_jax.__version__,
          **{name: _version(name) for name in PACKAGES},
      },
      'device': jax.devices()[0].device_kind,
      'devices': jax.device_count(),
  }


def _version(package: str) -> str | None:
  for name in (package, f'{package}-cpu'):
    try:
      return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return None


def without_nan(tree):
  """Replaces NaN, which JSON does not know, by null."""
  if isinstance(tree, dict):
    return {key: without_nan(value) for key, value in tree.items()}
  if isinstance(tree, (list, tuple)):
    return [without_nan(value) for value in tree]
  if isinstance(tree, float) and math.isnan(tree):
    return None
  return tree
