"""Image tree to data files and a manifest: split, sample, write, once.

Two passes, so that memory stays bounded: the first decodes the masks, counts
candidates and keeps each mask packed; the second decodes the images and draws
what the balance of each part allows. Every file is decoded once. Only where
the second pass finds broken images, which change the split, is it done again
without them.
"""

import collections
from collections.abc import Collection, Iterable
import contextlib
import dataclasses
import functools
import logging
import pathlib

import numpy as np
import tqdm

from manloc_jax.data import arguments
from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import split_list as split_list_lib
from manloc_jax.data.splits import splits
from manloc_jax.data.storage import backend as backend_lib
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import folders
from manloc_jax.data.storage import manifest
from manloc_jax.data.storage import split_writer as split_writer_lib


def prepare(
    *,
    dataset: str,
    root: str | pathlib.Path,
    out: str | pathlib.Path,
    seed: int,
    split_rule: str = rules.DEFAULT,
    split_list: str | pathlib.Path | None = None,
    fractions: tuple[float, float, float] = rules.FRACTIONS,
    sampler: patches.Sampler | None = None,
    use_pristine: bool = False,
    size_mismatch: str = 'skip',
    backend: str = backend_names.TFRECORD,
    num_shards: int = 4,
    workers: int | None = None,
) -> pathlib.Path:
  """Prepares a dataset for training and evaluation, unless that is done.

  The result is a folder with the parts `train`, `val` and `test`, drawn by
  the paper's sampler, and `test_grid`: every native window of the test
  images, 64 pixels apart, at its natural prevalence. It holds the same bytes
  for any number of workers, and appears complete or not at all.

  Args:
    dataset: Key of `datasets.DATASETS`.
    root: Folder of the image tree.
    out: Folder under which the prepared folder is made. Its name holds a hash
      of the settings and of the names, sizes and times of the image files.
    seed: Fixes the split and the patches.
    split_rule: `random` by image (paper), `group` by photograph, `given` by
      the dataset itself, or `list`.
    split_list: The file of the rule `list`; see `split_list.py`.
    fractions: Shares of train, val and test; `given` and `list` ignore them.
    sampler: How patches are drawn; None for the defaults.
    use_pristine: Whether images without a mask give pristine patches.
    size_mismatch: `skip`, `resize` or `error`; see `extract.Job`.
    backend: Key of `backend_names.BACKENDS`.
    num_shards: Files per split of `tfrecord`; others have one per field.
    workers: Processes; one per core by default.

  Returns:
    The prepared folder.

  Raises:
    DataError: No images, unusable settings, a list that does not fit the
      images, or a full disk.
  """
  root, out = pathlib.Path(root), pathlib.Path(out)
  _check_choice('split_rule', split_rule, rules.ALL_RULES)
  _check_list(split_rule, split_list)
  _check_choice('backend', backend, backend_names.BACKENDS)
  if split_rule not in ('given', 'list'):
    arguments.check_fractions(fractions)
  arguments.check_count('--config.data.num_shards', num_shards)
  sampler = sampler or patches.Sampler()
  job = extract.Job(dataset, sampler, size_mismatch, seed)
  settings = {
      **dataclasses.asdict(job),
      'split_rule': split_rule,
      'fractions': tuple(fractions),
      'use_pristine': use_pristine,
      'source': backend_names.BACKENDS[backend],
      'num_shards': num_shards,
  }
  listed = None
  if split_rule == 'list':
    listed = split_list_lib.read(split_list, dataset)
    settings['split_list'] = splits.digest(listed)
  records, rejected, listed = _find(dataset, root, use_pristine, listed)
  key = manifest.fingerprint(settings, records, rejected, root)
  folder = out / f'{dataset}-{split_rule}-{key[:12]}'
  if folder.exists():
    logging.info('%s is up to date.', folder)
    return folder
  with (
      folders.refusing_full_disk(out),
      folders.atomic(folder) as partial,
      worker_pool.ordered_map(workers) as run,
  ):
    _build(partial, root, records, rejected, settings, job, listed, run)
  return folder


def _find(
    dataset: str,
    root: pathlib.Path,
    use_pristine: bool,
    listed: dict[str, list[str]] | None,
) -> tuple[
    list[spec.Record], list[spec.Rejected], dict[str, list[str]] | None
]:
  """Lists the images to use, by name, the files left out, and their split."""
  found, rejected = datasets.get(dataset).find_records(root)
  records = [one for one in found if use_pristine or one.mask is not None]
  records = sorted(records, key=lambda record: record.image_id)
  _check_ids(records)
  if listed is not None:
    listed = split_list_lib.fit(listed, records, found)
  return records, rejected, listed


def _build(
    folder: pathlib.Path,
    root: pathlib.Path,
    found: list[spec.Record],
    rejected: list[spec.Rejected],
    settings: dict,
    job: extract.Job,
    listed: dict[str, list[str]] | None,
    run: worker_pool.Map,
) -> None:
  """Fills an empty folder."""
  look = functools.partial(extract.examine, job=job)
  examined = {
      one.image_id: one
      for one in _progress('examining', run(look, found), len(found))
  }
  usable = None
  while usable is None or _broken(usable, examined):
    usable = [r for r in found if not examined[r.image_id].reason]
    left_out = rejected + _broken(found, examined)
    _check_any(usable, left_out, root)
    if listed is not None:
      split = splits.listed_split(usable, listed)
    else:
      split = splits.split_by_rule(
          settings['split_rule'], usable, job.seed, settings['fractions']
      )
    by_id = {record.image_id: record for record in usable}
    parts = {}
    for name, ids in split.items():
      members = [by_id[image_id] for image_id in ids]
      orders = _orders(name, members, examined, job)
      done = _write(folder, name, orders, ids, settings, examined, job, run)
      about = manifest.describe(members, examined, root)
      for part, writer in done.items():
        parts[part] = {**writer.counts(), **about, 'shards': writer.shards}
  backend_lib.write_metadata(
      folder, datasets.get(job.dataset), parts, settings
  )
  manifest.write(
      folder,
      root=root,
      settings=settings,
      split=split,
      examined=examined.values(),
      rejected=left_out,
      parts=parts,
  )


def _orders(
    name: str,
    members: list[spec.Record],
    examined: dict[str, extract.Examined],
    job: extract.Job,
) -> list[extract.Request]:
  """Says how many patches of each label each image of a part gives."""
  is_test = name != 'train'
  seen = [examined[record.image_id] for record in members]
  counts = np.array([one.test if is_test else one.train for one in seen])
  positives, negatives = patches.balance(*counts.T, job.sampler)
  orders = [
      extract.Request(record, one, quota, is_test, grid=name == 'test')
      for record, one, *quota in zip(
          members, seen, positives.tolist(), negatives.tolist(), strict=True
      )
  ]
  if not is_test:
    # On disk in random order, so that even a shuffle buffer smaller than the
    # part mixes images from all over it.
    order = np.random.default_rng(job.seed).permutation(len(orders))
    orders = [orders[i] for i in order]
  return orders


def _write(
    folder: pathlib.Path,
    name: str,
    orders: list[extract.Request],
    ids: list[str],
    settings: dict,
    examined: dict[str, extract.Examined],
    job: extract.Job,
    run: worker_pool.Map,
) -> dict[str, split_writer_lib.PartWriter]:
  """Draws and writes a part, with `test` also `test_grid`.

  What decoding tells of the images is added to `examined`.

  Returns:
    The closed writer of each part.
  """
  draw = functools.partial(extract.sample, job=job)
  drawn = _progress(name, run(draw, orders), len(orders))
  names = (name, 'test_grid') if name == 'test' else (name,)
  with contextlib.ExitStack() as stack:
    parts = {
        part: stack.enter_context(
            split_writer_lib.PartWriter(folder, part, ids, settings)
        )
        for part in names
    }
    for order, found in zip(orders, drawn, strict=True):
      image_id = order.record.image_id
      if found.reason:
        examined[image_id] = extract.Examined(image_id, reason=found.reason)
        continue
      examined[image_id] = dataclasses.replace(
          examined[image_id], note=found.note
      )
      parts[name].write(image_id, found.cut)
      if order.grid:
        parts['test_grid'].write(image_id, found.grid)
  return parts


def _broken(
    records: list[spec.Record], examined: dict[str, extract.Examined]
) -> list[spec.Rejected]:
  return [
      spec.Rejected(str(record.image), examined[record.image_id].reason)
      for record in records
      if examined[record.image_id].reason
  ]


def _check_choice(name: str, value: str, choices: Collection[str]) -> None:
  if value not in choices:
    raise spec.DataError(
        f'--config.data.{name} is {value!r}; choose one of '
        f'{", ".join(choices)}.'
    )


def _check_list(split_rule: str, split_list) -> None:
  if split_list and split_rule != 'list':
    raise spec.DataError(
        f'The list {split_list} is given, but images are split by the rule'
        f' {split_rule!r}; choose --rule=list (manloc) or'
        ' --config.data.split_rule=list, or leave the list out.'
    )


def _check_any(
    usable: list[spec.Record],
    rejected: list[spec.Rejected],
    root: pathlib.Path,
) -> None:
  if not usable and rejected:
    raise spec.DataError(
        f'All {len(rejected)} images under {root} had to be left out; the '
        f'first is {rejected[0].path}: {rejected[0].reason}'
    )
  if not usable:
    raise spec.DataError(f'There are no images under {root}; check the path.')


def _check_ids(found: list[spec.Record]) -> None:
  counts = collections.Counter(record.image_id for record in found)
  name, count = max(counts.items(), key=lambda item: item[1], default=('', 1))
  if count > 1:
    raise spec.DataError(
        f'{count} images are called {name}; rename all but one.'
    )


def _progress(name: str, items: Iterable, total: int) -> Iterable:
  # Without a terminal (`None`) a bar would fill the log.
  return tqdm.tqdm(items, name, total, unit='image', disable=None)
