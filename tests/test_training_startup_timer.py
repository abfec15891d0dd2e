"""The stopwatch of a start."""

import time

from manloc_jax.training import startup_timer


def test_stages_add_up(monkeypatch):
  clock = iter([4.0, 5.5, 6.0, 8.0])
  monkeypatch.setattr(time, 'monotonic', lambda: next(clock))
  stages = startup_timer.Stages('imports', since=1.0)
  stages.begin('input')
  stages.begin('imports')
  stages.begin(None)
  assert stages.seconds == {'imports': 3.5, 'input': 1.5}
  assert str(stages) == '5.0 s: imports 3.5, input 1.5'


def test_process_started_before_now():
  assert 0 < time.monotonic() - startup_timer.process_start() < 1e5
