"""Ends a command at Ctrl-C with one sentence instead of a traceback.

Python raises KeyboardInterrupt wherever it happens to be. In most code that is
fine: incomplete files are removed, and the command ends. But during an import
it may crash the process, in callbacks it is printed and ignored, and some
libraries catch it. The process then ends at once, which is safe: what a killed
command leaves behind, the next one removes.
"""

from collections.abc import Callable
import os
import signal
import sys
import threading
import types
from typing import Any, NoReturn

EXIT_CODE = 130  # What a shell reports for the signal.

_GRACE_SECONDS = 10.0  # For files to be closed, before the command just ends.
# What Python does by itself, and what `main` asks for while it is imported; a
# job in the background ignores Ctrl-C, and goes on doing so.
_UNHANDLED = (signal.default_int_handler, signal.SIG_DFL)


class Interrupts:
  """Handles Ctrl-C for a command.

  Attributes:
    is_stopping: Whether Ctrl-C was pressed.
  """

  def __init__(self, advice: Callable[[], str]):
    """Handles Ctrl-C from now on.

    Args:
      advice: Returns a sentence that says what is kept and how to go on.
    """
    self._advice = advice
    self.is_stopping = False
    if signal.getsignal(signal.SIGINT) in _UNHANDLED:
      signal.signal(signal.SIGINT, self._handle)

  def _handle(self, number: int, frame: types.FrameType | None) -> None:
    """Ends the workers, which do not see Ctrl-C, and then the command.

    Raises:
      KeyboardInterrupt: Unless the process ends here.
    """
    self.is_stopping = True
    # A second Ctrl-C ends the process at once, whatever it waits for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _kill_workers()
    if _is_importing(frame):
      self.leave()
    sys.unraisablehook = self._leave_anyway
    timer = threading.Timer(_GRACE_SECONDS, self.leave)
    timer.daemon = True
    timer.start()
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
      os._exit(EXIT_CODE)


def _kill_workers() -> None:
  if 'multiprocessing' in sys.modules:
    import multiprocessing  # Commands without workers start without it.

    for worker in multiprocessing.active_children():
      worker.kill()


def _is_importing(frame: types.FrameType | None) -> bool:
  while frame is not None:
    if frame.f_code.co_filename.startswith('<frozen importlib'):
      return True
    frame = frame.f_back
  return False
