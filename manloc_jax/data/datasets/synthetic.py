"""Forgeries made by manloc_jax.data.forge, of any photographs.

  root/forge.json        settings, and the split that each photograph is in
  root/histories.jsonl   one line for each forgery, and what was done to it
  root/images/*          the forgeries
  root/masks/*.png       255 = manipulated

`manloc forge` writes such a tree. With `--keep_originals` there are also

  root/originals/*       the untouched hosts, resized and saved as the forgeries
                         of the same names, so that saving tells no difference
  root/changed/*.png     255 where the forger changed a pixel, before resizing
                         and saving; no more than `masks`, which also have
                         pixels of a piece that are the same as in the host

and with `--preview` a contact sheet, root/preview.png. The originals are images
without a mask, which are used where a set may use such ones; nothing here reads
the rest.

Splits share no photograph, neither as host nor as donor; the split rule is
`given`.
"""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import spec

SETTINGS = 'forge.json'
HISTORIES = 'histories.jsonl'
ORIGINALS = 'originals'
CHANGED = 'changed'
_KEYS = {'version', 'seed', 'size', 'counts', 'photographs'}


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the forgeries of a tree, and the originals that it has.

  Args:
    root: Folder of the tree.

  Raises:
    DataError: There is no tree, or forgeries are missing.
  """
  root = pathlib.Path(root)
  settings = read_settings(root)
  made_by = digest(settings)
  histories = read_histories(root)
  if count_missing(root, settings):
    wanted = sum(settings['counts'].values())
    raise spec.DataError(
        f'{root} has {len(histories)} of {wanted} forgeries; run the command'
        ' that makes them again, it goes on from there.'
    )
  records, rejected = [], []
  for history in histories:
    image = root / history['image']
    mask = root / 'masks' / f'{history["image_id"]}.png'
    missing = [path for path in (image, mask) if not path.is_file()]
    if missing:
      reason = f'{HISTORIES} names it, but there is no file {missing[0]}'
      rejected.append(spec.Rejected(str(image), reason))
      continue
    forgery = spec.Record(
        # The names of files are the same in every tree.
        image_id=f'{history["image_id"]}_{made_by}',
        image=image,
        mask=mask,
        group=history['group'],
        manipulation=history['manipulation'],
        split=history['split'],
    )
    records.append(forgery)
    original = root / ORIGINALS / image.name
    if original.is_file():
      records.append(dataclasses.replace(
          forgery,
          image_id=f'{forgery.image_id}_original',
          image=original,
          mask=None,
          manipulation='none',
      ))
  return records, rejected


def read_settings(root: pathlib.Path) -> dict[str, Any]:
  """Reads the settings of a tree.

  Raises:
    DataError: There is no tree.
  """
  try:
    settings = files.read_json(pathlib.Path(root) / SETTINGS)
    if lacking := _KEYS - settings.keys():
      raise ValueError(f'no {lacking}')
    return settings
  except (
      AttributeError, FileNotFoundError, NotADirectoryError, ValueError
  ):
    raise spec.DataError(
        f'{root} has no readable {SETTINGS}, so that it holds no forgeries;'
        f' make some: manloc forge PHOTOGRAPHS --out {root}.'
    ) from None


def count_missing(root: pathlib.Path, settings: dict[str, Any]) -> int:
  """Counts the forgeries that a tree lacks."""
  wanted = sum(settings['counts'].values())
  return max(0, wanted - len(read_histories(root)))


def digest(settings: dict[str, Any]) -> str:
  """Hashes the settings of forgeries without the paths of photographs.

  The level of the traces is left out too: trees that differ in it alone show
  the same forgeries under the same names. So do trees with and without
  originals.
  """
  listed = [
      {key: value for key, value in photograph.items() if key != 'path'}
      for photograph in settings['photographs']
  ]
  content = {**settings, 'photographs': listed}
  for key in ('level', 'keep_originals'):
    content.pop(key, None)
  return provenance.sha256_of_json(content)[:8]


def read_histories(root: pathlib.Path) -> list[dict[str, Any]]:
  """Reads the finished lines; a killed writer may leave half a line.

  Raises:
    DataError: A line is damaged.
  """
  path = pathlib.Path(root) / HISTORIES
  if not path.exists():
    return []
  # What follows the last line break is empty or half a line.
  content = files.read_bytes(path, files.MAX_JSON_BYTES)
  lines = content.split(b'\n')[:-1]
  histories = []
  for number, line in enumerate(lines, 1):
    try:
      histories.append(files.parse_json(line))
    except ValueError as error:
      raise spec.DataError(
          f'Line {number} of {path} is damaged ({error}); delete {root} and'
          ' make the forgeries again.'
      ) from error
  return histories


def is_manipulated(mask: np.ndarray) -> np.ndarray:
  """Reads a mask file: uint8[h, w] to bool[h, w]."""
  return mask > 127


DATASET = spec.Dataset(
    name='synthetic',
    description='Varied forgeries of photographs, made by manloc forge.',
    homepage='',
    citation='None: the forgeries are made by manloc_jax.data.forge.',
    layout='a tree that manloc forge writes',
    find_records=find_records,
    is_manipulated=is_manipulated,
)
