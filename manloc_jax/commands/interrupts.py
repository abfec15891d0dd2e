"""Ends a command at Ctrl-C or SIGTERM with one sentence, without a traceback.

Python raises KeyboardInterrupt wherever it happens to be. In most code that is
fine: incomplete files are removed, and the command ends. But during an import
it may crash the process, in callbacks it is printed and ignored, some libraries
catch it, and it waits for calls into compiled code. The process then ends at
once or soon after, which is safe: what a killed command leaves behind, the next
one removes.
"""

from collections.abc import Callable, Iterator
import os
import signal
import sys
import threading
import time
import types
from typing import Any, NoReturn

# Of Ctrl-C, and of `kill` and schedulers.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_GRACE_SECONDS = 10.0  # For files to be closed, before the command just ends.
_START_SECONDS = 0.1  # For a worker process that is being started.
# Functions of multiprocessing and concurrent.futures that start workers.
_STARTERS = ('BaseProcess.start', 'ProcessPoolExecutor.submit')
# Semaphores of a process that ends at once are removed by the tracker that
# multiprocessing starts; it would print that they were left.
_QUIET_TRACKER = 'ignore::UserWarning:multiprocessing.resource_tracker'
# What Python does by itself, and what `main` asks for while it is imported; a
# job in the background ignores Ctrl-C, and goes on doing so.
_UNHANDLED = (signal.default_int_handler, signal.SIG_DFL)


def exit_code(number: int) -> int:
  """Returns what a shell reports for a command that a signal has ended."""
  return 128 + number


class Interrupts:
  """Handles Ctrl-C and SIGTERM for a command.

  Attributes:
    is_stopping: Whether one of them was received.
  """

  def __init__(self, advice: Callable[[], str]):
    """Handles both from now on.

    Args:
      advice: Returns a sentence that says what is kept and how to go on.
    """
    self._advice = advice
    self._exit_code = exit_code(signal.SIGINT)
    self.is_stopping = False
    self._handled = [
        number
        for number in _SIGNALS
        if signal.getsignal(number) in _UNHANDLED
    ]
    for number in self._handled:
      signal.signal(number, self._handle)
    if self._handled:
      # Processes that are started from now on have these options.
      if _QUIET_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(_QUIET_TRACKER)
      self._watch()

  def _watch(self) -> None:
    """Ends the process some time after a signal, whatever it waits for.

    Handlers wait for compiled code to return. Python writes the number of the
    signal to a pipe before that, where a thread reads it.
    """
    received, sent = os.pipe()
    os.set_blocking(sent, False)
    signal.set_wakeup_fd(sent, warn_on_full_buffer=False)

    def end_in_time() -> None:
      while not self._ends(number := os.read(received, 1)[0]):
        pass  # It is another one.
      self._exit_code = exit_code(number)
      time.sleep(_GRACE_SECONDS)
      self.leave()

    threading.Thread(target=end_in_time, daemon=True).start()

  def _ends(self, number: int) -> bool:
    """Tells whether a signal ends the command.

    A training handles SIGTERM by itself for a while; see
    `training.preemption`.
    """
    return number in self._handled and signal.getsignal(number) in (
        self._handle, signal.SIG_DFL
    )  # fmt: skip

  def _handle(self, number: int, frame: types.FrameType | None) -> None:
    """Ends the workers, which do not see Ctrl-C, and then the command.

    Raises:
      KeyboardInterrupt: Unless the process ends here, or a worker is being
        started, which is waited for.
    """
    # From here on, whatever fails may fail because of the signal: it may have
    # ended what multiprocessing starts beside the workers, or a worker while
    # another one is being started, which a thread of the pool cannot bear.
    self.is_stopping = True
    threading.excepthook = lambda failure: None
    self._exit_code = exit_code(number)
    if _is_starting_worker(frame):
      # The worker would show a traceback, and its semaphores would be left.
      again = (os.getpid(), number)
      threading.Timer(_START_SECONDS, os.kill, again).start()
      return
    # A second signal ends the process at once, whatever it waits for.
    for each in self._handled:
      signal.signal(each, signal.SIG_DFL)
    _kill_workers()
    if _is_importing(frame):
      self.leave()
    sys.unraisablehook = self._leave_anyway
    raise KeyboardInterrupt

  def _leave_anyway(self, unraisable: Any) -> None:
    if unraisable.exc_type is KeyboardInterrupt:
      self.leave()
    sys.__unraisablehook__(unraisable)

  def leave(self) -> NoReturn:
    """Prints that the command was stopped, and ends the process.

    It does not wait for the threads of libraries, some of which crash when the
    interpreter ends while they run.
    """
    try:
      sys.stdout.flush()
    except Exception:
      pass  # Nobody reads it, or the stream is in the middle of a write.
    try:
      # Not by `print`, for the same reason.
      os.write(2, f'\nStopped. {self._advice()}\n'.encode())
    finally:
      os._exit(self._exit_code)


def _kill_workers() -> None:
  if 'multiprocessing' in sys.modules:
    import multiprocessing  # Commands without workers start without it.

    for worker in multiprocessing.active_children():
      worker.kill()


def _is_starting_worker(frame: types.FrameType | None) -> bool:
  return any(code.co_qualname in _STARTERS for code in _running(frame))


def _is_importing(frame: types.FrameType | None) -> bool:
  return any(
      code.co_filename.startswith('<frozen importlib')
      for code in _running(frame)
  )


def _running(frame: types.FrameType | None) -> Iterator[types.CodeType]:
  """Yields the code of a frame and of its callers."""
  while frame is not None:
    yield frame.f_code
    frame = frame.f_back
