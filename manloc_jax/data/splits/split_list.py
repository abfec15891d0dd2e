"""Splits as files: image ids by split, so that anybody can train on the same.

  {"dataset": "nist16", "parts": {"train": [...], "val": [...], "test": [...]},
   "digest": "...", ...}

`parts` alone makes a list; `dataset` and `digest` (of `rules.digest`) are
checked where they stand, and everything else says where the list comes from.
"""

from collections.abc import Hashable, Iterable, Mapping
import pathlib

from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import spec
from manloc_jax.data.splits import rules

_LIST = '--split_list (manloc) or --config.data.split_list'


def make(
    dataset: str,
    records: list[spec.Record],
    *,
    rule: str,
    seed: int,
    fractions: tuple[float, float, float],
) -> dict:
  """Splits images and describes how.

  Args:
    dataset: Key of `datasets.DATASETS`.
    records: The images to split. No image is decoded: those that preparation
      cannot use drop out there.
    rule: One of `rules.RULES`.
    seed: Fixes which images go where.
    fractions: Of the images, for train, val and test.

  Returns:
    The content of a list, with what test images share with training:
    `group`, the photograph, and `mask`, the very bytes of the mask's file (or
    its name where the file is absent).

  Raises:
    DataError: As the functions of `splits`.
  """
  split = rules.split_by_rule(rule, records, seed, fractions)
  traits: dict[str, dict[str, Hashable]] = {
      'group': {record.image_id: record.group for record in records},
      'mask': {
          record.image_id: _file_key(record.mask)
          for record in records
          if record.mask
      },
  }
  return {
      'dataset': dataset,
      'rule': rule,
      'seed': seed,
      'fractions': fractions,
      'digest': rules.digest(split),
      'shares_of_test_in_training': rules.leaks(split, traits),
      'parts': split,
  }


def write(path: str | pathlib.Path, content: dict) -> None:
  """Writes what `make` returns, all of it or nothing."""
  files.write_json(path, content)


def read(path: str | pathlib.Path | None, dataset: str) -> dict[str, list[str]]:
  """Reads a list.

  Args:
    path: The file.
    dataset: The set that it is used for.

  Returns:
    Image ids of train, val and test.

  Raises:
    DataError: There is no such file, it is no list or one of another set, an
      image stands in it twice, or its digest is not that of its content.
  """
  if not path:
    raise spec.DataError(
        'The split rule is list, but no file is named; give one that manloc '
        f'split has written in {_LIST}.'
    )
  try:
    text = pathlib.Path(path).read_text('utf-8-sig')
    content = files.parse_json(text)
    parts = content['parts']
    if parts.keys() != set(spec.SPLITS):
      raise ValueError(f'its parts are {", ".join(parts)}')
    listed = {
        split: [str(image_id) for image_id in parts[split]]
        for split in spec.SPLITS
    }
  except OSError as error:
    raise spec.DataError(
        f'The split list {path} cannot be read ({error.strerror}); check '
        f'{_LIST}.'
    ) from error
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise spec.DataError(
        f'{path} is no split list ({error}): expected JSON with "parts", which '
        'holds the image ids of train, val and test; make one with manloc '
        'split.'
    ) from error
  if content.get('dataset', dataset) != dataset:
    raise spec.DataError(
        f'{path} splits the dataset {content["dataset"]}, not {dataset}; '
        'choose the list of this dataset.'
    )
  _check_once(listed, path)
  digest = rules.digest(listed)
  if content.get('digest', digest) != digest:
    raise spec.DataError(
        f'The splits of {path} have the digest {digest[:12]} and should have '
        f'{str(content["digest"])[:12]}: it was changed after it was made; '
        'fetch it again, or remove "digest" from it.'
    )
  return listed


def fit(
    listed: Mapping[str, list[str]],
    used: Iterable[spec.Record],
    found: Iterable[spec.Record],
) -> dict[str, list[str]]:
  """Checks that a list names the images of a tree.

  Ids are paths in some sets: backslashes in them, as Windows has them, are
  read as slashes unless an image has them in its id.

  Args:
    listed: Image ids of each split.
    used: The images that need a split.
    found: All images of the tree; a list may hold more than are used, such as
      pristine ones.

  Returns:
    The list, with the ids that the images have.

  Raises:
    DataError: An id is unknown, stands in the list twice, or an image is in
      no split.
  """
  known = {record.image_id for record in found}
  fitted = {
      split: [
          image_id if image_id in known else image_id.replace('\\', '/')
          for image_id in ids
      ]
      for split, ids in listed.items()
  }
  _check_once(fitted, 'The split list')
  ids = {image_id for ids in fitted.values() for image_id in ids}
  unknown = sorted(ids - known)
  if unknown:
    raise spec.DataError(
        f'The split list names {_some(unknown)}, not found under the root; '
        'complete the images, or shorten the list.'
    )
  missing = sorted({record.image_id for record in used} - ids)
  if missing:
    raise spec.DataError(
        f'The split list lacks {_some(missing)}, found under the root; give '
        'every image a split, or remove the files.'
    )
  return fitted


def _some(ids: list[str]) -> str:
  more = f' and {len(ids) - 1} other images' if len(ids) > 1 else ''
  return f'the image {ids[0]}{more}'


def _check_once(
    listed: Mapping[str, list[str]], path: str | pathlib.Path
) -> None:
  split_of: dict[str, str] = {}
  for split, ids in listed.items():
    for image_id in ids:
      if image_id in split_of:
        raise spec.DataError(
            f'{path} names {image_id} in {split_of[image_id]} and in {split}; '
            'leave it in one of them, once.'
        )
      split_of[image_id] = split


def _file_key(path: pathlib.Path) -> Hashable:
  if not path.is_file():
    return str(path)
  return provenance.sha256_of_file(path)
