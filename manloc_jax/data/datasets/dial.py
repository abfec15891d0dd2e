"""Forgeries whose traces are as plain or as faint as a level says.

A tree of one level is laid out as `synthetic` says; `forge.json` also holds the
level. Trees that differ in it alone show the same forgeries under the same
names. `manloc_jax.data.forge.dial` says what depends on the level.
"""

import dataclasses
import pathlib

from manloc_jax.data import spec
from manloc_jax.data.datasets import synthetic


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the forgeries of a tree.

  Args:
    root: Folder of the tree.

  Raises:
    DataError: There is no tree, forgeries are missing, or they have no level.
  """
  if 'level' not in synthetic.read_settings(root):
    raise spec.DataError(
        f'{root} holds forgeries without a level; name an empty or new folder'
        ' in --config.data.root, or use --config.data.name=synthetic.'
    )
  return synthetic.find_records(root)


DATASET = dataclasses.replace(
    synthetic.DATASET,
    name='dial',
    description='Forgeries of photographs, with traces of one strength.',
    citation='None: the forgeries are made by manloc_jax.data.forge.dial.',
    layout='a tree that --config=configs/dial.py makes',
    find_records=find_records,
)
