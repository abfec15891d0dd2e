"""Renders tables as Markdown, as LaTeX and as plain text."""

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
  """

  name: str
  title: str
  header: tuple[str, ...]
  rows: tuple[tuple[str, ...], ...]
  rules: tuple[int, ...] = ()
  notes: tuple[str, ...] = ()

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


# What LaTeX reads as a command, and letters that its fonts may not have.
_LATEX = str.maketrans({
    '\\': r'\textbackslash{}',
    '{': r'\{',
    '}': r'\}',
    '$': r'\$',
    '&': r'\&',
    '#': r'\#',
    '%': r'\%',
    '_': r'\_',
    '^': r'\textasciicircum{}',
    '~': r'\textasciitilde{}',
    '<': r'$<$',
    '>': r'$>$',
    '`': r'\textasciigrave{}',
    '±': r'$\pm$',
    '≥': r'$\geq$',
    '–': '--',
})


def escape(text: str) -> str:
  """Returns text that LaTeX sets as it stands."""
  return text.translate(_LATEX)


def latex(table: Table) -> str:
  r"""Returns a `table` environment; needs packages booktabs and graphicx."""
  lines = [
      r'\begin{table}',
      r'  \centering\small',
      rf'  \caption{{{escape(table.title)}}}\label{{tab:{table.name}}}',
      # As wide as the text at most.
      r'  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%',
      rf'  \begin{{tabular}}{{{"l" * len(table.header)}}}',
      r'    \toprule',
      f'    {_row(table.header)}',
      r'    \midrule',
  ]
  for i, row in enumerate(table.rows):
    if i and i in table.rules:
      lines.append(r'    \midrule')
    lines.append(f'    {_row(row)}')
  lines += [r'    \bottomrule', r'  \end{tabular}}']
  if table.notes:
    notes = escape(' '.join(table.notes))
    lines += ['', r'  \smallskip', rf'  \parbox{{\linewidth}}{{{notes}}}']
  return '\n'.join([*lines, r'\end{table}', ''])


def _row(cells: tuple[str, ...]) -> str:
  return ' & '.join(map(escape, cells)) + r' \\'
