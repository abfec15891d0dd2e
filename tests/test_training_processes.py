"""Several real processes do what one does, and outlive the loss of one."""

import json
import pathlib
import shutil
import time

import chex
import pytest
import several
import trees

from manloc_jax.data.storage import backend_names
from manloc_jax.training import checkpoint
from manloc_jax.training import metric_writer

BACKENDS = (backend_names.TFRECORD, backend_names.MEMORY)
STEPS = 40  # Of a run that is broken.
SPLITS = ('test', 'test_grid', 'test_images')


@pytest.fixture(scope='module')
def sets(tmp_path_factory) -> pathlib.Path:
  """The file that names a prepared set of each storage backend."""
  folder = tmp_path_factory.mktemp('several')
  tree = trees.casia1(folder / 'casia', forged=13)
  folders = {
      backend: str(
          trees.prepared(tree, folder / f'sets-{backend}', backend=backend)
      )
      for backend in BACKENDS
  }
  path = folder / 'sets.json'
  path.write_text(json.dumps(folders))
  return path


@pytest.fixture(scope='module')
def cache(tmp_path_factory) -> pathlib.Path:
  """Folder of compiled programs."""
  return tmp_path_factory.mktemp('xla')


def work(folder: pathlib.Path, cache, count: int, devices: int) -> None:
  """Trains and evaluates in `count` processes of so many devices."""
  command = [str(several.ROOT / 'tests/several.py'), str(folder)]
  group = several.start(count, command, cache, devices)
  for code, errors in several.ends(group):
    assert code == 0, errors


def scores(folder: pathlib.Path, backend: str, split: str) -> dict:
  path = folder / 'scored' / backend / 'results' / f'{split}.json'
  # NaN, a word here, is equal to itself.
  content = json.loads(path.read_text(), parse_constant=str)
  # What was measured of the time of these runs.
  for key in ('training', 'seconds_per_megapixel'):
    content.pop(key, None)
  return content


@pytest.mark.slow
@pytest.mark.parametrize(
    ('count', 'backend'),
    [(2, backend_names.MEMORY), (4, backend_names.TFRECORD)],
)
def test_processes_train_and_evaluate_like_one(
    count, backend, sets, cache, tmp_path
):
  one, many = tmp_path / 'one', tmp_path / 'many'
  prepared = json.loads(sets.read_text())
  for folder in (one, many):
    folder.mkdir()
    content = json.dumps({backend: prepared[backend]})
    (folder / 'sets.json').write_text(content)
  (one / 'scored').symlink_to(one / 'trained')
  work(one, cache, 1, devices=count)
  # The very parameters of `one`, for those of `many` may differ in a last bit.
  shutil.copytree(
      one / 'trained',
      many / 'scored',
      ignore=shutil.ignore_patterns('results', 'threshold.json'),
  )
  work(many, cache, count, devices=1)
  mine, theirs = (str(folder / 'trained' / backend) for folder in (many, one))
  chex.assert_trees_all_close(
      checkpoint.load(mine).params,
      checkpoint.load(theirs).params,
      atol=1e-5,
      rtol=0,
  )
  steps = [
      [line['step'] for line in metric_writer.read(workdir)]
      for workdir in (mine, theirs)
  ]
  assert steps[0] == steps[1], 'one process writes'
  for split in SPLITS:
    # Each patch and pixel counts once, to the last bit.
    assert scores(many, backend, split) == scores(one, backend, split)


def main_of(sets, workdir) -> list[str]:
  """Returns a command of the main job that trains for some seconds."""
  prepared = pathlib.Path(json.loads(sets.read_text())[BACKENDS[0]])
  return [
      '-m',
      'manloc_jax.main',
      '--config=configs/casia.py',
      '--mode=train',
      f'--workdir={workdir}',
      f'--config.data.root={sets.parent}/casia',
      f'--config.data.prepared={prepared.parent}',
      '--config.data.fractions=(0.5, 0.25, 0.25)',
      '--config.data.seed=3',
      '--config.data.sampler.stride=32',
      '--config.data.sampler.max_per_image=12',
      '--config.model.lstm_hidden=(8, 8, 64)',
      '--config.batch_size=8',
      '--config.eval.batch_size=16',
      f'--config.num_steps={STEPS}',
      '--config.train.log_every_steps=1',
      f'--config.train.eval_every_steps={STEPS // 2}',
      '--config.train.checkpoint_every_steps=5',
  ]


def wait_for(group, workdir, step: int) -> None:
  """Returns once the run has logged `step`."""
  end = time.monotonic() + several.SECONDS
  while time.monotonic() < end and all(x.poll() is None for x in group):
    lines = metric_writer.read(str(workdir))
    if lines and lines[-1]['step'] >= step:
      return
    time.sleep(0.02)
  for process in group:
    process.kill()
  raise AssertionError([process.communicate()[1] for process in group])


@pytest.mark.slow
def test_a_run_outlives_the_loss_of_a_process_and_preemption(
    sets, cache, tmp_path
):
  whole, broken = tmp_path / 'whole', tmp_path / 'broken'
  ((code, errors),) = several.ends(
      several.start(1, main_of(sets, whole), cache, devices=2)
  )
  assert code == 0, errors

  # The others depend on it; docs/site/rehearse_cluster.md loses another one.
  group = several.start(2, main_of(sets, broken), cache)
  wait_for(group, broken, 8)
  group[0].kill()
  killed = time.monotonic()
  code, errors = several.ends(group)[1]
  assert time.monotonic() - killed < 60
  assert code == 75, errors
  assert 'Another process of this run has ended' in errors
  assert 'Traceback' not in errors

  group = several.start(2, main_of(sets, broken), cache)
  wait_for(group, broken, 18)
  group[1].terminate()
  for code, errors in several.ends(group):
    assert code == 75, errors
    assert 'Preempted: step' in errors

  for code, errors in several.ends(
      several.start(2, main_of(sets, broken), cache)
  ):
    assert code == 0, errors
  chex.assert_trees_all_close(
      checkpoint.load(str(broken), STEPS).params,
      checkpoint.load(str(whole), STEPS).params,
      atol=1e-5,
      rtol=0,
  )
  steps = [
      line['step']
      for line in metric_writer.read(str(broken))
      if 'train_total' in line
  ]
  assert steps == [*range(1, STEPS + 1)]
