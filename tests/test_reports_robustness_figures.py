"""The robustness figure and table: a damaged file of scores is named."""

import pytest

from manloc_jax import errors
from manloc_jax.reports import robustness_figures


@pytest.mark.parametrize(
    'text',
    ['{', '[]', '{"levels": []}', '{"levels": 5, "series": {}}']
    + ['{"levels": [{}], "series": {}}', '{"levels": [], "series": []}'],
)
def test_damaged_scores_are_named(tmp_path, text):
  path = tmp_path / 'scores.json'
  path.write_text(text)
  with pytest.raises(errors.UserError, match='scores.json.*delete it'):
    robustness_figures.table(path)
  with pytest.raises(errors.UserError, match='scores.json.*delete it'):
    robustness_figures.curves(path, tmp_path / 'a.png')
  assert not (tmp_path / 'a.png').exists()
