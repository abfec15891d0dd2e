"""Reports of uploaded files, as `manloc examine` writes them."""

import dataclasses
import json
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax.examine import page
from manloc_jax.examine import report as report_lib
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.serve import analysis

CACHE_BYTES = 32_000_000  # Of the last reports, some megabytes each at most.
# The page shows a report in a frame, and nobody else may. It cannot run
# scripts, load anything, or reach the page around it.
HEADERS = {
    'content-security-policy': (
        f"{page.POLICY}; frame-ancestors 'self'; form-action 'none';"
        " base-uri 'none'; sandbox"
    ),
    # Browsers open no sandboxed document with another one.
    'cross-origin-opener-policy': 'unsafe-none',
    'x-frame-options': 'SAMEORIGIN',
}
TYPES = {'report.html': 'text/html', 'report.json': 'application/json'}


@dataclasses.dataclass(frozen=True)
class Examination:
  """A report of a file.

  Attributes:
    name: Of the file, as it may be shown.
    files: Their contents, by the keys of `TYPES`; ASCII.
  """

  name: str
  files: dict[str, bytes]

  @property
  def nbytes(self) -> int:
    """Bytes of the files."""
    return sum(map(len, self.files.values()))


def examine(
    path: pathlib.Path, name: str, localizer: localizer_lib.Localizer
) -> dict[str, Any]:
  """Examines a file.

  Args:
    path: The file.
    name: Its name for the user.
    localizer: Makes the map.

  Returns:
    Texts, by the keys of `TYPES`.

  Raises:
    UserError: The file cannot be used.
  """
  analysis.check(path, name)
  try:
    report = report_lib.build(path, name, localizer)
  except errors.UserError as error:
    raise analysis.named(error, path, name) from None
  return {
      'report.html': page.of_report(report),
      'report.json': json.dumps(report.record, indent=1) + '\n',
  }
