"""The metrics of a run, in its folder and in trackers."""

import contextlib
import importlib.util
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

from manloc_jax import errors
from manloc_jax.training import metric_writer
from manloc_jax.training import trackers


def test_resumed_run_drops_lines_past_its_checkpoint(tmp_path):
  with metric_writer.Writer(str(tmp_path), first_step=0) as out:
    for step in (1, 2, 3):
      out.write(step, {'loss': step})
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 4, "lo')  # Killed while writing.
  with metric_writer.Writer(str(tmp_path), first_step=2) as out:
    out.write(3, {'loss': 30})
  assert metric_writer.read(str(tmp_path)) == [
      {'step': 1, 'loss': 1.0},
      {'step': 2, 'loss': 2.0},
      {'step': 3, 'loss': 30.0},
  ]


def test_other_processes_write_nothing(tmp_path):
  with metric_writer.Writer(str(tmp_path), first_step=0, enabled=False) as out:
    out.write(1, {'loss': 1})
  assert not list(tmp_path.iterdir())


def test_tensorboard_events_where_it_is_installed(tmp_path):
  pytest.importorskip('tensorboard', reason='TensorBoard is not installed.')
  with metric_writer.Writer(str(tmp_path), first_step=0) as out:
    out.write(1, {'loss': 0.5})
  assert list(tmp_path.glob('events.out.tfevents.*'))


# Writes as a run does that was killed after its second line.
_TRACKED = """
import sys
import small
from manloc_jax.training import metric_writer
config = small.config(**{'train.tracker': 'trackio'})
for first, steps in ((0, (1, 2)), (2, (3,))):
  with metric_writer.Writer(
      sys.argv[1], first_step=first, config=config
  ) as out:
    for step in steps:
      out.write(step, {'loss': 1 / step, 'undefined': float('nan')})
"""


@pytest.mark.slow
def test_a_tracker_gets_the_metrics_of_a_resumed_run_as_one(tmp_path):
  if importlib.util.find_spec('trackio') is None:
    pytest.skip('Trackio is not installed.')
  root = pathlib.Path(__file__).parents[1]
  done = subprocess.run(
      [sys.executable, '-c', _TRACKED, str(tmp_path / 'run')],
      env={
          **os.environ,
          'TRACKIO_DIR': str(tmp_path / 'store'),
          'PYTHONPATH': f'{root}{os.pathsep}{root / "tests"}',
      },
      check=True, capture_output=True, timeout=120,
  )  # fmt: skip
  assert not done.stdout
  (database,) = (tmp_path / 'store').glob('*.db')
  with contextlib.closing(sqlite3.connect(database)) as connection:
    rows = connection.execute('select run_name, step, metrics from metrics')
    found = [(name, step, json.loads(told)) for name, step, told in rows]
  assert found == [
      (str(tmp_path / 'run'), step, {'loss': 1 / step}) for step in (1, 2, 3)
  ]


@pytest.mark.parametrize(
    'name, words',
    [('mlflow', "is 'mlflow'; choose trackio"), ('trackio', 'pip install')],
)
def test_a_tracker_that_is_not_there_is_said(name, words, monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(errors.UserError, match=words):
    trackers.check(name)
