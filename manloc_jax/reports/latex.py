"""Renders tables as LaTeX, numbers aligned at the decimal point."""

import re

from manloc_jax.reports import typeset

PACKAGES = ('booktabs', 'graphicx', 'siunitx')
# Letters of a row that surely fit on a line; wider tables are made narrower
# where they do not.
_WIDTH = 70
_NARROWER = r'\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%'
# What LaTeX reads as a command, and letters that its fonts may not have.
_ESCAPED = str.maketrans({
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
    '±': r'$\pm$',
    '≥': r'$\geq$',
    '–': '--',
})
# A number, and what may follow it: a deviation, an interval or a unit.
_NUMBER = re.compile(r'([+-]?\d+(?:\.\d+)?)(%?(?: ± [\d.]+)?(?: \[.*\])?)')
_NUMBERED = re.compile(r'^Table \d+\. ')  # LaTeX counts by itself.


def document(tables: list[typeset.Table]) -> str:
  """Returns tables one after the other, to be read by `\\input`."""
  packages = ', '.join(PACKAGES)
  head = f'% Needs \\usepackage{{{packages}}} in the preamble.\n'
  return '\n'.join([head, *map(table, tables)])


def table(content: typeset.Table) -> str:
  r"""Returns a `table` environment, which needs `PACKAGES`.

  Columns without any value are left out.
  """
  columns = {
      i: _Column(title, cells)
      for i, title in enumerate(content.header)
      if set(cells := [row[i] for row in content.rows]) != {typeset.DASH}
  }
  title = escape(_NUMBERED.sub('', content.title))
  is_wide = sum(column.width for column in columns.values()) > _WIDTH
  specifications = ''.join(x.specification for x in columns.values())
  lines = [
      r'\begin{table}',
      r'  \centering\small',
      r'  \sisetup{retain-explicit-plus, detect-weight, mode=text}',
      rf'  \caption{{{title}}}\label{{tab:{content.name}}}',
  ]
  if is_wide:
    lines.append(f'  {_NARROWER}')
  lines += [
      rf'  \begin{{tabular}}{{{specifications}}}',
      r'    \toprule',
      f'    {_row([column.header for column in columns.values()])}',
      r'    \midrule',
  ]
  for i, row in enumerate(content.rows):
    if i and i in content.rules:
      lines.append(r'    \midrule')
    cells = [
        column.cell(row[j], (i, j) in content.best)
        for j, column in columns.items()
    ]
    lines.append(f'    {_row(cells)}')
  lines += [r'    \bottomrule', r'  \end{tabular}' + ('}' if is_wide else '')]
  if content.notes:
    notes = escape(' '.join(content.notes))
    lines += ['', r'  \smallskip', rf'  \parbox{{\linewidth}}{{{notes}}}']
  return '\n'.join([*lines, r'\end{table}', ''])


def escape(text: str) -> str:
  """Returns text that LaTeX sets as it stands, code between backticks."""
  parts = text.split('`')
  if len(parts) % 2 == 0:  # A backtick of its own.
    return text.translate(_ESCAPED).replace('`', r'\textasciigrave{}')
  return ''.join(
      rf'\texttt{{{part.translate(_ESCAPED)}}}'
      if i % 2
      else part.translate(_ESCAPED)
      for i, part in enumerate(parts)
  )


class _Column:
  """A column of text, or of numbers, with what follows them in a second one.

  Attributes:
    specification: For `tabular`.
    header: Its title.
    width: Letters of the widest cell, and of the space before it.
  """

  def __init__(self, title: str, cells: list[str]):
    filled = [cell for cell in cells if cell != typeset.DASH]
    found = [match for cell in filled if (match := _NUMBER.fullmatch(cell))]
    self._is_number = bool(filled) and len(filled) == len(found)
    self._has_rest = self._is_number and any(match[2] for match in found)
    numbers = [match[1] for match in found]
    self.width = max(map(len, (title, *cells))) + 2
    self.specification, self.header = 'l', escape(title)
    if self._is_number:
      sign = '+' if any(number[0] in '+-' for number in numbers) else ''
      whole = max(len(n.lstrip('+-').split('.')[0]) for n in numbers)
      decimals = max(len(n.partition('.')[2]) for n in numbers)
      self.specification = f'S[table-format={sign}{whole}.{decimals}]'
      self.header = f'{{{self.header}}}'  # No number.
    if self._has_rest:
      self.specification += '@{}l'
      self.header = rf'\multicolumn{{2}}{{c}}{self.header}'

  def cell(self, text: str, is_best: bool) -> str:
    """Returns a cell, bold where it is the best."""
    bold = r'\bfseries ' if is_best else ''
    if not self._is_number:
      return bold + escape(text)
    match = _NUMBER.fullmatch(text)
    if not match:
      return '{--} & ' if self._has_rest else '{--}'
    number = bold + match[1]
    rest = escape(match[2]).replace(r' $\pm$ ', r'\,$\pm$\,')
    return f'{number} & {rest}' if self._has_rest else number


def _row(cells: list[str]) -> str:
  return ' & '.join(cells) + r' \\'
