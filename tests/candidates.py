"""Candidates of the tests; alone here, for their processes import this."""

import os
import time


def make_sleeper(seconds: float):
  return lambda repeats: time.sleep(repeats * seconds)


def make_reader(name: str, value: str | None):
  assert os.environ.get(name) == value
  return lambda repeats: None


def make_failure():
  raise ValueError('no such thing')


def make_late_failure():
  def run(repeats):
    raise ValueError('not now')

  return run
