"""NIST Nimble Challenge 2016, the paper's first dataset.

NIST's own reference table defines which probe is forged, how, from which base
photograph and with which mask. NIST gives the images on request; they may not
be redistributed.
"""

import pathlib
import re

from manloc_jax.data import pairing
from manloc_jax.data import spec
from manloc_jax.data.listing import csv_tables
from manloc_jax.data.listing import image_trees
from manloc_jax.data.listing import walk

_TABLE = 'reference/manipulation/*manipulation-ref.csv'
_TABLE_PATH = re.compile(
    r'(?:[^/]+/){0,2}reference/manipulation/[^/]*manipulation-ref\.csv'
)
_COLUMNS = ('ProbeFileName', 'ProbeMaskFileName', 'IsTarget', 'BaseFileName')
_YES = ('y', 'yes', 'true', '1')
_MANIPULATION = {
    'IsManipulationTypeRemoval': 'removal',
    'IsManipulationTypeSplice': 'splice',
    'IsManipulationTypeCopyClone': 'copy-move',
}
_LAYOUT = (
    "NIST's data must lie as <root>/NC2016_Test0601/probe/*.jpg and "
    '<root>/NC2016_Test0601/reference/manipulation/ with the reference table '
    '(*-manipulation-ref.csv) and mask/*.png'
)
# Base and donor photographs, and the masks of the other tasks.
_OTHERS = r'world/[^/]+|reference/(?!manipulation/)[^/]+/mask/[^/]+'


def find_table(root: pathlib.Path) -> pathlib.Path:
  """Finds the reference table, at most two levels below a folder.

  Raises:
    DataError: There is none, or more than one.
  """
  # Releases differ in the name of the top folder, so it is found by content.
  tables = [
      folder / name
      for folder, names in walk.walk(root, image_trees.refuse_unreadable)
      for name in names
      if _TABLE_PATH.fullmatch((folder.relative_to(root) / name).as_posix())
  ]
  if not tables:
    raise spec.DataError(
        f'There is no {_TABLE} under {root}: {_LAYOUT}; '
        'give manloc <root>, or set --config.data.root=<root>.'
    )
  if len(tables) > 1:
    raise spec.DataError(
        f'There are {len(tables)} releases under {root}, among them '
        f'{tables[0]} and {tables[1]}; give manloc the folder of one of them, '
        'or set --config.data.root= to it.'
    )
  return tables[0]


def read_table(path: pathlib.Path) -> list[dict[str, str]]:
  """Reads the reference table: the cells of each probe, by column.

  Raises:
    DataError: It lacks columns, or a row ends too early or lacks the name of
      its probe or, where that is forged, of the mask.
  """
  columns = (*_COLUMNS, *_MANIPULATION)
  rows: list[dict[str, str]] = []
  release = path.parents[2]
  for number, row in enumerate(csv_tables.read(path, columns), 1):
    files = ['ProbeFileName']
    if is_yes(row['IsTarget']):
      files.append('ProbeMaskFileName')
    lacking = [
        name
        for name in columns
        if row[name] is None or name in files and not row[name]
    ]
    if lacking:
      raise spec.DataError(
          f'Row {number} of {path} lacks {", ".join(lacking)}; fetch the table '
          'again, or complete the row.'
      )
    rows.append({
        name: csv_tables.portable_name(release, cell or '')
        if name.endswith('FileName')
        else cell or ''
        for name, cell in row.items()
    })
  return rows


def is_yes(cell: str | None) -> bool:
  """Reads a yes or no of the table."""
  return (cell or '').lower() in _YES


def manipulation(row: dict[str, str]) -> str:
  """Returns the type of a forged probe, as `spec.Record` has it."""
  for column, name in _MANIPULATION.items():
    if is_yes(row[column]):
      return name
  return 'unknown'


def _groups(rows: list[dict[str, str]]) -> dict[str, str]:
  """Maps each probe to its base photograph.

  The table leaves the base of a genuine probe empty. If the probe is the
  control of some forgeries it shows their scene and gets their base; any
  other genuine probe stands alone.
  """
  groups = {row['ProbeFileName']: row['ProbeFileName'] for row in rows}
  for row in rows:
    base = row['BaseFileName']
    if base:
      groups[row['ProbeFileName']] = base
      control = row.get('CorrespondingControlFileName')
      if control:
        groups[control] = base
  return groups


def list_records(root: pathlib.Path) -> list[spec.Record]:
  """Lists all probes of the reference table, even if their files are missing.

  Files may differ from the table in upper and lower case.

  Args:
    root: Folder of the release, or up to two levels above it.

  Returns:
    Forged probes (564 in the full release) and genuine ones. The group is the
    base photograph.

  Raises:
    DataError: The table is missing or cannot be used; see `read_table`.
  """
  table = find_table(root)
  locate = image_trees.locator(table.parents[2])
  rows = read_table(table)
  groups = _groups(rows)
  records = []
  for row in rows:
    probe = row['ProbeFileName']
    mask, kind = None, 'none'
    if is_yes(row['IsTarget']):
      mask = locate(row['ProbeMaskFileName'])
      kind = manipulation(row)
    image_id = pathlib.PurePath(probe).stem
    records.append(
        spec.Record(image_id, locate(probe), mask, groups[probe], kind)
    )
  return records


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the probes of Nimble 2016 as the reference table pairs them.

  Args:
    root: As `list_records`.

  Returns:
    The images of `list_records` that exist, and the files left out.

  Raises:
    DataError: As `list_records`, or no forged probe of the table exists with
      its mask.
  """
  records, rejected = [], []
  for record in list_records(root):
    if not record.image.is_file():
      reason = 'the reference table names it, but there is no such file'
      rejected.append(spec.Rejected(str(record.image), reason))
    elif record.mask and not record.mask.is_file():
      reason = f'there is no mask {record.mask}'
      rejected.append(spec.Rejected(str(record.image), reason))
    else:
      records.append(record)
  if not any(record.mask for record in records):
    table = find_table(root)
    raise spec.DataError(
        f'{table} names forged probes, but none lies in '
        f'{table.parents[2] / "probe"} with its mask: {_LAYOUT}; '
        'give manloc <root>, or set --config.data.root=<root>.'
    )
  return records, rejected


DATASET = spec.Dataset(
    name='nist16',
    description=(
        'NIST Nimble Challenge 2016: 564 photographs forged by splicing, '
        'copy-clone and removal, from 69 base photographs.'
    ),
    homepage='https://www.nist.gov/itl/iad/mig/nimble-challenge',
    citation=(
        'NIST: Nimble Challenge 2016 evaluation, dataset NC2016_Test0601.'
    ),
    layout=_LAYOUT,
    find_records=find_records,
    is_manipulated=pairing.black,  # The polarity of NIST's own scorer.
    published={'manipulated': 564, 'pristine': 560},
    others=_OTHERS,
    list_records=list_records,
)
