"""Tables as LaTeX."""

import shutil
import subprocess

import pytest
import studies

from manloc_jax.reports import latex
from manloc_jax.reports import typeset
from manloc_jax.reports.study import tables

DOCUMENT = r"""
\documentclass{article}
\usepackage{booktabs, graphicx, siunitx}
\begin{document}
\input{tables}
\end{document}
"""


def make(*rows, header=None, **others) -> str:
  header = header or tuple('abcdefgh'[: len(rows[0])])
  return latex.table(typeset.Table('name', 'Title', header, rows, **others))


def test_every_letter_stands_as_it_is():
  assert latex.escape('50 % of a_b & {c} # $ ~ ^ \\') == (
      r'50 \% of a\_b \& \{c\} \# \$ \textasciitilde{} \textasciicircum{}'
      r' \textbackslash{}'
  )
  assert latex.escape('0.1 ± 0.2 –') == r'0.1 $\pm$ 0.2 --'
  assert latex.escape('on `test_grid` alone') == r'on \texttt{test\_grid} alone'
  assert latex.escape('a ` b') == r'a \textasciigrave{} b'


def test_numbers_are_aligned_and_the_best_is_bold():
  text = make(
      ('A', '3', '81.00 ± 1.00', '+0.010'),
      ('B', '–', '9.5', '-1.200'),
      best=((0, 2),),
  )
  assert (
      '{lS[table-format=1.0]S[table-format=2.2]@{}lS[table-format=+1.3]}'
  ) in text
  assert r'a & {b} & \multicolumn{2}{c}{c} & {d} \\' in text
  assert r'A & 3 & \bfseries 81.00 & \,$\pm$\,1.00 & +0.010 \\' in text
  assert r'B & {--} & 9.5 &  & -1.200 \\' in text


def test_text_beside_numbers_makes_a_column_of_text():
  text = make(('0.5',), ('not run',))
  assert r'\begin{tabular}{l}' in text


def test_columns_without_values_are_left_out():
  text = make(('A', '–', '0.5'), ('B', '–', '0.6'))
  assert r'A & 0.5 \\' in text and r'a & {c} \\' in text


def test_only_wide_tables_are_made_narrower():
  assert 'resizebox' not in make(('A', '0.5'))
  assert 'resizebox' in make(('A' * 60, 'B' * 60))


def test_captions_leave_counting_to_latex(members):
  made = tables.tables(studies.collect(members), run_only=True)
  text = latex.document(made)
  assert r'\caption{Patch classification}' in text
  assert 'usepackage{booktabs, graphicx, siunitx}' in text.splitlines()[0]
  assert 'NIST & ' in text and 'COVERAGE & ' not in text, 'not run there'
  assert ' P-LSTM &' not in text and 'P-Conv-LSTM' in text
  assert r'\bfseries 81.00' in text
  assert text.isascii(), [c for c in text if not c.isascii()]


def test_all_tables_of_a_study_compile(members, tmp_path):
  if not shutil.which('pdflatex') or subprocess.run(
      ['kpsewhich', 'siunitx.sty'], capture_output=True
  ).returncode:
    pytest.skip('There is no LaTeX with siunitx on this machine.')
  made = tables.tables(studies.collect(members), run_only=True)
  (tmp_path / 'tables.tex').write_text(latex.document(made))
  (tmp_path / 'all.tex').write_text(DOCUMENT)
  done = subprocess.run(
      ['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'all.tex'],
      cwd=tmp_path,
      capture_output=True,
      text=True,
  )
  assert done.returncode == 0, done.stdout[-2000:]
  assert 'Overfull' not in done.stdout
  assert (tmp_path / 'all.pdf').stat().st_size > 10_000
