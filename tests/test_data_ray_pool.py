"""A Ray cluster instead of this machine: the same results, whoever dies."""

import argparse
import builtins
import json
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import sys
import time

import clusters
import numpy as np
from PIL import Image
import pytest
import trees

from manloc_jax import cli
from manloc_jax import errors
from manloc_jax.commands import engine_arguments
from manloc_jax.commands import image_paths
from manloc_jax.data import ray_pool
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.localization import portable

COUNT = 300
# What differs between two runs on the same images.
TIMES = ('seconds', 'time', 'seconds_per_megapixel')


def test_few_items_wait_at_a_time():
  read, waiting, most_seen = [], [], 0

  def items():
    for i in range(50):
      read.append(i)
      yield i

  def submit(item):
    nonlocal most_seen
    waiting.append(item)
    most_seen = max(most_seen, len(waiting))
    return lambda: waiting.remove(item) or -item

  results = worker_pool.bounded(submit, items(), lambda: 4)
  assert next(results) == 0 and len(read) == 4
  assert list(results) == [-i for i in range(1, 50)]
  assert most_seen == 4


def test_without_ray_a_sentence_says_what_to_install(monkeypatch):
  def refuse(name, *args):
    if name == 'ray':
      raise ImportError(name)
    return real(name, *args)

  real = builtins.__import__
  monkeypatch.delitem(sys.modules, 'ray', raising=False)
  monkeypatch.setattr(builtins, '__import__', refuse)
  with pytest.raises(errors.UserError, match="pip install 'ray'"):
    with ray_pool.connect():
      pass


@pytest.mark.parametrize('address', ['', 'x', 'http://a:1', 'a:b', ':5'])
def test_addresses_that_are_none_are_refused(address):
  pytest.importorskip('ray')
  with pytest.raises(errors.UserError, match='HOST:PORT'):
    with ray_pool.connect(address):
      pass


def test_where_nobody_answers_is_told_at_once():
  pytest.importorskip('ray')
  with socket.socket() as listening:
    listening.bind(('127.0.0.1', 0))
    port = listening.getsockname()[1]
  with pytest.raises(errors.UserError, match='Nothing answers'):
    with ray_pool.connect(f'127.0.0.1:{port}'):
      pass


def test_an_address_without_the_engine_is_refused(tmp_path, capsys):
  trees.save(tmp_path / 'a.png', trees.photograph(0))
  command = ['localize', str(tmp_path / 'a.png'), '--address=auto']
  assert cli.main([*command, f'--out={tmp_path / "out"}']) == 2
  assert 'add --engine=ray' in capsys.readouterr().err


def test_devices_are_not_for_tasks():
  args = argparse.Namespace(engine='ray')
  with pytest.raises(errors.UserError, match='--device=gpu is not for'):
    engine_arguments.make_localizer(args, None, None, device='gpu')


def test_a_localizer_is_made_again_where_it_is_sent():
  sent = pickle.dumps(portable.PortableLocalizer({'method': 'ela'}))
  made = pickle.loads(sent)
  assert made.provenance['method'] == 'ela'
  assert pickle.loads(sent) is made  # Once in each process.


def test_a_machine_with_other_versions_is_named():
  localizer = portable.PortableLocalizer({'method': 'noise'})
  localizer.packages = {**localizer.packages, 'numpy': '1.0', 'more': '2'}
  with pytest.raises(errors.UserError, match='differs .* numpy, more;'):
    pickle.loads(pickle.dumps(localizer))


@pytest.fixture(scope='module')
def cluster():
  with clusters.started() as started:
    yield started


@pytest.fixture(scope='module')
def images(tmp_path_factory):
  """300 small photographs with masks, a set of the kind `folder`."""
  folder = tmp_path_factory.mktemp('ray')
  for i in range(COUNT):
    for name in ('images', 'masks'):
      (folder / 'set' / name).mkdir(exist_ok=True, parents=True)
    Image.fromarray(trees.photograph(i, (96, 128))).save(
        folder / f'set/images/{i}.jpg', quality=90
    )
    mask = np.zeros((96, 128), np.uint8)
    mask[16:60, 20 : 50 + i % 60] = 255
    Image.fromarray(mask).save(folder / f'set/masks/{i}.png')
  return folder


def run(folder: pathlib.Path, *command: str, harm=None) -> list[str]:
  """Runs `manloc` in a folder, with `harm` in the middle; returns its lines."""
  process = subprocess.Popen(
      [sys.executable, '-m', 'manloc_jax.cli', *command],
      cwd=folder,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
  )
  if harm:
    harm()
  out, said = process.communicate(timeout=300)
  assert process.returncode == 0, said
  if harm:
    assert 'retries remaining' in said  # Somebody has died.
  return out.splitlines()


def kill_in_the_middle(cluster, folder: pathlib.Path, results: str) -> None:
  """Kills a worker when a sixth of the results are there."""
  end = time.monotonic() + 100
  while len([*folder.glob(results)]) < COUNT // 6:
    assert time.monotonic() < end, 'No results are written.'
    time.sleep(0.05)
  clusters.kill_worker(cluster)
  assert len([*folder.glob(results)]) < COUNT, 'It was too late.'


def without_times(value):
  if isinstance(value, dict):
    return {
        key: without_times(item)
        for key, item in value.items()
        if key not in TIMES
    }
  return [*map(without_times, value)] if isinstance(value, list) else value


def read(folder: pathlib.Path) -> dict[str, object]:
  """Returns the files of a folder: bytes, and JSON without times."""
  found: dict[str, object] = {}
  for path in folder.rglob('*'):
    if path.suffix == '.json':
      content = json.loads(path.read_text())
      found[path.relative_to(folder).as_posix()] = without_times(content)
    elif path.suffix == '.png':
      found[path.relative_to(folder).as_posix()] = path.read_bytes()
  return found


def test_machines_have_to_share_their_files(tmp_path):
  with pytest.raises(spec.DataError, match='under the same path everywhere'):
    ray_pool._run([], str(tmp_path / 'elsewhere'), 1)


def fail(item: str) -> str:
  if item == 'refused':
    raise spec.DataError('It is refused.')
  if item == 'deadly':
    os.kill(os.getpid(), signal.SIGKILL)
  return item


@pytest.mark.slow
def test_what_tasks_raise_is_raised_here(cluster):
  before = signal.getsignal(signal.SIGTERM)
  with ray_pool.connect(cluster.address) as engine, engine(None) as run_all:
    assert signal.getsignal(signal.SIGTERM) is before
    results = run_all(fail, ['a', 'b', 'refused'])
    assert [next(results), next(results)] == ['a', 'b']
    with pytest.raises(spec.DataError, match='^It is refused.$'):
      next(results)
    with pytest.raises(spec.DataError, match="gave up 'deadly' after 4"):
      list(run_all(fail, ['deadly']))


@pytest.mark.slow
def test_a_stopped_command_says_so(cluster, images):
  process = subprocess.Popen(
      [
          *(sys.executable, '-m', 'manloc_jax.cli', 'localize', 'set/images'),
          *('--method=blocks', '--out=stopped', '--engine=ray'),
          f'--address={cluster.address}',
      ],
      cwd=images,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
  )
  assert process.stdout is not None
  process.stdout.readline()  # An image is done.
  process.terminate()  # Ray has a handler of its own.
  _, said = process.communicate(timeout=60)
  assert process.returncode == 143
  assert 'Stopped. What is done is kept' in said


@pytest.mark.slow
def test_localization_survives_a_worker(cluster, images):
  command = ['localize', 'set/images', '--method=noise']
  run(images, *command, '--out=here')
  away = [*command, '--out=away', '--engine=ray', '--address', cluster.address]
  harm = lambda: kill_in_the_middle(cluster, images, 'away/*.json')
  lines = run(images, *away, harm=harm)
  records = [json.loads(line) for line in lines]
  assert len(records) == COUNT == len({record['image'] for record in records})
  here, there = read(images / 'here'), read(images / 'away')
  assert len(here) == 4 * COUNT + 1
  # The task of the worker may have ended, and was not heard of: when it is done
  # again, its results are there.
  assert there[image_paths.SUMMARY].pop('skipped') in (0, 1)
  assert here[image_paths.SUMMARY].pop('skipped') == 0
  assert here == there
  # The same command does nothing again.
  again = [json.loads(line) for line in run(images, *away)]
  assert len(again) == COUNT and all(record['skipped'] for record in again)


@pytest.mark.slow
def test_the_fusion_gives_the_same_there(cluster, images):
  command = ['localize', *(f'set/images/{i}.jpg' for i in range(4))]
  run(images, *command, '--out=fused')
  away = ['--engine=ray', '--address', cluster.address]
  run(images, *command, '--out=fused_away', *away)
  assert read(images / 'fused') == read(images / 'fused_away')


@pytest.mark.slow
def test_evaluation_survives_a_worker(cluster, images):
  command = ['evaluate', '--method=noise', '--data=mine=set']
  run(images, *command, '--out=scores')
  away = ['--out=scores_away', '--engine=ray', '--address', cluster.address]
  results = 'scores_away/mine/noise.images-*/*.npz'
  harm = lambda: kill_in_the_middle(cluster, images, results)
  run(images, *command, *away, harm=harm)
  here, there = read(images / 'scores'), read(images / 'scores_away')
  assert here == there and 'mine/noise.json' in here
  rows = here['mine/noise.json']['images']
  assert len(rows) == COUNT == len({row['image_id'] for row in rows})


@pytest.mark.slow
def test_preparation_survives_a_worker_and_a_node(cluster, images):
  def harm():
    clusters.kill_worker(cluster)
    clusters.kill_node(cluster)

  command = ['prepare', 'folder', 'set', '--backend=memory']
  (one,) = run(images, *command, '--out=prepared')
  away = ['--out=prepared_away', '--engine=ray', '--address', cluster.address]
  two, *more = run(images, *command, *away, harm=harm)
  assert not more
  here, there = (
      {path.name: path.read_bytes() for path in (images / folder).iterdir()}
      for folder in (one, two)
  )
  assert here == there and len(here) == 29
