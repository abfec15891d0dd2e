"""Reads the tables of datasets, and the paths in them."""

from collections.abc import Collection
import csv
import io
import pathlib

from manloc_jax import files
from manloc_jax.data import spec


def read(
    path: pathlib.Path, needed: Collection[str]
) -> list[dict[str, str | None]]:
  """Reads a table with a header, separated by `|`, `,`, `;` or tabs.

  Args:
    path: The file.
    needed: Columns that the table must have.

  Returns:
    The cells of each row by column, without the spaces around them; None where
    a row ends too early.

  Raises:
    DataError: The file is no text, or a column is missing.
    OSError: It is no regular file, is too large, or cannot be read.
  """
  try:
    with (
        files.open_regular(path, files.MAX_JSON_BYTES) as binary,
        io.TextIOWrapper(binary, 'utf-8-sig', newline='') as file,
    ):
      header = file.readline()
      delimiter = max('|,;\t', key=header.count)
      file.seek(0)
      table = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
      table.fieldnames = [name.strip() for name in table.fieldnames or ()]
      missing = set(needed).difference(table.fieldnames)
      rows = [
          # Cells beyond the header have no name.
          {name: cell and cell.strip() for name, cell in row.items() if name}
          for row in table
      ]
  except (UnicodeDecodeError, csv.Error) as error:
    raise spec.DataError(
        f'{path} is no table ({error}); save it as CSV in UTF-8.'
    ) from error
  if missing:
    raise spec.DataError(
        f'{path} lacks the columns {", ".join(sorted(missing))}; its first '
        'line must name them.'
    )
  return rows


def portable_name(folder: pathlib.Path, name: str) -> str:
  """Converts a path of a table to the separators of this system.

  A table from Windows may have backslashes. On other systems these are
  characters of a name; the path is kept if there is such a file.

  Args:
    folder: The folder that the path is relative to.
    name: The path in the table.
  """
  if '\\' in name and not (folder / name).exists():
    return name.replace('\\', '/')
  return name
