"""Measures candidates in interleaved runs, each in a process of its own.

A shared machine is faster in one minute and slower in the next, so that two
times taken one after the other say little. Here each candidate runs a little
in every round, and what is reported is the ratio within a round: its median
over the rounds, the least and the most.

Interleaving does not make up for a core that others keep busy: PyTorch, whose
threads wait for each other, loses more by it than JAX does. A wide range says
that the machine was not idle.
"""

from collections.abc import Callable, Mapping, Sequence
import contextlib
import dataclasses
import multiprocessing
import os
import resource
import sys
import time
import traceback
from typing import Any

import numpy as np

from manloc_jax.data import worker_pool

# Candidates share a device: none may allocate all of its memory.
_SHARING = {'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'}


@dataclasses.dataclass(frozen=True)
class Candidate:
  """Something to time.

  Attributes:
    name: Shown in the results.
    make: Builds everything and returns `run(repeats)`, which returns when the
      work is done; called in the candidate's process, so it must pickle.
    environment: Environment variables of that process.
  """

  name: str
  make: Callable[[], Callable[[int], Any]]
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Times:
  """The times of the runs of a candidate.

  Attributes:
    seconds: Per repeat, one figure for each round.
    first_seconds: Of the first run, compilation included.
    peak_bytes: Largest resident memory of its process.
  """

  seconds: list[float]
  first_seconds: float
  peak_bytes: int

  def summary(self) -> dict[str, float]:
    """Returns median, least and most milliseconds, and the two others."""
    milliseconds = 1e3 * np.array(self.seconds)
    return {
        'milliseconds': float(np.median(milliseconds)),
        'least_milliseconds': float(milliseconds.min()),
        'most_milliseconds': float(milliseconds.max()),
        'first_seconds': self.first_seconds,
        'peak_mib': self.peak_bytes / 2**20,
    }


def measure(
    candidates: Sequence[Candidate], *, rounds: int, turn_seconds: float
) -> dict[str, Times]:
  """Times candidates in interleaved runs.

  Args:
    candidates: At least one; their names differ.
    rounds: Runs of each.
    turn_seconds: About how long a run lasts; at least one repeat.

  Returns:
    The times by name. Round i of one candidate is next to round i of another.

  Raises:
    RuntimeError: A candidate failed; its trace is on standard error.
  """
  with contextlib.ExitStack() as stack:
    runners = [stack.enter_context(_Runner(c)) for c in candidates]
    repeats = [
        max(1, round(turn_seconds / runner.ask(1))) for runner in runners
    ]
    seconds: list[list[float]] = [[] for _ in runners]
    for number in range(rounds):
      for runner, times, count in zip(runners, seconds, repeats, strict=True):
        times.append(runner.ask(count))
      print(f'round {number + 1}/{rounds}', end='\r', file=sys.stderr)
    print(file=sys.stderr)
    return {
        c.name: Times(times, runner.first_seconds, runner.close())
        for c, runner, times in zip(candidates, runners, seconds, strict=True)
    }


def ratio(times: Times, other: Times) -> dict[str, float]:
  """Returns how many times faster `times` is than `other`, round by round."""
  ratios = np.array(other.seconds) / np.array(times.seconds)
  return {
      'median': float(np.median(ratios)),
      'least': float(ratios.min()),
      'most': float(ratios.max()),
  }


class _Runner:
  """The process of a candidate; it is started and warmed up on entry."""

  def __init__(self, candidate: Candidate):
    self._candidate = candidate
    self.first_seconds = 0.0

  def __enter__(self):
    context = multiprocessing.get_context('spawn')
    self._pipe, theirs = context.Pipe()
    self._process = context.Process(
        target=_serve,
        args=(theirs, self._candidate.make),
        daemon=True,
    )
    before = dict(os.environ)
    # Some variables are read when the process starts, before any Python.
    os.environ.update({**_SHARING, **self._candidate.environment})
    try:
      with worker_pool.shielded_from_interrupts():
        self._process.start()
    finally:
      os.environ.clear()
      os.environ.update(before)
    theirs.close()
    self.first_seconds = self.ask(1)
    self.ask(1)
    return self

  def ask(self, repeats: int) -> float:
    """Runs `repeats` times; returns the seconds of one."""
    return self._exchange(repeats)

  def close(self) -> int:
    """Ends the process; returns its peak memory in bytes."""
    return self._exchange(0)

  def _exchange(self, message: int):
    try:
      self._pipe.send(message)
      return self._pipe.recv()
    except (EOFError, OSError) as error:
      name = self._candidate.name
      raise RuntimeError(
          f'The candidate {name!r} failed; its trace is above.'
      ) from error

  def __exit__(self, *unused):
    self._process.kill()
    self._process.join()


def _serve(pipe, make) -> None:
  """Runs a candidate as often as it is asked to, until it is asked for 0."""
  try:
    run = make()
    while repeats := pipe.recv():
      start = time.perf_counter()
      run(repeats)
      pipe.send((time.perf_counter() - start) / repeats)
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send(1024 * kibibytes)
  except Exception:
    traceback.print_exc()
    sys.exit(1)
