"""Reads the tables that datasets bring along."""

from collections.abc import Collection
import csv
import pathlib

from manloc_jax.data import spec


def read(
    path: pathlib.Path, needed: Collection[str]
) -> list[dict[str, str | None]]:
  """Reads a table with a header, separated by `|`, `,`, `;` or tabs.

  Args:
    path: The file.
    needed: Columns that must be there.

  Returns:
    The cells of each row by column, without the spaces around them; None where
    a row ends too early.

  Raises:
    DataError: It is no text, or a column is missing.
  """
  try:
    with open(path, newline='', encoding='utf-8-sig') as file:
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
