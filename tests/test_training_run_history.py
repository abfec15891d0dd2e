"""Runs that go on with other settings, and what a run started from."""

import pathlib

import chex
import jax
import pytest
import small
import trees

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import run_config
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.evaluation import patches as patch_evaluation
from manloc_jax.reports import report
from manloc_jax.training import checkpoint
from manloc_jax.training import extension
from manloc_jax.training import metric_writer
from manloc_jax.training import run_history
from manloc_jax.training import sharding
from manloc_jax.training import train


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
  folder = tmp_path_factory.mktemp('set')
  tree = trees.casia1(folder / 'casia')
  return PreparedSet.open(trees.prepared(tree, folder / 'prepared'))


@pytest.fixture(scope='module')
def mesh():
  return sharding.make_mesh(jax.devices()[:1])


@pytest.fixture(scope='module')
def go_on(prepared, mesh):
  """Returns a function that trains like `--mode=train`."""

  def run(workdir, extends: bool = False, **changes) -> str:
    workdir, config = str(workdir), small.config(**changes)
    if extends:
      extension.extend(workdir, config)
    run_config.write_or_check(workdir, config, 'split')
    train.train(config, prepared, workdir, mesh)
    return workdir

  return run


@pytest.fixture(scope='module')
def extended(go_on, prepared, mesh, tmp_path_factory):
  """A run of 6 steps that was evaluated, and went on to 9."""
  workdir = go_on(tmp_path_factory.mktemp('run'))
  patch_evaluation.evaluate(small.config(), prepared, workdir, mesh)
  report.report(workdir)
  return go_on(workdir, extends=True, num_steps=9)


@pytest.mark.slow
def test_an_extended_run_is_like_one_of_all_steps(extended, go_on, tmp_path):
  """So the optimizer, the order of patches and the metrics go on."""
  at_once = go_on(tmp_path, num_steps=9)
  chex.assert_trees_all_equal(
      checkpoint.load(extended, 9).params, checkpoint.load(at_once, 9).params
  )
  losses = lambda workdir: {
      line['step']: line['train_total']
      for line in metric_writer.read(workdir)
      if 'train_total' in line
  }
  # The run of 6 steps logged its last one.
  assert losses(extended).items() >= losses(at_once).items()


@pytest.mark.slow
def test_the_settings_of_each_phase_are_kept(extended):
  first, second = run_history.read(extended)['phases']
  assert first['first_step'] == 0 and second['first_step'] == 6
  assert first['settings']['num_steps'] == 6
  assert second['settings']['num_steps'] == 9
  assert run_config.read(extended).num_steps == 9
  # It was of the run before.
  assert not (pathlib.Path(extended) / 'report.md').exists()


@pytest.mark.slow
def test_the_report_tells_of_an_extension(extended, prepared, mesh):
  config = small.config(num_steps=9)
  patch_evaluation.evaluate(config, prepared, extended, mesh)
  text = report.report(extended).read_text()
  assert 'Extended after step 6: num_steps from 6 to 9.' in text


@pytest.mark.slow
def test_a_killed_extension_ends_like_an_unbroken_one(
    go_on, tmp_path, monkeypatch
):
  settings = {
      'num_steps': 12,
      'optim.learning_rate': 3e-3,
      'optim.warmup_steps': 2,
      'optim.final_fraction': 0.1,
  }
  unbroken = go_on(tmp_path / 'a')
  go_on(unbroken, extends=True, **settings)

  save, broken = checkpoint.save, go_on(tmp_path / 'b')

  def save_then_die(manager, step, *args, **kwargs):
    save(manager, step, *args, **kwargs)
    manager.wait_until_finished()
    if step == 8:
      raise KeyboardInterrupt

  monkeypatch.setattr(checkpoint, 'save', save_then_die)
  with pytest.raises(KeyboardInterrupt):
    go_on(broken, extends=True, **settings)
  monkeypatch.setattr(checkpoint, 'save', save)
  go_on(broken, extends=True, **settings)
  chex.assert_trees_all_equal(
      checkpoint.load(unbroken, 12).params, checkpoint.load(broken, 12).params
  )
  rates = {
      line['step']: line['learning_rate']
      for line in metric_writer.read(broken)
      if 'learning_rate' in line
  }
  assert rates[6] == pytest.approx(1e-3)
  # Half of the warm-up, then the cosine down to a tenth.
  assert rates[8] == pytest.approx(1.5e-3) and 3e-4 < rates[12] < 1.5e-3


@pytest.mark.slow
def test_patience_begins_anew(go_on, tmp_path, monkeypatch):
  """A run that stopped early goes on, though its best score is long ago."""
  monkeypatch.setattr(
      checkpoint.Progress, 'best_step', property(lambda self: 1)
  )
  settings = {
      'num_steps': 20, 'train.eval_every_steps': 2, 'train.patience_evals': 2
  }  # fmt: skip
  workdir = go_on(tmp_path, **settings)
  last = lambda: max(line['step'] for line in metric_writer.read(workdir))
  assert last() == 4
  go_on(workdir, extends=True, **settings, **{'optim.learning_rate': 1e-4})
  assert last() == 8


@pytest.mark.slow
@pytest.mark.parametrize(
    'changes, words',
    [
        ({'num_steps': 9}, 'has done 9 steps .* is 9; give more'),
        (
            {'num_steps': 12, 'model.head': 'mean'},
            "model.head is 'last' there and 'mean' here.*init_from",
        ),
    ],
)
def test_what_cannot_be_extended_is_said(changes, words, extended):
  before = run_config.read(extended), run_history.read(extended)
  changes = {'optim.clip_norm': 1.0, **changes}
  with pytest.raises(errors.UserError, match=words):
    extension.extend(extended, small.config(**changes))
  assert (run_config.read(extended), run_history.read(extended)) == before


def test_a_run_without_checkpoint_cannot_be_extended(tmp_path):
  run_config.write_or_check(str(tmp_path), small.config(), 'split')
  with pytest.raises(errors.UserError, match='no checkpoint to go on from'):
    extension.extend(str(tmp_path), small.config(num_steps=9))


@pytest.mark.slow
def test_a_run_says_what_it_started_from(extended, go_on, tmp_path, capsys):
  other = go_on(tmp_path, **{'train.init_from': extended, 'num_steps': 3})
  said = capsys.readouterr().err
  assert f'Starts from the parameters of {extended} at step' in said
  source = run_history.read(other)['init_from']
  assert source['source'] == extended
  assert source['step'] == checkpoint.load(extended).step
  assert source['data']['name'] == 'casia1'
  assert len(source['params_sha256']) == 64


@pytest.mark.parametrize('content', ['[]', '{"phases": [{}]}', '{'])
def test_a_damaged_history_is_named(content, tmp_path):
  files.write_text(tmp_path / run_history.FILE, content)
  with pytest.raises(errors.UserError, match='history.json'):
    run_history.first_step(tmp_path)
