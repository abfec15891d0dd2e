"""The table of datasets; a new file here is a new dataset.

A file defines `DATASET`, whose `name` is what commands and configs call it.
"""

import importlib
import pkgutil

from manloc_jax.data import spec

DATASETS: dict[str, spec.Dataset] = {
    dataset.name: dataset
    for module in pkgutil.iter_modules(__path__)
    for dataset in [
        importlib.import_module(f'{__name__}.{module.name}').DATASET
    ]
}


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
