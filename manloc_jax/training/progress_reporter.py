"""Reports the progress of a training loop and refuses a diverged one."""

import math
import sys
import time

from manloc_jax import errors


def check_finite(
    value: float, step: int, remedy: str, name: str = 'loss'
) -> None:
  """Raises UserError where a network has diverged.

  Args:
    value: Such as the loss of an update, or its mean over several.
    step: Updates so far.
    remedy: What to do, the end of the sentence without its full stop.
    name: What the value is called.
  """
  if not math.isfinite(value):
    raise errors.UserError(f'The {name} is {value} at step {step}; {remedy}.')


class ProgressReporter:
  """Prints one line of progress: step, loss, examples per second, time left.

  It also measures how long the loop waited for the input pipeline: the most
  that the devices can have been idle, for they are a step behind the loop.
  """

  def __init__(
      self,
      first: int,
      num_steps: int,
      batch_size: int,
      show: bool,
      examples: str = 'patches',
  ):
    """Starts the clock.

    Args:
      first: Updates done so far.
      num_steps: Updates in all.
      batch_size: Examples of an update.
      show: Whether to print; `report` returns the rates all the same.
      examples: What the examples are called, such as `patches`.
    """
    self._examples = examples
    self._num_steps, self._batch_size = num_steps, batch_size
    self._show = show
    self._note = ''
    self._waited = self._excluded = 0.0
    self._step, self._start = first, time.monotonic()

  def waiting(self):
    """Returns a context whose time counts as waiting for input."""
    return _Stopwatch(lambda s: setattr(self, '_waited', self._waited + s))

  def paused(self):
    """Returns a context whose time is neither training nor waiting."""
    return _Stopwatch(lambda s: setattr(self, '_excluded', self._excluded + s))

  def set_note(self, text: str) -> None:
    """Prints `text` at the end of the following lines."""
    self._note = text

  def report(self, step: int, loss: float) -> dict[str, float]:
    """Prints and returns the rates since the last report.

    Args:
      step: Updates so far.
      loss: Of the last update, or its mean since the last report.

    Returns:
      `<examples>_per_s`, and `input_wait_share`: the fraction of the time that
      the loop waited for input.
    """
    seconds = max(time.monotonic() - self._start - self._excluded, 1e-9)
    done = step - self._step
    rates = {
        f'{self._examples}_per_s': done * self._batch_size / seconds,
        'input_wait_share': self._waited / seconds,
    }
    left = (self._num_steps - step) * seconds / max(done, 1)
    if self._show:
      line = (
          f'step {step}/{self._num_steps}  loss {loss:.4f}'
          f'  {rates[f"{self._examples}_per_s"]:.0f} {self._examples}/s'
          f'  {int(left) // 60}:{int(left) % 60:02d} left  {self._note}'
      )
      # On a terminal the line is redrawn, in a log each report is a line.
      end = '\r' if sys.stderr.isatty() else '\n'
      print(f'{line:<78}', end=end, file=sys.stderr, flush=True)
    self._waited = self._excluded = 0.0
    self._step, self._start = step, time.monotonic()
    return rates

  def close(self) -> None:
    """Ends the line on a terminal, so that it is not overwritten."""
    if self._show and sys.stderr.isatty():
      print(file=sys.stderr)


class _Stopwatch:
  """Calls `report(seconds)` when its block ends."""

  def __init__(self, report):
    self._report = report

  def __enter__(self):
    self._start = time.monotonic()

  def __exit__(self, *unused):
    self._report(time.monotonic() - self._start)
