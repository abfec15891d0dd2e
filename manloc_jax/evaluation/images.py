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
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import image_scores
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary

PROTOCOL = 'whole image'
_HALF = int(image_scores.bin_of(np.array(0.5)))


def evaluate(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
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
    prepared: The prepared set, whose images are read from `data.root`.
    workdir: The run's folder; `results/<split>.json` is written there.
    detector: What makes the maps.
    workers: Processes of a classical method; one per core by default.

  Returns:
    The JSON files; those of the same detector, images, settings and versions
    are left as they are.

  Raises:
    UserError: Images have changed or gone.
  """
  provenance = _provenance(config, prepared, detector)
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
        'data': prepared.facts(parts[path.stem]),
        'training': {},
        **provenance,
    }
    files.write_json(path, result)
  shutil.rmtree(kept)
  return written


def _provenance(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
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
      'prepared': prepared.digest,
      'step': detector.provenance.get('step'),
      **made_by,
  }


def _score_part(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    detector: localizer_lib.Localizer,
    kept: pathlib.Path,
    workers: int | None,
    part: str,
) -> tuple[list[spec.Record], list[image_scores.Scored]]:
  """Scores the images of a part that have a mask, in their order.

  Args:
    config: Settings.
    prepared: The prepared set.
    detector: What makes the maps.
    kept: Folder for what is found in each image.
    workers: Processes.
    part: `val` or `test`.
  """
  records = [
      record
      for record in prepared.records(part, config.data.root)
      if record.mask is not None
  ]
  if not records:
    raise spec.DataError(
        f'{prepared.folder} has no image with a mask in its split {part!r};'
        ' prepare a set with manipulated images in validation and test.'
    )
  paths = [kept / f'{part}-{i}.npz' for i in range(len(records))]
  found = [image_scores.load(path) for path in paths]
  missing = [i for i, one in enumerate(found) if one is None]
  one = functools.partial(
      image_scores.score, job=prepared.job, detector=detector
  )
  if missing:
    with worker_pool.ordered_map(workers) as run:
      scored = run(one, [records[i] for i in missing])
      shown = _shown(part, scored, missing)
      for i, result in zip(missing, shown, strict=True):
        image_scores.save(paths[i], result)
        found[i] = result
  return records, [one for one in found if one is not None]


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
  aucs = [one.auc for one in found]
  half = int(np.searchsorted(bins, _HALF)) if is_probability else None
  scores = summary.pixel_scores(pooled, half, aucs, _f1s_at_half(found))
  at_edge = histogram.at_edge(pooled, int(np.searchsorted(bins, edge)))
  scores['pixel_f1_at_val_threshold_pooled'] = at_edge['f1']
  applicable = [one for one in found if not one.reason]
  return {
      'scores': scores,
      'trivial': summary.trivial_scores('pixel', negatives, positives),
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
      'by_manipulation': summary.by_manipulation(
          [record.manipulation for record in records],
          aucs,
          lambda indices: _pooled(found[i] for i in indices)[1],
      ),
      'auc_bound': {'pixel_pooled': histogram.auc_bound(pooled)},
      'roc': {'pixel': summary.thinned(histogram.roc(pooled))},
      'val_threshold': image_scores.edge(edge),
  }


def _f1s_at_half(found: Iterable[image_scores.Scored]) -> list[float]:
  """Returns F1 at 0.5 of each image with manipulated pixels."""
  return [
      histogram.at_edge(one.counts, int(np.searchsorted(one.bins, _HALF)))['f1']
      for one in found
      if one.counts[1].any()
  ]


def _median(values: list[float]) -> float:
  return float(np.median(values)) if values else float('nan')
