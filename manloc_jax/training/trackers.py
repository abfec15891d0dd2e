"""Experiment trackers, which get the metrics of a run beside `metrics.jsonl`.

TensorBoard gets them wherever it is installed, for it writes nothing but a file
in the run's folder. Others are chosen by `train.tracker`.
"""

from collections.abc import Mapping
import contextlib
import importlib.util
import math
import sys
import time
from typing import Any, Protocol

import ml_collections

from manloc_jax import errors
from manloc_jax import run_config

TRACKIO = 'trackio'
NAMES = (TRACKIO,)  # Values of `train.tracker`, and names of extras.
_PROJECT = 'manloc_jax'


class Tracker(Protocol):
  """Takes the metrics of one run."""

  def log(self, step: int, scalars: Mapping[str, float]) -> None:
    """Takes the scalars of a step; a resumed run repeats some steps."""

  def close(self) -> None:
    """Ends the run, or this part of it."""


def check(name: str | None) -> None:
  """Raises UserError unless `train.tracker` can be opened."""
  if name is None:
    return
  if name not in NAMES:
    raise errors.UserError(
        f'--config.train.tracker is {errors.shown(name)}; choose'
        f' {" or ".join(NAMES)}, or leave it out.'
    )
  if importlib.util.find_spec(name) is None:
    raise errors.UserError(
        f'--config.train.tracker={name} needs the package {name}; install it'
        f" with: pip install 'manloc_jax[{name}]'."
    )


def open_all(
    workdir: str, config: ml_collections.ConfigDict | None
) -> list[Tracker]:
  """Opens the trackers of a run.

  Args:
    workdir: Its folder, by whose path it is known.
    config: Its config; none for TensorBoard alone.

  Raises:
    UserError: See `check`.
  """
  trackers: list[Tracker] = []
  if importlib.util.find_spec('tensorboard') is not None:
    trackers.append(_TensorBoard(workdir))
  name = config and config.train.get('tracker')
  check(name)
  if name == TRACKIO:
    trackers.append(_Trackio(workdir, config))
  return trackers


class _TensorBoard:
  """Writes events into the run's folder; needs no TensorFlow."""

  def __init__(self, workdir: str):
    from tensorboard.summary.writer import event_file_writer

    self._events = event_file_writer.EventFileWriter(str(workdir))

  def log(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes the scalars of a step as one event."""
    from tensorboard.compat.proto import event_pb2
    from tensorboard.compat.proto import summary_pb2

    values = [
        summary_pb2.Summary.Value(tag=key, simple_value=value)
        for key, value in scalars.items()
    ]
    summary = summary_pb2.Summary(value=values)
    self._events.add_event(
        event_pb2.Event(wall_time=time.time(), step=step, summary=summary)
    )
    self._events.flush()

  def close(self) -> None:
    self._events.close()


class _Trackio:
  """Writes into Trackio's database, on this machine unless told otherwise."""

  def __init__(self, workdir: str, config: Any):
    import trackio

    self._trackio = trackio
    with contextlib.redirect_stdout(sys.stderr):
      trackio.init(
          project=_PROJECT,
          name=str(workdir),
          config=run_config.flatten(run_config.plain(config)),
          resume='allow',  # A run that was killed goes on.
          embed=False,
          auto_log_gpu=False,
          auto_log_cpu=False,
      )

  def log(self, step: int, scalars: Mapping[str, float]) -> None:
    known = {k: v for k, v in scalars.items() if math.isfinite(v)}
    self._trackio.log(known, step=step)

  def close(self) -> None:
    with contextlib.redirect_stdout(sys.stderr):
      self._trackio.finish()
