"""Plans the preparation of an image tree: its images, settings and folder.

Names, sizes and times of files are read, and nothing is decoded.
"""

import collections
from collections.abc import Collection, Mapping
import dataclasses
import pathlib
from typing import Any

from manloc_jax.data import argument_checks
from manloc_jax.data import datasets
from manloc_jax.data import spec
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches
from manloc_jax.data.splits import options
from manloc_jax.data.splits import rules
from manloc_jax.data.splits import split_list as split_list_lib
from manloc_jax.data.storage import backend_names
from manloc_jax.data.storage import manifest


@dataclasses.dataclass(frozen=True)
class Plan:
  """The images of a prepared set and how they are prepared.

  Attributes:
    folder: The prepared folder, which may be there already.
    root: Folder of the image tree.
    records: The images to use, sorted by name.
    rejected: The files left out.
    job: The arguments of the workers.
    settings: The `settings` of the manifest.
    listed: Image ids of each split by the rule `list`, otherwise None.
  """

  folder: pathlib.Path
  root: pathlib.Path
  records: list[spec.Record]
  rejected: list[spec.Rejected]
  job: extract.Job
  settings: dict[str, Any]
  listed: dict[str, list[str]] | None

  def split(
      self, examined: Mapping[str, extract.Examined]
  ) -> dict[str, list[spec.Record]]:
    """Splits the images that can be used; see the functions of `rules`.

    Args:
      examined: The result of examining each image, by id.

    Returns:
      The images of train, val and test.

    Raises:
      DataError: There are none.
    """
    usable = [r for r in self.records if not examined[r.image_id].reason]
    _check_any(usable, self.left_out(examined), self.root)
    if self.listed is not None:
      split = rules.listed_split(usable, self.listed)
    else:
      split = rules.split_by_rule(
          self.settings['split_rule'],
          usable,
          self.job.seed,
          self.settings['fractions'],
      )
    by_id = {record.image_id: record for record in usable}
    return {name: [by_id[i] for i in ids] for name, ids in split.items()}

  def left_out(
      self, examined: Mapping[str, extract.Examined]
  ) -> list[spec.Rejected]:
    """Lists the files left out, the broken images last."""
    return self.rejected + [
        spec.Rejected(str(record.image), reason)
        for record in self.records
        if (reason := examined[record.image_id].reason)
    ]


def make(
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
    allow_outside: bool = False,
) -> Plan:
  """Plans the preparation of a dataset.

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
    allow_outside: See `datasets.find_records`.

  Raises:
    DataError: An argument is invalid, the tree cannot be read, or the list
      does not fit the images.
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
  in_tree, rejected = datasets.find_records(
      dataset, root, allow_outside=allow_outside
  )
  records = sorted(
      (r for r in in_tree if use_pristine or r.mask is not None),
      key=lambda record: record.image_id,
  )
  _check_ids(records)
  if listed is not None:
    listed = split_list_lib.fit(listed, records, in_tree)
  key = manifest.fingerprint(settings, records, rejected, root)
  folder = out / f'{dataset}-{split_rule}-{key[:12]}'
  return Plan(folder, root, records, rejected, job, settings, listed)


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
