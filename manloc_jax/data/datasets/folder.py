"""Images of the user: two folders, or a table.

  root/images/<stem>.*   root/masks/<stem>.*      every image has a mask
  root/images.csv        image,mask[,group,manipulation,split,source_mask]

If there is a table, only its images are used. Paths in it are relative to its
folder and may have backslashes, as on Windows; an empty mask means a pristine
image.
`source_mask` is for copies, where it is known which region was copied.
Images of one `group` stay together where a set is split by photograph; without
one, each is a group of its own.
"""

import pathlib

from manloc_jax.data import pairing
from manloc_jax.data import spec
from manloc_jax.data.listing import csv_tables

_TABLE = 'images.csv'
_LAYOUT = (
    'a folder of your own must hold images/<stem>.* and masks/<stem>.*, or '
    'images.csv with the columns '
    'image,mask[,group,manipulation,split,source_mask]'
)
_find_pairs = pairing.reader(
    pairing.ImagePattern(
        images=r'images/(?P<name>[^/]+)',
        masks=r'masks/(?P<name>[^/]+)',
        manipulation='unknown',
    ),
    layout=_LAYOUT,
)


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the images of a table, or of two folders.

  Args:
    root: Folder of `images.csv`, or of `images` and `masks`.

  Raises:
    DataError: There is neither, or the table cannot be read.
  """
  table = root / _TABLE
  if not table.is_file():
    return _find_pairs(root)
  records, rejected = [], []
  for number, row in enumerate(csv_tables.read(table, ('image', 'mask'))):
    cell = {name: text or '' for name, text in row.items()}
    for column in ('image', 'mask', 'source_mask'):
      name = cell.get(column, '')
      cell[column] = csv_tables.portable_name(root, name)
    if not cell['image']:
      reason = f'row {number + 1} names no image'
      rejected.append(spec.Rejected(str(table), reason))
      continue
    split = cell.get('split') or None
    if split not in (None, *spec.SPLITS):
      raise spec.DataError(
          f'{table} has the split {split!r} for {cell["image"]}; choose one of '
          f'{", ".join(spec.SPLITS)}, or leave it empty.'
      )
    image = root / cell['image']
    mask = root / cell['mask'] if cell['mask'] else None
    source = root / cell['source_mask'] if cell['source_mask'] else None
    missing = [
        path for path in (image, mask, source) if path and not path.is_file()
    ]
    if missing:
      reason = f'{_TABLE} names it, but there is no file {missing[0]}'
      rejected.append(spec.Rejected(str(image), reason))
      continue
    records.append(spec.Record(
        image_id=pathlib.PurePath(cell['image']).with_suffix('').as_posix(),
        image=image,
        mask=mask,
        group=cell.get('group') or cell['image'],
        manipulation=cell.get('manipulation')
        or ('unknown' if mask else 'none'),
        split=split,
        source_mask=source,
    ))
  return records, rejected


DATASET = spec.Dataset(
    name='folder',
    description='Images and masks of a user of manloc_jax.',
    homepage='',
    citation='',
    layout=_LAYOUT,
    find_records=find_records,
    is_manipulated=pairing.white,
)
