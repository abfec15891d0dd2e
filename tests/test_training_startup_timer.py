"""Times of the stages of a start."""

import time

from manloc_jax.training import startup_timer


def test_stages_add_up(monkeypatch):
  clock = iter([4.0, 5.5, 6.0, 8.0])
  monkeypatch.setattr(time, 'monotonic', lambda: next(clock))
  timer = startup_timer.StageTimer('imports', since=1.0)
  timer.begin('input')
  timer.begin('imports')
  timer.begin(None)
  assert timer.seconds == {'imports': 3.5, 'input': 1.5}
  assert str(timer) == '5.0 s: imports 3.5, input 1.5'


def test_process_started_before_now():
  assert 0 < time.monotonic() - startup_timer.process_start() < 1e5
