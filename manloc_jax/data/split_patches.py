"""Chooses, samples and writes the patches of one split."""

from collections.abc import Iterable
import contextlib
import dataclasses
import pathlib
from typing import Any

import numpy as np

from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data.sampling import balance
from manloc_jax.data.sampling import extract
from manloc_jax.data.storage import split_writer


def requests(
    name: str,
    records: list[spec.Record],
    examined: dict[str, extract.Examined],
    job: extract.Job,
) -> list[extract.Request]:
  """Decides how many patches of each label each image of a split gives.

  Args:
    name: The split.
    records: Its images.
    examined: The results of examining each image, by id.
    job: What all images have in common.

  Returns:
    A request for each image.
  """
  is_test = name != 'train'
  results = [examined[record.image_id] for record in records]
  counts = np.array([r.test if is_test else r.train for r in results])
  positives, negatives = balance.balance(
      counts[:, 0], counts[:, 1], job.sampler
  )
  made = [
      extract.Request(
          record,
          result,
          (num_positives, num_negatives),
          is_test,
          grid=name == 'test',
      )
      for record, result, num_positives, num_negatives in zip(
          records, results, positives.tolist(), negatives.tolist(), strict=True
      )
  ]
  if not is_test:
    # In random order, so that even a shuffle buffer smaller than the split
    # mixes images from all over it.
    order = np.random.default_rng(job.seed).permutation(len(made))
    made = [made[i] for i in order]
  return made


def write(
    folder: pathlib.Path,
    name: str,
    requests: list[extract.Request],
    ids: list[str],
    settings: dict[str, Any],
    examined: dict[str, extract.Examined],
    samples: Iterable[extract.Sample],
) -> dict[str, split_writer.CountingWriter]:
  """Writes a split, with `test` also `test_grid`.

  Args:
    folder: The prepared folder.
    name: The split.
    requests: Of `requests`.
    ids: Its images; patches hold an index into them.
    settings: The `settings` of the manifest.
    examined: The results of examining each image, by id; notes and errors of
      decoding are added.
    samples: The patches of each request.

  Returns:
    The closed writer of each split.
  """
  shown = progress.progress(samples, name, len(requests))
  names = (name, 'test_grid') if name == 'test' else (name,)
  with contextlib.ExitStack() as stack:
    writers = {
        written: stack.enter_context(
            split_writer.CountingWriter(folder, written, ids, settings)
        )
        for written in names
    }
    for request, sampled in zip(requests, shown, strict=True):
      image_id = request.record.image_id
      if sampled.reason:
        examined[image_id] = extract.Examined(image_id, reason=sampled.reason)
        continue
      examined[image_id] = dataclasses.replace(
          examined[image_id], note=sampled.note
      )
      assert sampled.cut is not None, 'Without a reason there are patches.'
      writers[name].write(image_id, sampled.cut)
      if request.grid:
        assert sampled.grid is not None, 'They were asked for.'
        writers['test_grid'].write(image_id, sampled.grid)
  return writers
