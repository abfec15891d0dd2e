"""Prints pages of reports to PDF files, with a Chromium that is installed.

The browser opens pages of our own alone, which hold escaped text and pictures
that we have encoded, and whose policy forbids scripts and requests. It gets a
profile that is deleted, and it can look up no name of a host.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from manloc_jax import errors
from manloc_jax import files

PROGRAMS = (
    'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable',
    'chrome', 'msedge', 'microsoft-edge',
)  # fmt: skip
_SECONDS = 120  # Of one page; machines are busy.
_OPTIONS = (
    '--headless',
    '--disable-gpu',
    '--disable-extensions',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--no-pdf-header-footer',
    '--host-resolver-rules=MAP * ~NOTFOUND',
)
_NO_SANDBOX = '--no-sandbox'
_LONGEST_REASON = 200  # Characters of what the browser says.


class PrintError(errors.UserError):
  """A page could not be printed."""


class Printer:
  """A browser that prints pages."""

  def __init__(self) -> None:
    """Looks for a browser; starts none.

    Raises:
      UserError: There is none.
    """
    self._program = next(filter(None, map(shutil.which, PROGRAMS)), '')
    if not self._program:
      raise errors.UserError(
          'Reports are printed by a Chromium, and none is on the PATH; install'
          f' one of {", ".join(PROGRAMS)}, or leave --pdf out.'
      )
    self._options: tuple[str, ...] = _OPTIONS

  def write(self, page: pathlib.Path, path: pathlib.Path) -> None:
    """Prints a page.

    Args:
      page: An HTML file of ours.
      path: Of the PDF file, which appears complete or not at all.

    Raises:
      PrintError: The browser cannot do it.
      OSError: The file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix='manloc-pdf-') as folder:
      printed = pathlib.Path(folder) / 'page.pdf'
      said = self._print(page, printed, folder)
      # As root, and in many containers, a browser has no sandbox and then
      # prints only if it is told to do without. No file of a stranger is
      # decoded in it.
      if not printed.is_file() and 'sandbox' in said:
        self._options = (*_OPTIONS, _NO_SANDBOX)
        said = self._print(page, printed, folder)
      if not printed.is_file() or not printed.stat().st_size:
        raise PrintError(
            f'{page} could not be printed by {self._program} ({said}); print it'
            ' from a browser, or leave --pdf out.'
        )
      with files.replacing(path) as temporary:
        shutil.copyfile(printed, temporary)

  def _print(
      self, page: pathlib.Path, printed: pathlib.Path, folder: str
  ) -> str:
    """Runs the browser; returns the last that it says of an error."""
    command = [
        self._program,
        *self._options,
        f'--user-data-dir={folder}/profile',
        f'--print-to-pdf={printed}',
        page.absolute().as_uri(),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # With the processes that it starts.
    ) as process:
      try:
        _, told = process.communicate(timeout=_SECONDS)
      except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
          os.killpg(process.pid, signal.SIGKILL)
        if isinstance(error, subprocess.TimeoutExpired):
          return f'it takes more than {_SECONDS} seconds'
        raise
    lines = told.decode(errors='replace').strip().splitlines()
    return lines[-1][:_LONGEST_REASON] if lines else 'it says nothing'
