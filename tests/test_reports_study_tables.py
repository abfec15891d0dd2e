"""Studies set as tables and figures."""


import pytest
import studies
from studies import make_whole_images
from studies import markdown
from studies import write_method
from studies import write_run

from manloc_jax.reports.study import paper
from manloc_jax.reports.study import render
from manloc_jax.reports.study import tables


def test_tables_stand_beside_the_paper(members):
  content = studies.collect(members)
  table1 = markdown(content, 'table1')
  row = '| J-Conv-LSTM-Conv | 3 | 89.38 | 81.00 ± 1.00 | 0.810 ± 0.010 |'
  assert f'| NIST {row}' in table1
  assert '| NIST | P-LSTM | – | 81.05 | – | – |' in table1, 'not run'
  assert '| casia1 | J-Conv-LSTM-Conv | 1 | – | 70.00 | 0.700 |' in table1
  assert '| NIST | all pristine | – | – | 60.00 | 0.500 |' in table1
  assert '| NIST | manipulated fraction | – | – | 40.0% | – |' in table1
  assert '| NIST | mean training mask | – | – | – | 0.550 |' in markdown(
      content, 'table2'
  )
  text = markdown(content, 'postprocessing')
  assert '| hard | 82.00 ± 1.00 | – | – |' in text
  assert 'typing errors' in markdown(content, 'table5')
  # Where no system of Table 3 but the joint one has a number, none is shown.
  assert '| COVERAGE |' not in markdown(content, 'table3')
  assert 're-created' in tables.PROTOCOL


def test_table_6_names_its_protocol_and_keeps_patches_apart(tmp_path, members):
  classical = [
      write_method(tmp_path, 'ela', 0.43),
      write_method(tmp_path, 'dct', 0.6, dataset='casia1', left_out=3),
  ]
  text = markdown(studies.collect([*members, *classical]), 'table6')
  assert (
      '| Method | NIST, paper | NIST: AUC pooled | NIST: AUC mean | NIST: s/Mpx'
      ' | casia1: AUC pooled |'
  ) in text
  row = '| DCT Histograms | 0.5450 | – | – | – | 0.600 | 0.620 | 0.25 |'
  assert row in text
  assert '| Error level analysis | 0.4288 | 0.430 | 0.450 | 0.25 | – |' in text
  assert '| J-Conv-LSTM-Conv | 0.7641 | – | – | – | – | – | – |' in text
  assert '| J-Conv-LSTM-Conv, patches | – | 0.810 ± 0.010 |' in text
  assert '| random or constant | – | 0.500 | 0.500 | – | 0.500 |' in text
  assert '| manipulated fraction | – | 10.0% | – | – | 10.0% |' in text
  assert 'not applicable to 3 of 4 images of casia1' in text
  assert 'protocol `whole image`' in text and 'cannot be compared' in text


def test_table_6_has_networks_on_whole_images(tmp_path):
  first = write_run(tmp_path, paper.JOINT, 0, 0.8)
  second = write_run(tmp_path, paper.JOINT, 1, 0.8)
  other = write_run(tmp_path, 'fcn', 0, 0.8)
  whole = {**first.first, **make_whole_images(0.7)}
  first.results['test_images'] = whole
  text = markdown(studies.collect([first, second, other]), 'table6')
  assert '| J-Conv-LSTM-Conv | 0.7641 | – |' in text, 'not of all seeds'
  second.results['test_images'] = {**whole, **make_whole_images(0.72)}
  text = markdown(studies.collect([first, second, other]), 'table6')
  row = '| J-Conv-LSTM-Conv | 0.7641 | 0.710 ± 0.014 | 0.730 ± 0.014 | 0.25 |'
  assert row in text


def test_classical_methods_alone_make_table_6_alone(tmp_path):
  content = studies.collect([write_method(tmp_path, 'noise', 0.5)])
  (table,) = tables.tables(content)
  assert table.name == 'table6'
  assert 'classical methods' in tables.protocol(content)
  written = render.render(content, tmp_path / 'out')
  assert {path.name for path in written} == {
      'tables.md',
      'tables.tex',
      'tables.pdf',
      'tables_table6.png',
  }


def test_the_papers_numbers_bound_its_share_of_pixels():
  bounds = [paper.fraction_bound(dataset) for dataset in paper.DATASETS]
  assert bounds == pytest.approx([0.326, 0.404, 0.244], abs=1e-3)
