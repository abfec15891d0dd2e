"""Whole images at native resolution to numbers: networks and classical methods.

The protocol `whole image`: the manipulated images of a part, each pixel once,
at the scores that `manloc localize` gives. Where a method is not applicable its
map is constant, and the image counts all the same. No map is turned around: an
area below one half stays there. Scores are named as those of patches are.
"""

from collections.abc import Iterable, Iterator
import functools
import pathlib
import shutil
from typing import Any

import ml_collections
import numpy as np
import tqdm

from manloc_jax import files
from manloc_jax import provenance as provenance_lib
from manloc_jax import run_config
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.storage import manifest
from manloc_jax.evaluation import image_scores
from manloc_jax.evaluation import patches as patches_lib
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary

PROTOCOL = 'whole image'
_HALF = int(image_scores.bin_of(np.array(0.5)))


def evaluate(
    config: ml_collections.ConfigDict,
    prepared: str,
    workdir: str,
    detector: localizer_lib.Localizer,
    workers: int | None = None,
) -> list[pathlib.Path]:
  """Scores a detector on the whole images of `eval.splits`.

  Each image is written down as soon as it is scored, so that what was stopped
  goes on with the next image; at the end these notes are removed. Those of
  another config or detector stay.

  Args:
    config: Settings; those of `eval.splits` that are in
      `manifest.WHOLE_IMAGES`, or else `test_images`, are scored.
    prepared: Folder of the prepared set, whose images are read from
      `data.root`.
    workdir: The run's folder; `results/<split>.json` is written there.
    detector: What makes the maps.
    workers: Processes of a classical method; one per core by default.

  Returns:
    The JSON files; those of the same detector, images, settings and versions
    are left as they are.

  Raises:
    UserError: Images have changed or gone.
  """
  content = manifest.read(prepared)
  provenance = _provenance(config, content, detector)
  results = pathlib.Path(workdir) / 'results'
  parts = manifest.WHOLE_IMAGES
  asked = [split for split in config.eval.splits if split in parts]
  written = [results / f'{split}.json' for split in asked or ['test_images']]
  if all(provenance_lib.is_current(path, provenance) for path in written):
    return written
  kept = results / f'images-{provenance_lib.sha256_of_json(provenance)[:12]}'
  kept.mkdir(parents=True, exist_ok=True)
  if not detector.runs_in_workers:
    workers = 1  # The devices are in this process.
  count = functools.partial(
      _score_part, config, prepared, detector, kept, workers
  )
  _, validation = count('val')
  bins, pooled = _pooled(validation)
  edge = int(bins[histogram.f1_curve(pooled).argmax()])
  for path in written:
    records, found = count(parts[path.stem])
    result = {
        'split': path.stem,
        'protocol': PROTOCOL,
        **_result(records, found, edge, detector.is_probability),
        'data': patches_lib.data_facts(content, parts[path.stem]),
        'training': {},
        **provenance,
    }
    files.write_json(path, result)
  shutil.rmtree(kept)
  return written


def _provenance(
    config: ml_collections.ConfigDict,
    content: dict[str, Any],
    detector: localizer_lib.Localizer,
) -> dict[str, Any]:
  """What the scores depend on."""
  made_by = provenance_lib.of_run(run_config.scored(config))
  made_by['versions'] |= detector.packages
  if config.method != run_config.NETWORK:
    made_by |= {'device': detector.device, 'devices': 1}
  return {
      'method': config.method,
      'detector': detector.provenance,
      'prepared': content['split_digest'],
      'step': detector.provenance.get('step'),
      **made_by,
  }


def _score_part(
    config: ml_collections.ConfigDict,
    prepared: str,
    detector: localizer_lib.Localizer,
    kept: pathlib.Path,
    workers: int | None,
    part: str,
) -> tuple[list[spec.Record], list[image_scores.Scored]]:
  """Scores the images of a part that have a mask, in their order.

  Args:
    config: Settings.
    prepared: Folder of the prepared set.
    detector: What makes the maps.
    kept: Folder for what is found in each image.
    workers: Processes.
    part: `val` or `test`.
  """
  records = [
      record
      for record in manifest.list_records(prepared, part, config.data.root)
      if record.mask is not None
  ]
  if not records:
    raise spec.DataError(
        f'{prepared} has no image with a mask in its part {part!r}; prepare a'
        ' set with manipulated images in validation and test.'
    )
  paths = [kept / f'{part}-{i}.npz' for i in range(len(records))]
  found = [image_scores.load(path) for path in paths]
  missing = [i for i, one in enumerate(found) if one is None]
  one = functools.partial(
      image_scores.score, job=manifest.read_job(prepared), detector=detector
  )
  if missing:
    with worker_pool.ordered_map(workers) as run:
      scored = run(one, [records[i] for i in missing])
      shown = _shown(part, scored, missing)
      for i, result in zip(missing, shown, strict=True):
        image_scores.save(paths[i], result)
        found[i] = result
  return records, found


def _shown(part: str, scored: Iterable, missing: list[int]) -> Iterator:
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(
      scored, f'{part} images', len(missing), unit='image', disable=None
  )


def _pooled(
    found: Iterable[image_scores.Scored],
) -> tuple[np.ndarray, np.ndarray]:
  """Adds up histograms: bins that hold pixels, i32[n], and i64[2, n]."""
  total = np.zeros((2, image_scores.BINS), np.int64)
  for one in found:
    total[:, one.bins] += one.counts
  bins = np.flatnonzero(total.any(axis=0))
  return bins, total[:, bins]


def _result(
    records: list[spec.Record],
    found: list[image_scores.Scored],
    edge: int,
    is_probability: bool,
) -> dict[str, Any]:
  """What a result file says of the images of a part.

  Args:
    records: The images.
    found: What is known of each.
    edge: Bin from which on F1 is best on validation.
    is_probability: Whether scores at the threshold 0.5 mean anything.
  """
  bins, pooled = _pooled(found)
  negatives, positives = pooled.sum(axis=1)
  values = {
      'pixel_auc_pooled': histogram.auc(pooled),
      'pixel_auc_image_mean': _mean([one.auc for one in found]),
      'pixel_average_precision_pooled': histogram.average_precision(pooled),
      'pixel_f1_oracle_pooled': float(histogram.f1_curve(pooled).max()),
      'pixel_f1_at_val_threshold_pooled': histogram.at_edge(
          pooled, np.searchsorted(bins, edge)
      )['f1'],
  }
  if is_probability:
    values |= _at_half(bins, pooled, found)
  kinds = np.array([record.manipulation for record in records])
  by_manipulation = {}
  for kind in sorted(set(kinds)):
    part = [found[i] for i in np.flatnonzero(kinds == kind)]
    by_manipulation[str(kind)] = {
        'images': len(part),
        'pixel_auc_pooled': histogram.auc(_pooled(part)[1]),
        'pixel_auc_image_mean': _mean([one.auc for one in part]),
    }
  trivial = histogram.trivial(positives, negatives)
  applicable = [one for one in found if not one.reason]
  return {
      'scores': values,
      'trivial': {
          name: {f'pixel_{k}': v for k, v in row.items()}
          for name, row in trivial.items()
      },
      'counts': {
          'images': len(found),
          'images_of_both_classes': sum(
              bool(one.counts.any(axis=1).all()) for one in found
          ),
          'pixels_pristine': int(negatives),
          'pixels_manipulated': int(positives),
      },
      'not_applicable': {
          'images': len(found) - len(applicable),
          'scored_as': 'constant map',
          'reasons': [one.reason for one in found if one.reason],
      },
      # The first image of a process waits for imports and compilation.
      'seconds_per_megapixel': _median(
          [1e6 * one.seconds / one.pixels for one in applicable]
      ),
      'by_manipulation': by_manipulation,
      'auc_bound': {'pixel_pooled': histogram.auc_bound(pooled)},
      'roc': {'pixel': summary.thinned(histogram.roc(pooled))},
      'val_threshold': image_scores.edge(edge),
  }


def _at_half(
    bins: np.ndarray,
    pooled: np.ndarray,
    found: Iterable[image_scores.Scored],
) -> summary.Scores:
  half = histogram.at_edge(pooled, np.searchsorted(bins, _HALF))
  each = [
      histogram.at_edge(one.counts, np.searchsorted(one.bins, _HALF))['f1']
      for one in found
      if one.counts[1].any()
  ]
  return {
      'pixel_accuracy': half['accuracy'],
      'pixel_accuracy_balanced': half['accuracy_balanced'],
      'pixel_f1_at_half_pooled': half['f1'],
      'pixel_f1_at_half_image_mean': _mean(each),
      'pixel_iou_at_half_pooled': half['iou'],
      'pixel_mcc_at_half_pooled': half['mcc'],
  }


def _mean(values: list[float]) -> float:
  """Mean of the values that are defined."""
  values = [value for value in values if not np.isnan(value)]
  return float(np.mean(values)) if values else float('nan')


def _median(values: list[float]) -> float:
  return float(np.median(values)) if values else float('nan')
