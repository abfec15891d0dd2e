"""An endless sequence of forgeries: each from a seed and its place alone."""

import numpy as np

from manloc_jax.data.forge import forgery
from manloc_jax.data.forge import photographs as photographs_lib

SHARES = {'copy-move': 0.32, 'splice': 0.4, 'removal': 0.2, 'retouch': 0.08}
# Neighbours share a few photographs, so that decoding large files pays off.
BLOCK = 32  # Forgeries in a row.
POOL = 8  # Photographs that they are made of.


def generate(
    photographs: photographs_lib.Photographs,
    seed: int,
    index: int,
    size: tuple[int, int] = forgery.SIZE,
) -> forgery.Forgery:
  """Makes one forgery of the sequence.

  Args:
    photographs: What to forge. Splices need at least two groups.
    seed: Fixes the sequence; not negative.
    index: Place in the sequence; not negative.
    size: See `forgery.forge`.

  Returns:
    The forgery; `history` also names `seed`, `index` and the `photographs`.

  Raises:
    DataError: A photograph cannot be used.
    ValueError: There is none.
  """
  if not len(photographs):
    raise ValueError('There is no photograph to forge.')
  block = np.random.default_rng((seed, index // BLOCK, 1))
  pool = block.permutation(len(photographs))[:POOL]
  rng = np.random.default_rng((seed, index, 0))
  host = int(rng.choice(pool))
  group = photographs.listed[host].group
  donors = [i for i in pool.tolist() if photographs.listed[i].group != group]
  shares = dict(SHARES)
  if not donors:
    del shares['splice']
    donors = [host]
  donor = int(rng.choice(donors))
  odds = np.array(list(shares.values()))
  manipulation = str(rng.choice(list(shares), p=odds / odds.sum()))
  made = forgery.forge(
      photographs[host], photographs[donor], manipulation, rng, size
  )
  names = {'host': photographs.listed[host].group}
  if manipulation == 'splice':
    names['donor'] = photographs.listed[donor].group
  made.history.update(seed=seed, index=index, photographs=names)
  return made
