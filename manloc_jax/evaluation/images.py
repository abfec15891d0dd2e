"""Scores networks and classical methods on whole images at native resolution.

The protocol `whole image` counts each pixel of the manipulated images of a
split once, with the scores of `manloc localize`. Where a method is not
applicable its map is constant, and the image counts all the same. No map is
inverted: an AUC below one half stays there. Scores are named as those of
patches are.
"""

from collections.abc import Iterable, Iterator
import functools
import pathlib
import shutil
import time
from typing import Any

import ml_collections
import numpy as np
import tqdm

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance as provenance_lib
from manloc_jax import run_config
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import prepared_set
from manloc_jax.evaluation import image_scores
from manloc_jax.evaluation import result_files
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.metrics import histogram
from manloc_jax.metrics import summary
from manloc_jax.training import processes

PROTOCOL = 'whole image'
_VISIBLE_SECONDS = 60.0  # Until a shared file system shows a file everywhere.
_HALF = int(image_scores.bin_of(np.array(0.5)))


def evaluate(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    workdir: str,
    localizer: localizer_lib.Localizer,
    workers: int | None = None,
) -> list[pathlib.Path]:
  """Scores a localizer on the whole images of `eval.splits`.

  The scores of each image are written as soon as they are known, so that an
  evaluation that was stopped continues with the next image, and several
  processes share the images. At the end these files are removed; those of
  another config or localizer stay.

  Args:
    config: The config; those of `eval.splits` that are in
      `manifest.WHOLE_IMAGES`, or else `test_images`, are scored.
    prepared: The prepared set, whose images are read from `data.root`.
    workdir: The run's folder; `results/<split>.json` is written there.
    localizer: Makes the score maps.
    workers: Processes of a classical method; one per core by default.

  Returns:
    The JSON files; those of the same localizer, images, config and versions
    are left as they are. One that is replaced is kept, see `result_files.keep`.

  Raises:
    UserError: Images have changed or gone.
  """
  provenance = _provenance(config, prepared, localizer)
  results = pathlib.Path(workdir) / 'results'
  whole = manifest.WHOLE_IMAGES
  asked = [split for split in config.eval.splits if split in whole]
  written = [results / f'{split}.json' for split in asked or ['test_images']]
  if processes.of_first(
      all(provenance_lib.is_current(path, provenance) for path in written)
  ):
    return written
  cache = results / f'images-{provenance_lib.sha256_of_json(provenance)[:12]}'
  files.make_folder(cache, pathlib.Path(workdir))
  if not localizer.runs_in_workers:
    workers = 1  # The devices are in this process.
  score_split = functools.partial(
      _score_split, config, prepared, localizer, cache, workers
  )
  _, validation = score_split('val')
  bins, pooled = _pooled(validation)
  edge = int(bins[histogram.f1_curve(pooled).argmax()])
  for path in written:
    records, scored = score_split(whole[path.stem])
    result = {
        'split': path.stem,
        'protocol': PROTOCOL,
        **_result(records, scored, edge, localizer.is_probability),
        'data': prepared.facts(whole[path.stem]),
        'training': {},
        **provenance,
    }
    if processes.is_first():
      result_files.write(path, result)
  processes.wait_for_all()
  if processes.is_first():
    shutil.rmtree(cache)
  return written


def _provenance(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    localizer: localizer_lib.Localizer,
) -> dict[str, Any]:
  """Returns what the scores depend on."""
  made_by = provenance_lib.of_run(run_config.scored(config))
  made_by['versions'] |= localizer.packages
  if config.method != run_config.NETWORK:
    made_by |= {'device': localizer.device, 'devices': 1}
  return {
      'method': config.method,
      'detector': localizer.provenance,
      'prepared': prepared.digest,
      'step': localizer.provenance.get('step'),
      **made_by,
  }


def _score_split(
    config: ml_collections.ConfigDict,
    prepared: prepared_set.PreparedSet,
    localizer: localizer_lib.Localizer,
    cache: pathlib.Path,
    workers: int | None,
    split: str,
) -> tuple[list[spec.Record], list[image_scores.Scored]]:
  """Scores the images of a split that have a mask, in their order.

  Args:
    config: The config.
    prepared: The prepared set.
    localizer: Makes the score maps.
    cache: Folder for the scores of each image.
    workers: Processes.
    split: `val` or `test`.

  Returns:
    The images, and the scores of each.

  Raises:
    DataError: There is no image with a mask, or a file has changed.
  """
  records = [
      record
      for record in prepared.records(
          split,
          config.data.root,
          config.data.get('allow_outside', False),
      )
      if record.mask is not None
  ]
  if not records:
    raise spec.DataError(
        f'{prepared.folder} has no image with a mask in its split {split!r};'
        ' prepare a set with manipulated images in validation and test.'
    )
  paths = [cache / f'{split}-{i}.npz' for i in range(len(records))]
  missing = [
      i
      for i in processes.own_share(range(len(records)))
      if image_scores.load(paths[i]) is None
  ]
  score = functools.partial(
      image_scores.score, job=prepared.job, localizer=localizer
  )
  if missing:
    with worker_pool.ordered_map(workers) as run:
      fresh = run(score, [records[i] for i in missing])
      monitored = _with_bar(split, fresh, missing)
      for i, result in zip(missing, monitored, strict=True):
        image_scores.save(paths[i], result)
  processes.wait_for_all()
  return records, [_load(path) for path in paths]


def _load(path: pathlib.Path) -> image_scores.Scored:
  """Reads the scores of an image, which another process may have written.

  Raises:
    UserError: They cannot be seen from here.
  """
  end = time.monotonic() + _VISIBLE_SECONDS
  while (scored := image_scores.load(path)) is None:
    if time.monotonic() > end:
      raise errors.UserError(
          f'The scores {path} of another process cannot be read here; put'
          ' --workdir on a file system that all processes share.'
      )
    time.sleep(1)
  return scored


def _with_bar(split: str, scored: Iterable, missing: list[int]) -> Iterator:
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(
      scored, f'{split} images', len(missing), unit='image', disable=None
  )


def _pooled(
    scored: Iterable[image_scores.Scored],
) -> tuple[np.ndarray, np.ndarray]:
  """Adds up histograms: bins that hold pixels, i32[n], and i64[2, n]."""
  total = np.zeros((2, image_scores.BINS), np.int64)
  for image in scored:
    total[:, image.bins] += image.counts
  bins = np.flatnonzero(total.any(axis=0))
  return bins, total[:, bins]


def _result(
    records: list[spec.Record],
    scored: list[image_scores.Scored],
    edge: int,
    is_probability: bool,
) -> dict[str, Any]:
  """Computes the scores and baselines of a result file.

  Args:
    records: The images.
    scored: The scores of each.
    edge: The bin whose lower edge is the threshold of the best F1 on the
      validation split.
    is_probability: Whether the threshold 0.5 means anything.
  """
  bins, pooled = _pooled(scored)
  negatives, positives = pooled.sum(axis=1)
  aucs = [image.auc for image in scored]
  half = int(np.searchsorted(bins, _HALF)) if is_probability else None
  scores = summary.pixel_scores(pooled, half, aucs, _f1s_at_half(scored))
  at_edge = histogram.at_edge(pooled, int(np.searchsorted(bins, edge)))
  scores['pixel_f1_at_val_threshold_pooled'] = at_edge['f1']
  applicable = [image for image in scored if not image.reason]
  return {
      'scores': scores,
      'trivial': summary.trivial_scores('pixel', negatives, positives),
      'counts': {
          'images': len(scored),
          'images_of_both_classes': sum(
              bool(image.counts.any(axis=1).all()) for image in scored
          ),
          'pixels_pristine': int(negatives),
          'pixels_manipulated': int(positives),
      },
      'not_applicable': {
          'images': len(scored) - len(applicable),
          'scored_as': 'constant map',
          'reasons': [image.reason for image in scored if image.reason],
      },
      # The first image of a process waits for imports and compilation.
      'seconds_per_megapixel': _median(
          [1e6 * image.seconds / image.pixels for image in applicable]
      ),
      'by_manipulation': summary.by_manipulation(
          [record.manipulation for record in records],
          aucs,
          lambda indices: _pooled(scored[i] for i in indices)[1],
      ),
      'auc_bound': {'pixel_pooled': histogram.auc_bound(pooled)},
      'roc': {'pixel': summary.thinned(histogram.roc(pooled))},
      'val_threshold': image_scores.edge(edge),
  }


def _f1s_at_half(scored: Iterable[image_scores.Scored]) -> list[float]:
  """Returns F1 at 0.5 of each image with manipulated pixels."""
  manipulated = [image for image in scored if image.counts[1].any()]
  edges = [int(np.searchsorted(x.bins, _HALF)) for x in manipulated]
  return [
      histogram.at_edge(image.counts, edge)['f1']
      for image, edge in zip(manipulated, edges, strict=True)
  ]


def _median(values: list[float]) -> float:
  return float(np.median(values)) if values else float('nan')
