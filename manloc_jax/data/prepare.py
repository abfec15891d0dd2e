"""Prepares an image tree: splits it, samples patches and writes them.

Two passes, so that memory stays bounded: the first decodes the masks, counts
candidates and keeps each mask packed; the second decodes the images and samples
what the balance of each split allows. Every file is decoded once. Only where
the second pass finds broken images, which change the split, is it done again
without them.
"""

import collections
from collections.abc import Collection
import dataclasses
import functools
import logging
import pathlib
from typing import Any

from manloc_jax.data import argument_checks
from manloc_jax.data import datasets
from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import split_patches
from manloc_jax.data import worker_pool
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.splits import options
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import split_list as split_list_lib
from manloc_jax.data.storage import backend as backend_lib
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import folders
from manloc_jax.data.storage import manifest


def prepare(
    *,
    dataset: str,
    root: str | pathlib.Path,
    out: str | pathlib.Path,
    seed: int,
    split_rule: str = options.DEFAULT,
    split_list: str | pathlib.Path | None = None,
    fractions: tuple[float, float, float] = options.FRACTIONS,
    sampler: patches.Sampler | None = None,
    use_pristine: bool = False,
    size_mismatch: str = 'skip',
    backend: str = backend_names.TFRECORD,
    num_shards: int = 4,
    workers: int | None = None,
    allow_outside: bool = False,
) -> pathlib.Path:
  """Prepares a dataset for training and evaluation, unless that was done.

  The result is a folder with the splits `train`, `val` and `test`, patches of
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
    fractions: Of the images, for train, val and test; the rules `given` and
      `list` ignore them.
    sampler: How patches are sampled; None for the defaults.
    use_pristine: Whether images without a mask give pristine patches.
    size_mismatch: `skip`, `resize` or `error`; see `extract.Job`.
    backend: Key of `backend_names.BACKENDS`.
    num_shards: Files per split of `tfrecord`; others have one per field.
    workers: Processes; one per core by default.
    allow_outside: See `datasets.find_records`.

  Returns:
    The prepared folder.

  Raises:
    DataError: There are no images, an argument is invalid, the list does not
      fit the images, or the disk is full.
  """
  root, out = pathlib.Path(root), pathlib.Path(out)
  _check_choice('split_rule', split_rule, options.ALL_RULES)
  _check_list(split_rule, split_list)
  _check_choice('backend', backend, backend_names.BACKENDS)
  if split_rule not in ('given', 'list'):
    argument_checks.check_fractions(fractions)
  argument_checks.check_count('--config.data.num_shards', num_shards)
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
    settings['split_list'] = rules.digest(listed)
  plan = _plan(root, job, settings, listed, allow_outside)
  key = manifest.fingerprint(settings, plan.records, plan.rejected, root)
  folder = out / f'{dataset}-{split_rule}-{key[:12]}'
  if folder.exists():
    logging.info('%s is up to date.', folder)
    return folder
  with (
      folders.refusing_full_disk(out),
      folders.atomic(folder) as partial,
      worker_pool.ordered_map(workers) as run,
  ):
    _build(partial, plan, run)
  return folder


@dataclasses.dataclass(frozen=True)
class _Plan:
  """The images of a prepared set and how they are prepared.

  Attributes:
    root: Folder of the image tree.
    records: The images to use, sorted by name.
    rejected: The files left out.
    job: The arguments of the workers.
    settings: The `settings` of the manifest.
    listed: Image ids of each split by the rule `list`, otherwise None.
  """

  root: pathlib.Path
  records: list[spec.Record]
  rejected: list[spec.Rejected]
  job: extract.Job
  settings: dict[str, Any]
  listed: dict[str, list[str]] | None

  def split(self, usable: list[spec.Record]) -> dict[str, list[str]]:
    """Splits the images that can be used; see the functions of `rules`."""
    if self.listed is not None:
      return rules.listed_split(usable, self.listed)
    return rules.split_by_rule(
        self.settings['split_rule'],
        usable,
        self.job.seed,
        self.settings['fractions'],
    )


def _plan(
    root: pathlib.Path,
    job: extract.Job,
    settings: dict[str, Any],
    listed: dict[str, list[str]] | None,
    allow_outside: bool,
) -> _Plan:
  """Lists the images of a tree; none is decoded."""
  in_tree, rejected = datasets.find_records(
      job.dataset, root, allow_outside=allow_outside
  )
  records = sorted(
      (r for r in in_tree if settings['use_pristine'] or r.mask is not None),
      key=lambda record: record.image_id,
  )
  _check_ids(records)
  if listed is not None:
    listed = split_list_lib.fit(listed, records, in_tree)
  return _Plan(root, records, rejected, job, settings, listed)


def _build(folder: pathlib.Path, plan: _Plan, run: worker_pool.Map) -> None:
  """Writes the patches, the metadata and the manifest into a folder."""
  examine = functools.partial(extract.examine, job=plan.job)
  examined = {
      result.image_id: result
      for result in progress.progress(
          run(examine, plan.records), 'examining', len(plan.records)
      )
  }
  usable: list[spec.Record] | None = None
  # Sampling may find more broken images, and then is done without them.
  while usable is None or _broken(usable, examined):
    usable = [r for r in plan.records if not examined[r.image_id].reason]
    left_out = plan.rejected + _broken(plan.records, examined)
    _check_any(usable, left_out, plan.root)
    split = plan.split(usable)
    by_id = {record.image_id: record for record in usable}
    contents: dict[str, dict[str, Any]] = {}
    for name, ids in split.items():
      records = [by_id[image_id] for image_id in ids]
      requests = split_patches.requests(name, records, examined, plan.job)
      writers = split_patches.write(
          folder, name, requests, ids, plan.settings, examined, plan.job, run
      )
      about = manifest.describe(records, examined, plan.root)
      for written, writer in writers.items():
        contents[written] = {
            **writer.counts(), **about, 'shards': writer.shards
        }
  backend_lib.write_metadata(
      folder, datasets.get(plan.job.dataset), contents, plan.settings
  )
  manifest.write(
      folder,
      root=plan.root,
      settings=plan.settings,
      split=split,
      examined=examined.values(),
      rejected=left_out,
      contents=contents,
  )


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


def _check_list(
    split_rule: str, split_list: str | pathlib.Path | None
) -> None:
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


def _check_ids(records: list[spec.Record]) -> None:
  counts = collections.Counter(record.image_id for record in records)
  name, count = max(counts.items(), key=lambda item: item[1], default=('', 1))
  if count > 1:
    raise spec.DataError(
        f'{count} images are called {name}; rename all but one.'
    )
