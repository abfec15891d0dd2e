"""CASIA v1.0: 384x256 splices and copy-moves, saved once as JPEG.

A forged file is named `Sp_<D|S>_<xyz>_<c>_<base id>_<donor id>_<number>`, where
`D` is a splice of two photographs and `S` a copy-move within one. An authentic
file is named `Au_<class>_<number>` and is itself the photograph
`<class><number>`.
"""

import pathlib
import re

from manloc_jax.data import spec

# Some copies of the set keep the archives' own folder names.
_FORGED = ('Tp', 'Modified Tp/Tp')
_MASKS = ('Gt', 'CASIA 1.0 groundtruth')
_KINDS = ('CM', 'Sp')
_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')
_MANIPULATION = {'D': 'splice', 'S': 'copy-move'}

# One known stem has `.` before its last number.
_FORGED_NAME = re.compile(
    r'Sp_([DS])_[A-Z]{3}_[A-Z]_([a-z]{3}\d+)_([a-z]{3}\d+)[_.]\d+'
)
_AUTHENTIC_NAME = re.compile(r'Au_([a-z]{3})_(\d+)')

_LAYOUT = (
    'CASIA v1.0 must lie as Au/*.jpg, Tp/{CM,Sp}/*.jpg and '
    'Gt/{CM,Sp}/<stem>_gt.png under the root'
)


def _images(folder: pathlib.Path) -> list[pathlib.Path]:
  """Lists image files by name; hidden files and thumbnails are none."""
  if not folder.is_dir():
    return []
  return sorted(
      path
      for path in folder.iterdir()
      if path.suffix.lower() in _SUFFIXES and not path.name.startswith('.')
  )


def _first_folder(root: pathlib.Path, names: tuple[str, ...]) -> pathlib.Path:
  for name in names:
    if (root / name).is_dir():
      return root / name
  raise spec.DataError(
      f'There is no folder {names[0]} in {root}; {_LAYOUT}, which '
      '--config.data.root= names.'
  )


class _Photographs:
  """Joins photographs that meet in one image, as a union-find forest."""

  def __init__(self):
    self._parent = {}

  def find(self, name: str) -> str:
    parent = self._parent.setdefault(name, name)
    while parent != self._parent[parent]:
      parent = self._parent[parent]
    self._parent[name] = parent
    return parent

  def join(self, one: str, other: str) -> None:
    # The smaller name stays the root, so that a group's name is a property
    # of the group and not of the order of the files.
    low, high = sorted((self.find(one), self.find(other)))
    self._parent[high] = low


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the images of CASIA v1.0, paired with their masks by name.

  The group of an image is the connected component of the photographs that
  went into it, over all forged images: a splice joins its base to its donor.

  Args:
    root: Folder that holds `Au`, `Tp` and `Gt`.

  Returns:
    Forged and authentic images, and the files left out.

  Raises:
    DataError: There is no such tree under `root`.
  """
  forged_folder = _first_folder(root, _FORGED)
  mask_folder = _first_folder(root, _MASKS)
  photographs = _Photographs()
  records, rejected = [], []
  found = []
  for kind in _KINDS:
    masks = {p.stem.lower(): p for p in _images(mask_folder / kind)}
    for path in _images(forged_folder / kind):
      name = _FORGED_NAME.fullmatch(path.stem)
      if name is None:
        reason = 'its name does not tell base and donor photograph'
        rejected.append(spec.Rejected(str(path), reason))
        continue
      letter, base, donor = name.groups()
      photographs.join(base, donor)
      mask = masks.get(f'{path.stem}_gt'.lower())
      if mask is None:
        reason = f'there is no mask {path.stem}_gt.png in {mask_folder / kind}'
        rejected.append(spec.Rejected(str(path), reason))
        continue
      found.append((path, mask, base, _MANIPULATION[letter]))
  for path in _images(root / 'Au'):
    name = _AUTHENTIC_NAME.fullmatch(path.stem)
    if name is None:
      reason = 'its name does not tell the photograph'
      rejected.append(spec.Rejected(str(path), reason))
      continue
    found.append((path, None, ''.join(name.groups()), 'none'))
  # Groups are only known once every name has been read.
  for path, mask, photograph, manipulation in found:
    group = photographs.find(photograph)
    records.append(spec.Record(path.stem, path, mask, group, manipulation))
  return records, rejected


def is_manipulated(grey):
  """Reads white as forged, from masks of 0 and 255 or of 0 and 1 alike."""
  return grey > 0


DATASET = spec.Dataset(
    name='casia1',
    description=(
        'CASIA Tampered Image Detection Evaluation Database v1.0: small JPEG '
        'images, forged by splicing and copy-move.'
    ),
    homepage='https://github.com/namtpham/casia1groundtruth',
    citation=(
        'J. Dong, W. Wang, T. Tan: CASIA image tampering detection evaluation '
        'database. ChinaSIP 2013.'
    ),
    layout=_LAYOUT,
    find_records=find_records,
    is_manipulated=is_manipulated,
)
