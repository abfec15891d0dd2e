"""Committed results and the tables made from them."""

import json
import pathlib

import pytest

from manloc_jax import errors
from manloc_jax.reports import generated_docs
from manloc_jax.reports import run_results

README = pathlib.Path(__file__).parents[1] / 'README.md'


def test_readme_shows_the_committed_results(tmp_path):
  copy = tmp_path / 'README.md'
  copy.write_text(README.read_text())
  generated_docs.update(copy)
  assert copy.read_text() == README.read_text(), (
      'run manloc report --readme README.md'
  )


def test_readme_without_marks_is_refused(tmp_path):
  copy = tmp_path / 'README.md'
  copy.write_text('No marks.')
  with pytest.raises(errors.UserError, match='results:begin'):
    generated_docs.update(copy)


def test_comparison_names_the_settings_that_differ(tmp_path):
  for name, rate in (('a', 1e-3), ('b', 2e-3)):
    results = tmp_path / name / 'results'
    results.mkdir(parents=True)
    result = {
        'config': {'optim': {'learning_rate': rate}, 'seed': 0},
        'scores': {'patch_auc': rate},
    }
    (results / 'test.json').write_text(json.dumps(result))
  assert run_results.compare([tmp_path / 'a', tmp_path / 'b']) == {
      'a': {
          'settings': {'optim.learning_rate': 1e-3},
          'scores': {'test': {'patch_auc': 1e-3}},
      },
      'b': {
          'settings': {'optim.learning_rate': 2e-3},
          'scores': {'test': {'patch_auc': 2e-3}},
      },
  }
