"""Degraded test images scored level by level."""

import functools
import json
import pathlib

import jax
import numpy as np
import pytest
import small
import trees

from manloc_jax import errors
from manloc_jax import models
from manloc_jax import run_config
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.sampling import degraded_windows
from manloc_jax.data.storage import backend
from manloc_jax.data.storage.prepared_set import PreparedSet
from manloc_jax.evaluation import patches as patch_evaluation
from manloc_jax.evaluation import robustness
from manloc_jax.metrics import thresholds
from manloc_jax.reports import report
from manloc_jax.reports import robustness_figures
from manloc_jax.reports import run_results
from manloc_jax.training import checkpoint
from manloc_jax.training import sharding
from manloc_jax.training import state as state_lib

LEVELS = ((None, None), ('jpeg', 50), ('noise', 23), ('resize', 0.25))


class Killed(Exception):
  """Stands for the signal that ends a process."""


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
  return trees.casia1(tmp_path_factory.mktemp('tree') / 'casia')


@pytest.fixture(scope='module')
def prepared(tree, tmp_path_factory):
  folder = tmp_path_factory.mktemp('set')
  return PreparedSet.open(
      trees.prepared(
          tree,
          folder,
          use_pristine=True,  # They have no mask to read.
          split_rule='random',
          backend='memory',  # In the order of the images, unlike shards.
      )
  )


@pytest.fixture(scope='module')
def mesh():
  return sharding.make_mesh(jax.devices()[:2])


@pytest.fixture(scope='module')
def config(tree):
  return small.config(**{'data.root': str(tree)})


@pytest.fixture(scope='module')
def finished(config, prepared, mesh, tmp_path_factory):
  """A run that was evaluated; its network has learned nothing."""
  workdir = str(tmp_path_factory.mktemp('run'))
  run_config.write_or_check(workdir, config, 'split')
  tx, _ = state_lib.make_optimizer(num_steps=1, **config.optim)
  model = models.make(config)
  create = jax.jit(functools.partial(state_lib.create, model, tx, models.SIDE))
  state = create(jax.random.key(0))
  with checkpoint.make_manager(workdir) as manager:
    progress = checkpoint.Progress(scores={1: 0.5}, done=True)
    checkpoint.save(manager, 1, state, progress)
  patch_evaluation.evaluate(config, prepared, workdir, mesh)
  return workdir


@pytest.fixture(autouse=True)
def few_levels(monkeypatch):
  monkeypatch.setattr(robustness, 'LEVELS', LEVELS)


def windows(prepared, tree):
  """The windows of each image as it is."""
  job = prepared.job
  records = prepared.records(degraded_windows.SPLIT, tree)
  return [degraded_windows.cut(record, job) for record in records]


@pytest.mark.parametrize('processes', [1, 3])
def test_undegraded_batches_are_those_of_the_prepared_split(
    processes, prepared, tree
):
  cuts = windows(prepared, tree)
  for index in range(processes):
    options = {'batch_size': 4, 'process': (index, processes)}
    ours = degraded_windows.batches(cuts, **options)
    theirs = backend.eval_batches(prepared, 'test_grid', **options)
    for one, other in zip(ours, theirs, strict=True):
      for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_undegraded_scores_are_those_of_the_evaluation(
    config, prepared, mesh, finished
):
  path = robustness.robustness(config, prepared, finished, mesh, workers=2)
  content = json.loads(path.read_text())
  first, *degraded = content['levels']
  whole = json.loads(
      pathlib.Path(finished, 'results', 'test_grid.json').read_text()
  )
  for key in first.keys() - {'series', 'level', 'images_without_windows'}:
    assert first[key] == whole[key], key
  assert [(x['series'], x['level']) for x in degraded] == [*LEVELS[1:]]
  jpeg, noise, tiny = degraded
  assert jpeg['counts'] == noise['counts'] == first['counts']
  assert jpeg['trivial'] == first['trivial']
  assert jpeg['scores'] != first['scores'] != noise['scores']
  # 128x192 pixels are too few for a window at a quarter of the side.
  assert len(tiny['images_without_windows']) == first['counts']['images']
  assert tiny['scores']['pixel_auc_pooled'] is None


def test_killed_run_keeps_finished_levels(
    config, prepared, mesh, finished, monkeypatch
):
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  unbroken = path.read_text()
  stat = path.stat()
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  assert path.stat() == stat

  cut_levels = []
  cut = degraded_windows.cut

  def cut_then_die(record, *, series, **kwargs):
    if series == dies_at:
      raise Killed
    if series not in cut_levels:
      cut_levels.append(series)
    return cut(record, series=series, **kwargs)

  monkeypatch.setattr(degraded_windows, 'cut', cut_then_die)
  path.unlink()
  dies_at = 'noise'
  with pytest.raises(Killed):
    robustness.robustness(config, prepared, finished, mesh, workers=1)
  unfinished = path.with_name('unfinished.json')
  assert not path.exists()
  assert len(json.loads(unfinished.read_text())['levels']) == 2
  assert cut_levels == [None, 'jpeg']
  cut_levels.clear()
  dies_at = ''
  robustness.robustness(config, prepared, finished, mesh, workers=1)
  assert cut_levels == ['noise', 'resize']
  assert path.read_text() == unbroken and not unfinished.exists()

  # Of another config: all of it is stale.
  other = config.copy_and_resolve_references()
  other.eval.bins = 32
  robustness.robustness(other, prepared, finished, mesh, workers=1)
  content = json.loads(path.read_text())
  assert len(content['levels']) == len(LEVELS)
  assert content['config']['eval']['bins'] == 32
  (kept,) = (path.parent / 'replaced').iterdir()
  assert kept.read_text() == unbroken
  kept.replace(path)
  kept.parent.rmdir()


def test_scores_at_other_levels_are_kept_apart(
    config, prepared, mesh, finished
):
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  new = path.read_text()
  content = json.loads(new)
  # As version 0.1 wrote it, without the levels; one of them was another blur.
  for series in content['series'].values():
    del series['levels']
  content['levels'][1] |= {'series': 'blur', 'level': 3}
  path.write_text(json.dumps(content))
  robustness.robustness(config, prepared, finished, mesh, workers=1)
  assert path.read_text() == new
  (kept,) = (path.parent / 'replaced').iterdir()
  assert json.loads(kept.read_text()) == content
  kept.unlink()
  kept.parent.rmdir()


# Its threshold is chosen on validation, or was before.
@pytest.mark.parametrize('edge, split', [(None, "split 'val'"), (3, 'undegr')])
def test_a_diverged_network_costs_no_results(
    edge, split, tree, prepared, mesh, tmp_path
):
  changes = {'data.root': str(tree)}
  workdir = small.untrained_run(tmp_path, scale=float('nan'), **changes)
  config = small.config(**changes)
  if edge is not None:
    bins = config.eval.bins
    chosen = thresholds.Threshold(small.STEP, edge / bins, bins)
    thresholds.write(workdir, chosen)
  path = tmp_path / robustness.FILE
  path.parent.mkdir(parents=True)
  path.write_text('{"step": 1}')
  words = f'checkpoint {small.STEP} in .*{split}.* not finite'
  with pytest.raises(errors.UserError, match=words):
    robustness.robustness(config, prepared, workdir, mesh, workers=1)
  assert [each.name for each in path.parent.iterdir()] == [path.name]
  assert path.read_text() == '{"step": 1}'


def test_report_shows_it_and_evaluation_leaves_it(
    config, prepared, mesh, finished
):
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  splits = run_results.read_results(pathlib.Path(finished))
  assert splits.keys() == {'test', 'test_grid'}
  text = report.report(finished).read_text()
  assert '| Gaussian noise, standard deviation in grey levels | 23 |' in text
  assert '![Robustness](figures/robustness.png)' in text
  figure = pathlib.Path(finished, 'figures', 'robustness.png')
  assert images.read_image(figure).pixels.std() > 1
  other = config.copy_and_resolve_references()
  other.eval.splits = ('test_grid',)
  patch_evaluation.evaluate(other, prepared, finished, mesh)
  assert path.exists()
  patch_evaluation.evaluate(config, prepared, finished, mesh)


def test_networks_without_masks_are_drawn_by_their_patches(
    config, prepared, mesh, finished, tmp_path
):
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  content = json.loads(path.read_text())
  for level in content['levels']:
    level['scores'] = {
        k: v for k, v in level['scores'].items() if k.startswith('patch')
    }
  scores = tmp_path / 'scores.json'
  scores.write_text(json.dumps(content))
  robustness_figures.curves(scores, tmp_path / 'patches.png')
  assert images.read_image(tmp_path / 'patches.png').pixels.std() > 1
  auc = content['levels'][0]['scores']['patch_auc']
  assert f'| {auc:.3f} | – | – | – |' in robustness_figures.table(scores)


def test_missing_images_are_named(config, prepared, mesh, finished, tmp_path):
  other = config.copy_and_resolve_references()
  other.data.root = str(tmp_path)
  path = robustness.robustness(config, prepared, finished, mesh, workers=1)
  path.unlink()
  with pytest.raises(spec.DataError, match='There is no file'):
    robustness.robustness(other, prepared, finished, mesh, workers=1)
  assert not path.exists()
