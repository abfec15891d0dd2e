"""The table of datasets: one file each, one entry each."""

from manloc_jax.data import spec
from manloc_jax.data.datasets import casia1
from manloc_jax.data.datasets import casia2
from manloc_jax.data.datasets import cocoglide
from manloc_jax.data.datasets import columbia
from manloc_jax.data.datasets import comofod
from manloc_jax.data.datasets import coverage
from manloc_jax.data.datasets import demo
from manloc_jax.data.datasets import dso1
from manloc_jax.data.datasets import folder
from manloc_jax.data.datasets import ifs
from manloc_jax.data.datasets import imd2020
from manloc_jax.data.datasets import nist16
from manloc_jax.data.datasets import realistic
from manloc_jax.data.datasets import synthetic

DATASETS: dict[str, spec.Dataset] = {
    module.DATASET.name: module.DATASET
    for module in (
        casia1,
        casia2,
        cocoglide,
        columbia,
        comofod,
        coverage,
        demo,
        dso1,
        folder,
        ifs,
        imd2020,
        nist16,
        realistic,
        synthetic,
    )
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
