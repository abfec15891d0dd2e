"""Makes varied forgeries of any photographs, reproducibly.

  photographs, rejected = forge.find(['folder/of/photographs'])
  forgery = forge.generate(photographs, seed=0, index=7)
"""

from manloc_jax.data.forge.forgery import forge
from manloc_jax.data.forge.forgery import Forgery
from manloc_jax.data.forge.forgery import MANIPULATIONS
from manloc_jax.data.forge.forgery import SIZE
from manloc_jax.data.forge.photographs import assign
from manloc_jax.data.forge.photographs import find
from manloc_jax.data.forge.photographs import packaged
from manloc_jax.data.forge.photographs import Photograph
from manloc_jax.data.forge.photographs import Photographs
from manloc_jax.data.forge.sequence import generate

__all__ = (
    'Forgery',
    'MANIPULATIONS',
    'Photograph',
    'Photographs',
    'SIZE',
    'assign',
    'find',
    'forge',
    'generate',
    'packaged',
)
