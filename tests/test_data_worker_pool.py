"""Worker processes: their number and their results."""

import multiprocessing
import os
import signal
import time

import pytest

from manloc_jax.data import spec
from manloc_jax.data import worker_pool


def test_cores_are_counted_on_every_system(monkeypatch):
  monkeypatch.setattr(os, 'process_cpu_count', lambda: 3, raising=False)
  assert worker_pool.available_cores() == 3
  monkeypatch.delattr(os, 'process_cpu_count')
  monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {0, 5}, raising=False)
  assert worker_pool.available_cores() == 2
  # macOS before Python 3.13.
  monkeypatch.delattr(os, 'sched_getaffinity')
  monkeypatch.setattr(os, 'cpu_count', lambda: 4)
  assert worker_pool.available_cores() == 4
  monkeypatch.setattr(os, 'cpu_count', lambda: None)
  assert worker_pool.available_cores() == 1


def test_the_default_works_without_affinity(monkeypatch):
  monkeypatch.delattr(os, 'process_cpu_count', raising=False)
  monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
  monkeypatch.setattr(os, 'cpu_count', lambda: 2)
  with worker_pool.ordered_map(None) as run:
    assert list(run(abs, [-3, 2, -1])) == [3, 2, 1]


@pytest.mark.parametrize('workers', [0, -1, 1.5, float('nan'), '2'])
def test_senseless_numbers_are_refused(workers):
  with pytest.raises(spec.DataError, match='number of workers'):
    with worker_pool.ordered_map(workers):
      pass


def _work(seconds: float) -> None:
  if seconds < 0:
    os.kill(os.getpid(), signal.SIGKILL)
  time.sleep(seconds)


def test_a_killed_worker_is_told_at_once():
  start = time.monotonic()
  with pytest.raises(spec.DataError, match='worker process was killed'):
    with worker_pool.ordered_map(2) as run:
      # Python notices the death of a worker only after both have begun. The
      # other one is ended in the middle of its work.
      list(run(_work, [0.5, 0.5, 60, -1]))
  assert time.monotonic() - start < 50


def test_a_worker_that_starts_while_another_dies_is_not_waited_for():
  context = multiprocessing.get_context('spawn')
  late = context.Process(target=time.sleep, args=(600,), daemon=True)
  with pytest.raises(spec.DataError, match='worker process was killed'):
    with worker_pool.ordered_map(2) as run:
      late.start()  # As the pool may, after it has ended all it knows of.
      list(run(os._exit, [1]))
  late.join(60)
  assert late.exitcode == -signal.SIGKILL
