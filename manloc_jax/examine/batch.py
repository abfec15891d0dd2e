"""Examines files one after the other and writes their reports."""

from collections.abc import Iterator, Sequence
import os
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import files
from manloc_jax import provenance
from manloc_jax.data import spec
from manloc_jax.data.listing import image_files
from manloc_jax.examine import credentials
from manloc_jax.examine import page
from manloc_jax.examine import pdf
from manloc_jax.examine import report as report_lib
from manloc_jax.localization import localizer as localizer_lib

INDEX = 'index.html'
JSON, HTML, PDF = '.report.json', '.report.html', '.report.pdf'
_MOST_REPORT_BYTES = 20_000_000
# Bytes of a file's name; systems allow 255, and suffixes take the rest.
_LONGEST_NAME = 220

Record = dict[str, Any]


def examine_files(
    inputs: Sequence[image_files.Input],
    localizer: localizer_lib.Localizer,
    out: pathlib.Path,
    *,
    printer: pdf.Printer | None = None,
    trust_list: credentials.TrustList | None = None,
) -> Iterator[Record]:
  """Examines files; a bad one does not stop the rest.

  Below `out`, each file gets `NAME.report.html`, `NAME.report.json` and, with a
  printer, `NAME.report.pdf`.

  Args:
    inputs: The files.
    localizer: Makes the maps.
    out: Folder for reports.
    printer: Prints the pages.
    trust_list: Of signers of Content Credentials.

  Yields:
    For each file `image`, `name`, and the record of its report as `report`,
    with `skipped` where it was there from the same bytes and weights; or
    `image` and `error`.

  Raises:
    UserError: The disk is full, or the weights are broken.
  """
  for item in inputs:
    try:
      record = _examine(item, localizer, out, trust_list)
      if printer:
        _print(printer, record['name'], out)
      yield {'image': str(item.path), **record}
    except (spec.DataError, pdf.PrintError, errors.MissingMemory) as error:
      yield {'image': str(item.path), 'error': str(error)}
    except OSError as error:
      if errors.is_disk_full(error):
        raise errors.UserError(
            f'The disk of {str(out)!r} is full; free some space and run the'
            ' same command again: it skips what is done.'
        ) from error
      reason = error.strerror or str(error)
      yield {
          'image': str(item.path),
          'error': (
              f'The report of {item.path} cannot be written ({reason}); run the'
              ' same command again.'
          ),
      }


def _examine(
    item: image_files.Input,
    localizer: localizer_lib.Localizer,
    out: pathlib.Path,
    trust_list: credentials.TrustList | None,
) -> Record:
  if len(os.fsencode(pathlib.Path(item.name).name)) > _LONGEST_NAME:
    raise spec.DataError(
        f'{item.path} has a name of more than {_LONGEST_NAME} bytes, which'
        ' leaves no room for the names of reports; rename it.'
    )
  path = out / f'{item.name}{JSON}'
  html_path = out / f'{item.name}{HTML}'
  made_by = report_lib.made_by(localizer, trust_list)
  old = _read(path, item.path, made_by)
  if old is not None and html_path.is_file():
    return {'name': item.name, 'report': old, 'skipped': True}
  report = report_lib.build(item.path, item.name, localizer, trust_list)
  files.make_folder(path.parent, out)
  path.unlink(missing_ok=True)  # It may be of other weights.
  (out / f'{item.name}{PDF}').unlink(missing_ok=True)
  files.write_text(html_path, page.of_report(report))
  # Last, so that it implies that the page exists.
  files.write_json(path, report.record)
  return {'name': item.name, 'report': report.record}


def _print(printer: pdf.Printer, name: str, out: pathlib.Path) -> None:
  """Prints the page of a report, unless that was done."""
  path = out / f'{name}{PDF}'
  if not path.is_file():
    printer.write(out / f'{name}{HTML}', path)


def _read(
    path: pathlib.Path,
    image: pathlib.Path,
    made_by: Record,
) -> Record | None:
  """Returns the report at `path` if it is of this file and made alike."""
  try:
    record = files.read_json(path, _MOST_REPORT_BYTES)
    digest = provenance.sha256_of_file(image)
  except (OSError, ValueError):
    return None
  if not isinstance(record, dict):
    return None
  identity = record.get('identity')
  is_same = (
      isinstance(identity, dict)
      and identity.get('sha256') == digest
      and record.get('made_by') == made_by
  )
  return record if is_same else None


def write_index(records: Sequence[Record], out: pathlib.Path) -> None:
  """Writes the page that lists reports and the files without one.

  Args:
    records: Of `examine_files`.
    out: Folder of the reports.
  """
  done = [record for record in records if 'report' in record]
  text = page.of_index(
      [record['report'] for record in done],
      [f'{record["name"]}{HTML}' for record in done],
      [record for record in records if 'error' in record],
  )
  files.write_text(out / INDEX, text)
