"""Committed results and the tables made from them."""

import json

import pytest

from manloc_jax import errors
from manloc_jax.reports import generated_docs
from manloc_jax.reports import run_results


@pytest.mark.parametrize(
    'path', generated_docs.DOCUMENTS, ids=lambda path: path.name
)
def test_documents_show_the_committed_results(tmp_path, path):
  copy = tmp_path / path.name
  copy.write_text(path.read_text())
  generated_docs.update(copy)
  assert copy.read_text() == path.read_text(), 'run manloc report --docs'


def test_a_document_without_marks_is_refused(tmp_path):
  copy = tmp_path / 'README.md'
  copy.write_text('No marks.')
  with pytest.raises(errors.UserError, match='begin -->'):
    generated_docs.update(copy)


def test_a_package_without_documents_is_named(tmp_path, monkeypatch):
  monkeypatch.setattr(generated_docs, 'DOCUMENTS', (tmp_path / 'README.md',))
  with pytest.raises(errors.UserError, match='holds no docs/'):
    generated_docs.update_all()


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


def _write_result(workdir, split, step, **settings):
  """Writes what an evaluation leaves, as little of it as is read."""
  folder = workdir / 'results'
  folder.mkdir(parents=True, exist_ok=True)
  config = {'seed': 0, 'eval': {'splits': [split], 'bins': 16, **settings}}
  content = {'step': step, 'config': config, 'scores': {'patch_auc': 0.5}}
  (folder / f'{split}.json').write_text(json.dumps(content))


def test_results_of_an_older_checkpoint_are_named_and_left_out(tmp_path):
  for split, step in (('test', 300), ('test_grid', 300), ('val', 100)):
    _write_result(tmp_path, split, step)
  assert run_results.read_results(tmp_path).keys() == {'test', 'test_grid'}
  (line,) = run_results.list_left_out(tmp_path)
  assert 'val.json' in line and 'step 100' in line and 'step 300' in line


def test_results_of_other_settings_are_named_and_left_out(tmp_path):
  _write_result(tmp_path, 'test', 300)
  _write_result(tmp_path, 'test_grid', 300, bins=32)
  assert run_results.read_results(tmp_path).keys() == {'test'}
  (line,) = run_results.list_left_out(tmp_path)
  assert 'test_grid' in line and 'settings' in line


def test_seeds_evaluated_at_different_times_are_summarized(tmp_path):
  a, b = tmp_path / 'a', tmp_path / 'b'
  for workdir in (a, b):
    _write_result(workdir, 'test', 300, examples=len(workdir.name))
  _write_result(a, 'val', 300)
  summary = run_results.summarize([a, b])
  assert summary.keys() == {'test'}
  assert summary['test']['mean'] == {'patch_auc': 0.5}
  with pytest.raises(errors.UserError, match='same splits'):
    run_results.summarize([])
