"""Small trees of forged photographs, in the layout of `synthetic`."""

from manloc_jax.data import forge
from manloc_jax.data.forge import tree

COUNTS = (3, 2, 3)


def write(root, **options):
  options = {'counts': COUNTS, 'seed': 1, 'size': (96, 128), **options}
  return tree.write(root, forge.packaged().listed, **options)
