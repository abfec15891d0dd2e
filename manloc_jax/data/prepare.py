"""Prepares an image tree: splits it, samples patches and writes them.

Two passes, so that memory stays bounded: the first decodes the masks, counts
candidates and keeps each mask packed; the second decodes the images and samples
what the balance of each split allows. Every file is decoded once. Only where
the second pass finds broken images, which change the split, is it done again
without them.
"""

from collections.abc import Iterable
import functools
import logging
import pathlib
from typing import Any, Protocol

from manloc_jax.data import datasets
from manloc_jax.data import preparation_plan
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import split_patches
from manloc_jax.data import worker_pool
from manloc_jax.data.sampling import extract
from manloc_jax.data.storage import backend as backend_lib
from manloc_jax.data.storage import folders
from manloc_jax.data.storage import manifest


class Passes(Protocol):
  """The two passes over the images, or their stored results."""

  def examine(self, records: list[spec.Record]) -> Iterable[extract.Examined]:
    """Returns the result of each image, see `extract.examine`."""

  def sample(
      self, name: str, requests: list[extract.Request]
  ) -> Iterable[extract.Sample]:
    """Returns the patches of each image of a split, see `extract.sample`."""


class _MappedPasses:
  """Both passes over worker processes."""

  def __init__(self, job: extract.Job, run: worker_pool.Map):
    self._job = job
    self._run = run

  def examine(self, records: list[spec.Record]) -> Iterable[extract.Examined]:
    return self._run(functools.partial(extract.examine, job=self._job), records)

  def sample(
      self, name: str, requests: list[extract.Request]
  ) -> Iterable[extract.Sample]:
    del name
    return self._run(functools.partial(extract.sample, job=self._job), requests)


def prepare(
    *,
    workers: int | None = None,
    engine: worker_pool.Engine = worker_pool.ordered_map,
    **options: Any,
) -> pathlib.Path:
  """Prepares a dataset for training and evaluation, unless that was done.

  The result is a folder with the splits `train`, `val` and `test`, patches of
  the paper's sampler, and `test_grid`: every native window of the test
  images, 64 pixels apart, at its natural prevalence. It holds the same bytes
  for any number of workers, and appears complete or not at all.

  Args:
    workers: Processes; one per core by default.
    engine: Where the processes run.
    **options: Of `preparation_plan.make`.

  Returns:
    The prepared folder.

  Raises:
    DataError: There are no images, an argument is invalid, the list does not
      fit the images, or the disk is full.
  """
  plan = preparation_plan.make(**options)
  if plan.folder.exists():
    logging.info('%s is up to date.', plan.folder)
    return plan.folder
  with engine(workers) as run:
    build(plan, _MappedPasses(plan.job, run))
  return plan.folder


def build(plan: preparation_plan.Plan, passes: Passes) -> None:
  """Makes the prepared folder.

  Args:
    plan: Of `preparation_plan.make`.
    passes: Give the patches.

  Raises:
    DataError: There are no images, or the disk is full.
  """
  with (
      folders.refusing_full_disk(plan.folder.parent),
      folders.atomic(plan.folder) as partial,
  ):
    _write(partial, plan, passes)


def _write(
    folder: pathlib.Path, plan: preparation_plan.Plan, passes: Passes
) -> None:
  """Writes the patches, the metadata and the manifest into a folder."""
  examined = {
      result.image_id: result
      for result in progress.progress(
          passes.examine(plan.records), 'examining', len(plan.records)
      )
  }
  is_whole = False
  while not is_whole:
    left_out, split = plan.left_out(examined), plan.split(examined)
    contents: dict[str, dict[str, Any]] = {}
    for name, records in split.items():
      requests = split_patches.requests(name, records, examined, plan.job)
      ids = [record.image_id for record in records]
      samples = passes.sample(name, requests)
      writers = split_patches.write(
          folder, name, requests, ids, plan.settings, examined, samples
      )
      about = manifest.describe(records, examined, plan.root)
      for written, writer in writers.items():
        contents[written] = {
            **writer.counts(), **about, 'shards': writer.shards
        }
    # Sampling may find more broken images, and then is done without them.
    is_whole = len(plan.left_out(examined)) == len(left_out)
  backend_lib.write_metadata(
      folder, datasets.get(plan.job.dataset), contents, plan.settings
  )
  manifest.write(
      folder,
      root=plan.root,
      settings=plan.settings,
      split={
          name: [record.image_id for record in records]
          for name, records in split.items()
      },
      examined=examined.values(),
      rejected=left_out,
      contents=contents,
  )
