"""Prepares an image tree shard by shard, as the jobs of an array do.

Shard i of n is a function of the image tree, the settings, i and n alone. The
jobs need no engine and do not talk to each other: each leaves files in a folder
beside the prepared one, which all of them see. The array runs twice, first to
examine the images and then to sample their patches, for how many patches an
image gives depends on all others. `merge` then writes the prepared folder, with
the bytes that `prepare.prepare` writes. Where images turn out to be broken,
which changes the split, the array has to run once more.

A file that is there is not made again, so that any job can be repeated.
"""

from collections.abc import Sequence
import dataclasses
import functools
import pathlib
import shutil
from typing import TypeVar

from manloc_jax import files
from manloc_jax.data import argument_checks
from manloc_jax.data import preparation_plan
from manloc_jax.data import prepare
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import split_patches
from manloc_jax.data import worker_pool
from manloc_jax.data.sampling import extract
from manloc_jax.data.storage import folders
from manloc_jax.data.storage import shard_files

_Item = TypeVar('_Item')


def work(
    plan: preparation_plan.Plan, index: int, count: int, run: worker_pool.Map
) -> str:
  """Does what can be done now of a shard.

  Args:
    plan: Of `preparation_plan.make`.
    index: The shard, from 0 on.
    count: How many there are.
    run: A map over worker processes.

  Returns:
    What was done, and what comes next.

  Raises:
    DataError: There are no images or no such shard, or the disk is full.
  """
  argument_checks.check_count('The number of shards', count, index + 1)
  stored = shard_files.ShardFiles(plan.folder, count)
  with folders.refusing_full_disk(plan.folder.parent):
    stored.folder.mkdir(parents=True, exist_ok=True)
    path = stored.examined_path(index)
    if not path.exists():
      _examine(path, plan.job, _take(plan.records, index, count), run)
    if missing := stored.not_examined():
      return (
          f'Shard {index} of {count} is examined, and {len(missing)} others are'
          f' not yet, such as {missing[0]}; when all are, run all again.'
      )
    examined = {x.image_id: x for x in stored.examine(plan.records)}
    return _sample_all(plan, stored, index, examined, run)


def _sample_all(
    plan: preparation_plan.Plan,
    stored: shard_files.ShardFiles,
    index: int,
    examined: dict[str, extract.Examined],
    run: worker_pool.Map,
) -> str:
  """Samples a shard, and again without images that the others found broken.

  Returns:
    What was done, and what comes next.
  """
  while True:
    broken: dict[str, extract.Examined] = {}
    missing: set[int] = set()
    for name, records in plan.split(examined).items():
      requests = split_patches.requests(name, records, examined, plan.job)
      folder = stored.sampled_path(name, requests, index)
      if not folder.exists():
        own = _take(requests, index, stored.count)
        _sample(folder, name, plan.job, own, run)
      missing |= set(stored.not_sampled(name, requests))
      broken |= stored.broken(name, requests)
    if missing:
      return (
          f'Shard {index} of {stored.count} is sampled, and {len(missing)}'
          f' others are not yet, such as {min(missing)}; when all are, merge'
          ' them.'
      )
    if not broken:
      return f'All {stored.count} shards are sampled; merge them.'
    examined |= broken


def merge(plan: preparation_plan.Plan, count: int) -> None:
  """Makes the prepared folder from all shards, and removes these.

  Args:
    plan: Of `preparation_plan.make`.
    count: How many shards there are.

  Raises:
    DataError: A shard is missing or damaged, or the disk is full.
  """
  stored = shard_files.ShardFiles(plan.folder, count)
  prepare.build(plan, stored)
  shutil.rmtree(stored.folder)


def _take(items: Sequence[_Item], index: int, count: int) -> Sequence[_Item]:
  """Returns the items of a shard, which follow each other."""
  total = len(items)
  return items[total * index // count : total * (index + 1) // count]


def _examine(
    path: pathlib.Path,
    job: extract.Job,
    records: Sequence[spec.Record],
    run: worker_pool.Map,
) -> None:
  """Examines images; the masks, which take most space, are not kept."""
  examine = functools.partial(_examine_without_mask, job=job)
  results = run(examine, records)
  shown = progress.progress(results, 'examining', len(records))
  files.write_json(path, [shard_files.as_json(result) for result in shown])


def _examine_without_mask(
    record: spec.Record, job: extract.Job
) -> extract.Examined:
  return dataclasses.replace(extract.examine(record, job), mask=b'')


def _sample(
    folder: pathlib.Path,
    name: str,
    job: extract.Job,
    requests: Sequence[extract.Request],
    run: worker_pool.Map,
) -> None:
  """Writes the patches of a shard of a split into a new folder."""
  samples = run(functools.partial(_sample_with_mask, job=job), requests)
  shown = progress.progress(samples, name, len(requests))
  with folders.atomic(folder) as partial:
    shard_files.write_samples(partial, requests, shown)


def _sample_with_mask(
    request: extract.Request, job: extract.Job
) -> extract.Sample:
  """Samples patches of an image whose mask was not kept."""
  mask = extract.examine(request.record, job).mask
  examined = dataclasses.replace(request.examined, mask=mask)
  return extract.sample(dataclasses.replace(request, examined=examined), job)
