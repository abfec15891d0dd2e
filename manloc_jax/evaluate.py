"""A split of a prepared set to numbers, with trivial baselines beside them."""

from collections.abc import Callable
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
from manloc_jax import checkpoint
from manloc_jax import examples
from manloc_jax import metrics
from manloc_jax import models
from manloc_jax import parallel
from manloc_jax import steps
from manloc_jax import writer
from manloc_jax.data import pipeline

Scores = dict[str, float]
PACKAGES = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'numpy', 'tensorflow')


def make_counter(
    model, mesh, config: ml_collections.ConfigDict, prepared: str
) -> Callable[[Any, str], steps.Totals]:
  """Returns `count(params, split) -> totals`, as NumPy sums over all devices.

  It compiles once for all splits with equally many images. The pixel scores
  take 8 bytes per bin and image on each device.
  """
  parallel.check_batch_size(config.eval.batch_size, mesh)
  step = steps.make_eval_step(model, mesh)
  process = (jax.process_index(), jax.process_count())

  def count(params, split: str) -> steps.Totals:
    totals = steps.zero_totals(
        mesh,
        images=len(pipeline.image_ids(prepared, split)),
        bins=config.eval.bins,
        side=config.data.side,
    )
    batches = pipeline.eval_batches(
        prepared,
        split,
        batch_size=config.eval.batch_size // jax.process_count(),
        process=process,
    )
    for batch in parallel.prefetch(batches, mesh):
      totals = step(params, totals, batch)
    return jax.device_get(steps.sum_totals(totals, mesh))

  return count


def scores(totals: steps.Totals) -> Scores:
  """Every score of one split; the name of each carries its protocol.

  `patch_*` count patches, `pixel_*` pixels. `_pooled` means one ROC or one
  confusion table over all pixels of the split, `_image_mean` the mean over
  the images that hold both classes.

  Args:
    totals: Sums over the split without the device axis.

  Returns:
    Names to values; NaN where a score is undefined.
  """
  patches, images = totals.patches[0], totals.pixels
  pixels = images.sum(axis=0, dtype=np.int64)
  half = metrics.at_half
  patch_loss, mask_loss, weight = totals.loss
  return {
      **{f'patch_{k}': v for k, v in half(patches).items()},
      'patch_auc': metrics.auc(patches),
      'patch_average_precision': metrics.average_precision(patches),
      'pixel_accuracy': half(pixels)['accuracy'],
      'pixel_accuracy_balanced': half(pixels)['accuracy_balanced'],
      'pixel_auc_pooled': metrics.auc(pixels),
      'pixel_auc_image_mean': _mean_auc(images),
      'pixel_average_precision_pooled': metrics.average_precision(pixels),
      'pixel_f1_at_half_pooled': half(pixels)['f1'],
      'pixel_f1_at_half_image_mean': _mean_f1(images),
      'pixel_f1_oracle_pooled': float(metrics.f1_curve(pixels).max()),
      'pixel_iou_at_half_pooled': half(pixels)['iou'],
      'pixel_mcc_at_half_pooled': half(pixels)['mcc'],
      'patch_loss': float(patch_loss / weight),
      'mask_loss': float(mask_loss / weight),
  }


def _mean_auc(images: np.ndarray) -> float:
  """Mean AUC over the images that hold both classes."""
  values = [metrics.auc(counts) for counts in images]
  values = [value for value in values if not math.isnan(value)]
  return float(np.mean(values)) if values else math.nan


def _mean_f1(images: np.ndarray) -> float:
  """Mean F1 at 0.5 over the images that hold manipulated pixels."""
  manipulated = [counts for counts in images if counts[1].any()]
  values = [metrics.at_half(counts)['f1'] for counts in manipulated]
  return float(np.mean(values)) if values else math.nan


def trivial_scores(totals: steps.Totals, prior: np.ndarray | None) -> dict:
  """What predictors that look at no pixel score on the same rows.

  Args:
    totals: Sums over the split.
    prior: f64[side, side], the mean training mask. As a score of every patch
      it tells how much the sampler gives away by where it puts the regions.

  Returns:
    `all_pristine` and `random` for patches and pixels, and `mean_mask` for
    pixels where there is a prior.
  """
  negatives, positives = totals.pixels.sum(axis=(0, 2), dtype=np.int64)
  patch_negatives, patch_positives = totals.patches[0].sum(axis=1)
  patch = metrics.trivial(patch_positives, patch_negatives)
  pixel = metrics.trivial(positives, negatives)
  result = {
      name: {
          **{f'patch_{k}': v for k, v in patch[name].items()},
          **{f'pixel_{k}': v for k, v in pixel[name].items()},
      }
      for name in patch
  }
  if prior is not None:
    # Each position is a score of its own: bins in the order of the prior.
    order = np.argsort(prior, axis=None)
    hits = totals.positives.ravel()[order].astype(np.int64)
    patches = patch_negatives + patch_positives
    counts = np.stack([patches - hits, hits])
    result['mean_mask'] = {
        'pixel_auc': metrics.auc(counts),
        'pixel_average_precision': metrics.average_precision(counts),
    }
  return result


def by_manipulation(totals: steps.Totals, kinds: list[str]) -> dict:
  """Pixel scores over the images of each kind of manipulation.

  Args:
    totals: Sums over the split.
    kinds: The kind of each image, in the order of `totals.pixels`.
  """
  kinds = np.array(kinds)
  result = {}
  for kind in sorted(set(kinds)):
    images = totals.pixels[kinds == kind]
    result[kind] = {
        'images': len(images),
        'pixel_auc_pooled': metrics.auc(images.sum(axis=0, dtype=np.int64)),
        'pixel_auc_image_mean': _mean_auc(images),
    }
  return result


def mean_mask(prepared: str, split: str = 'train') -> np.ndarray:
  """Returns the mean mask of a split, f64[side, side]."""
  total, count = 0.0, 0
  for batch in pipeline.eval_batches(prepared, split, batch_size=256):
    seen = batch['mask'][batch['weight'] > 0]
    total, count = total + seen.sum(axis=0, dtype=np.int64), count + len(seen)
  return np.asarray(total / max(count, 1), np.float64)


def evaluate(
    config: ml_collections.ConfigDict, prepared: str, workdir: str, mesh
) -> list[pathlib.Path]:
  """Scores the best checkpoint of a run on every split of `eval.splits`.

  Args:
    config: The run's settings.
    prepared: Folder of the prepared set.
    workdir: The run's folder; `results/<split>.json` and
      `results/examples.npz`, a few images for pictures, are written there.
    mesh: Devices.

  Returns:
    The JSON files written.
  """
  run = checkpoint.load(workdir)
  model = models.JConvLSTMConv(**config.model)
  params = jax.device_put(run.params, parallel.replicated(mesh))
  count = make_counter(model, mesh, config, prepared)
  manifest = pipeline.read_manifest(prepared)
  prior = mean_mask(prepared)
  validation = count(params, 'val').pixels.sum(axis=0, dtype=np.int64)
  edge = int(metrics.f1_curve(validation).argmax())
  written = []
  for split in config.eval.splits:
    totals = count(params, split)
    part = manifest['splits'][split]
    pixels = totals.pixels.sum(axis=0, dtype=np.int64)
    result = {
        'split': split,
        'scores': {
            **scores(totals),
            'pixel_f1_at_val_threshold_pooled': float(
                metrics.f1_curve(pixels)[edge]
            ),
        },
        'trivial': trivial_scores(totals, prior),
        'by_manipulation': by_manipulation(
            totals, [image['manipulation'] for image in part['images']]
        ),
        'counts': _counts(totals),
        'auc_bound': {
            'patch': metrics.auc_bound(totals.patches[0]),
            'pixel_pooled': metrics.auc_bound(pixels),
        },
        'val_threshold': edge / config.eval.bins,
        'roc': {
            'patch': _thinned(metrics.roc(totals.patches[0])),
            'pixel': _thinned(metrics.roc(pixels)),
        },
        'data': _data_facts(manifest, split),
        'step': run.step,
        'training': _rates(workdir),
        **provenance(config),
    }
    path = pathlib.Path(workdir) / 'results' / f'{split}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_text(path, json.dumps(_plain(result), indent=1))
    written.append(path)
  examples.save(
      pathlib.Path(workdir) / 'results' / 'examples.npz',
      model=model,
      params=params,
      mesh=mesh,
      prepared=prepared,
      split='test_grid',
      images=config.eval.examples,
      batch_size=config.eval.batch_size,
  )
  return written


def _counts(totals: steps.Totals) -> dict[str, int]:
  images = totals.pixels.sum(axis=2, dtype=np.int64)  # [images, 2]
  negatives, positives = images.sum(axis=0)
  patch_negatives, patch_positives = totals.patches[0].sum(axis=1)
  return {
      'images': int((images.sum(axis=1) > 0).sum()),
      'images_of_both_classes': int(images.all(axis=1).sum()),
      'patches_pristine': int(patch_negatives),
      'patches_manipulated': int(patch_positives),
      'pixels_pristine': int(negatives),
      'pixels_manipulated': int(positives),
  }


def _rates(workdir: str) -> dict[str, float]:
  """Median speed of training, and the share of it spent waiting for input."""
  lines = [x for x in writer.read(workdir) if 'patches_per_s' in x]
  keys = ('patches_per_s', 'input_wait_share')
  return {
      key: float(np.median([line[key] for line in lines])) for key in keys
  } if lines else {}


def _data_facts(manifest: dict, split: str) -> dict:
  """What of the manifest says which rows these are."""
  return {
      'dataset': manifest['dataset'],
      'settings': manifest['settings'],
      'split_digest': manifest['splits'][split]['digest'],
  }


def provenance(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Which settings, packages and device made a result."""
  return {
      'config': json.loads(config.to_json()),
      'config_sha256': hashlib.sha256(
          json.dumps(json.loads(config.to_json()), sort_keys=True).encode()
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


def _thinned(curve: metrics.Curve | None, points: int = 200):
  """A few hundred points of a curve, for drawing."""
  if curve is None:
    return None
  # Even in arc length, so that steep and flat parts are drawn alike.
  length = np.cumsum(np.hypot(np.diff(curve.fpr), np.diff(curve.tpr)))
  at = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
  at = np.concatenate([[0], np.minimum(at + 1, len(curve.fpr) - 1)])
  return {'fpr': curve.fpr[at].tolist(), 'tpr': curve.tpr[at].tolist()}


def _plain(tree):
  """Replaces NaN, which JSON does not know, by null."""
  if isinstance(tree, dict):
    return {key: _plain(value) for key, value in tree.items()}
  if isinstance(tree, (list, tuple)):
    return [_plain(value) for value in tree]
  if isinstance(tree, float) and math.isnan(tree):
    return None
  return tree
