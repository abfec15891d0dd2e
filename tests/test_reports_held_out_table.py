"""The table of the fusion's scores on held-out forgeries."""

from manloc_jax.reports import held_out_table

_SCORES = {
    'forged': 640,
    'untouched': 250,
    'block_auc_mean': 0.75,
    'f1_mean': 0.25,
    'f1_best_mean': None,
    'marked': {'median': 0.0, 'percentile_95': 0.0312, 'largest': 0.2},
}


def test_seeds_have_rows_and_a_mean():
  other = {**_SCORES, 'block_auc_mean': 0.77}
  table = held_out_table.table({1: other, 0: _SCORES}, {'v1': other})
  assert '640 forgeries and 250 untouched' in table.title
  assert [row[:3] for row in table.rows] == [
      ('seed 0', '0.750', '0.250'),
      ('seed 1', '0.770', '0.250'),
      ('mean', '0.760 ± 0.014', '0.250 ± 0.000'),
      ('v1', '0.770', '0.250'),
  ]
  assert table.rows[0][3] == '–', 'no image has blocks of both classes'
  assert table.rows[0][4:7] == ('0.00 %', '3.12 %', '20.00 %')
  assert table.rows[0][7:] == ('–', '–'), 'all images are forged'
