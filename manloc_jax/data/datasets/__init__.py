"""The table of datasets; a new file here is a new dataset.

A file defines `DATASET`, whose `name` is what commands and configs call it.
"""

import importlib
import pathlib
import pkgutil

from manloc_jax.data import spec

DATASETS: dict[str, spec.Dataset] = {
    dataset.name: dataset
    for module in pkgutil.iter_modules(__path__)
    for dataset in [
        importlib.import_module(f'{__name__}.{module.name}').DATASET
    ]
}


def find_records(
    name: str, root: pathlib.Path, *, allow_outside: bool = False
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the images of a tree and the files left out.

  Args:
    name: Key of `DATASETS`.
    root: Folder of the image tree.
    allow_outside: Whether a table of the set may name files elsewhere: one
      from a stranger could name any file of this machine.

  Raises:
    DataError: See `spec.Dataset.find_records`; or a file lies elsewhere.
  """
  records, rejected = get(name).find_records(root)
  if not allow_outside:
    spec.check_inside(records, root)
  return records, rejected


def get(name: str) -> spec.Dataset:
  """Looks a dataset up by name.

  Raises:
    DataError: There is no such dataset.
  """
  if name not in DATASETS:
    known = ', '.join(sorted(DATASETS))
    raise spec.DataError(
        f'There is no dataset {name!r}; choose one of {known} (for manloc, or '
        'in --config.data.name).'
    )
  return DATASETS[name]
