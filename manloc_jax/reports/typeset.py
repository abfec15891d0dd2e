"""Renders tables as Markdown and as plain text; `latex` as LaTeX."""

import dataclasses

DASH = '–'  # Stands in a cell where there is no number.


@dataclasses.dataclass(frozen=True)
class Table:
  """Cells of text.

  Attributes:
    name: For files and references.
    title: Caption, one line.
    header: Title of each column.
    rows: Cells of each row, as many as the header has.
    rules: Indices of the rows that a new group begins with.
    notes: Sentences to stand below.
    best: Row and column of each cell that LaTeX sets in bold.
  """

  name: str
  title: str
  header: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]
  rules: tuple[int, ...] = ()
  notes: tuple[str, ...] = ()
  best: tuple[tuple[int, int], ...] = ()

  def __post_init__(self):
    if any(len(row) != len(self.header) for row in self.rows):
      raise ValueError(f'A row of {self.title!r} has too few or many cells.')


def markdown(table: Table) -> str:
  """Returns the table with its title as a heading, and its notes."""
  lines = [
      f'#### {table.title}',
      '',
      '| ' + ' | '.join(table.header) + ' |',
      '|' + '---|' * len(table.header),
      *('| ' + ' | '.join(row) + ' |' for row in table.rows),
      '',
  ]
  for note in table.notes:
    lines += [note, '']
  return '\n'.join(lines)


def plain(table: Table) -> str:
  """Returns a table for a terminal."""
  rows = [table.header, *table.rows]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  lines = ['  '.join(map(str.ljust, row, widths)) for row in rows]
  return '\n'.join([table.title, *(line.rstrip() for line in lines), ''])
