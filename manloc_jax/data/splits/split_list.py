"""Reads and writes split lists: the image ids of each split, as JSON.

  {"dataset": "nist16", "parts": {"train": [...], "val": [...], "test": [...]},
   "digest": "...", ...}

Only `parts` is required; `dataset` and `digest` (of `rules.digest`) are checked
if they are present, and the other keys describe how the list was made.
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
  """Makes a split list.

  Args:
    dataset: Key of `datasets.DATASETS`.
    records: The images to split. No image is decoded: preparation drops those
      that it cannot use.
    rule: One of `options.RULES`.
    seed: Fixes which images go where.
    fractions: Of the images, for train, val and test.

  Returns:
    The content of a list, with the fractions of test images that share their
    photograph (`group`) or the bytes of their mask's file (`mask`, or its name
    if the file is missing) with a training image.

  Raises:
    DataError: As the functions of `rules`.
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
  """Writes a list of `make`, atomically."""
  files.write_json(path, content)


def read(path: str | pathlib.Path | None, dataset: str) -> dict[str, list[str]]:
  """Reads a list.

  Args:
    path: The file.
    dataset: The dataset to split.

  Returns:
    Image ids of train, val and test.

  Raises:
    DataError: There is no such file, it is no list or one of another dataset,
      an image occurs twice, or the digest is not that of its content.
  """
  if not path:
    raise spec.DataError(
        'The split rule is list, but no file is named; give one that manloc '
        f'split has written in {_LIST}.'
    )
  try:
    text = files.read_text(path, files.MAX_JSON_BYTES, 'utf-8-sig')
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
    available: Iterable[spec.Record],
) -> dict[str, list[str]]:
  """Checks that a list names the images of a tree.

  Ids are paths in some sets: backslashes in them, as Windows has them, are
  read as slashes unless an image has them in its id.

  Args:
    listed: Image ids of each split.
    used: The images that need a split.
    available: All images of the tree; a list may hold more than are used, such
      as pristine ones.

  Returns:
    The list, with the ids of the images.

  Raises:
    DataError: An id is unknown or occurs twice, or an image is in no split.
  """
  known = {record.image_id for record in available}
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
