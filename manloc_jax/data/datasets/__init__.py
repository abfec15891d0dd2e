"""The table of datasets: one file each, one entry each."""

from manloc_jax.data import spec
from manloc_jax.data.datasets import casia1
from manloc_jax.data.datasets import demo
from manloc_jax.data.datasets import nist16

DATASETS: dict[str, spec.Dataset] = {
    'casia1': casia1.DATASET,
    'demo': demo.DATASET,
    'nist16': nist16.DATASET,
}


def get(name: str) -> spec.Dataset:
  """Looks a dataset up by name.

  Raises:
    DataError: There is no such dataset.
  """
  if name not in DATASETS:
    known = ', '.join(sorted(DATASETS))
    raise spec.DataError(
        f'There is no dataset {name!r}; set --config.data.name to one of '
        f'{known}.'
    )
  return DATASETS[name]
