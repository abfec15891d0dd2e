"""Times the stages of a run from its start to its first update."""

import time

FIRST_STEP = 'First step after'  # Begins the line that a run prints.


def process_start() -> float:
  """Returns about when this process started, on `time.monotonic`.

  Until a program has imported its first modules it is one thread at work, so
  that its processor time is its age, but for waits on the disk.
  """
  return time.monotonic() - time.process_time()


class StageTimer:
  """Adds up the seconds of several stages, one of which runs at a time.

  Attributes:
    seconds: Of each stage, as far as it has ended.
  """

  def __init__(self, stage: str, since: float | None = None):
    """Begins a stage.

    Args:
      stage: Its name.
      since: When it began, on `time.monotonic`; by default now.
    """
    self.seconds: dict[str, float] = {}
    self._stage: str | None = stage
    self._since = time.monotonic() if since is None else since

  def begin(self, stage: str | None) -> None:
    """Ends the running stage and begins `stage`, new or not; None stops."""
    now = time.monotonic()
    if self._stage is not None:
      spent = self.seconds.get(self._stage, 0.0) + now - self._since
      self.seconds[self._stage] = spent
    self._stage, self._since = stage, now

  def __str__(self) -> str:
    """Renders the seconds, such as `9.8 s: imports 4.1, input 1.6`."""
    stages = ', '.join(f'{k} {v:.1f}' for k, v in self.seconds.items())
    return f'{sum(self.seconds.values()):.1f} s: {stages}'
