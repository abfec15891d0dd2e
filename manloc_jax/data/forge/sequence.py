"""Generates an endless sequence of forgeries from a seed and an index."""

from collections.abc import Sequence
import numbers

import numpy as np

from manloc_jax.data import argument_checks
from manloc_jax.data import spec
from manloc_jax.data.forge import dial
from manloc_jax.data.forge import forgery
from manloc_jax.data.forge import photographs as photographs_lib

# Of what is tried: in about half of the images no hole is found that can be
# filled without a trace that all see, and a copy-move is made of them.
PROBABILITIES = {
    'copy-move': 0.2,
    'splice': 0.36,
    'removal': 0.36,
    'retouch': 0.08,
}
# Neighbours share a few photographs, so that decoding large files pays off.
BLOCK = 32  # Forgeries in a row.
POOL = 8  # Photographs that they are made of.


def generate(
    photographs: photographs_lib.Photographs,
    seed: int,
    index: int,
    size: Sequence[int] = forgery.SIZE,
    level: float | None = None,
    *,
    keep_original: bool = False,
) -> forgery.Forgery:
  """Makes one forgery of the sequence.

  Args:
    photographs: The photographs to forge; splices need at least two groups.
      Those that cannot be read are skipped, and listed in its `rejected`.
    seed: Fixes the sequence; not negative.
    index: Position in the sequence; not negative.
    size: See `forgery.forge`.
    level: None for the forgeries of `forgery`; for those of `dial`, which have
      sizes of their own, the strength of their traces.
    keep_original: See `forgery.forge`; those of `dial` have none.

  Returns:
    The forgery; `history` also names `seed`, `index` and the `photographs`.

  Raises:
    DataError: No photograph can be read, or a number is invalid.
  """
  argument_checks.check_seed(seed)
  argument_checks.check_count('The index of a forgery', index, 0)
  sides = check_size(size)
  listed = photographs.listed
  block = np.random.default_rng((seed, index // BLOCK, 1))
  order = block.permutation(len(photographs)).tolist()
  rng = np.random.default_rng((seed, index, 0))
  # The others follow, in case all photographs of the block are broken.
  order = [*rng.permutation(order[:POOL]).tolist(), *order[POOL:]]
  host = photographs.first_sound(order)
  if host is None:
    raise spec.DataError(
        f'None of {len(photographs)} photographs can be read; name others.'
    )
  group = listed[host].group
  odds = PROBABILITIES if level is None else dial.PROBABILITIES
  manipulation = _sample(odds, rng)
  donor = None
  if manipulation == 'splice':
    strangers = (i for i in order if listed[i].group != group)
    donor = photographs.first_sound(strangers)
    if donor is None:
      others = {k: v for k, v in odds.items() if k != 'splice'}
      manipulation = _sample(others, rng)
  pair = host, host if donor is None else donor
  host_pixels, donor_pixels = (photographs[i] for i in pair)
  if level is None:
    host_factor, donor_factor = (
        photographs.reduced.get(listed[i].name, 1.0) for i in pair
    )
    made = forgery.forge(
        host_pixels,
        donor_pixels,
        manipulation,
        rng,
        sides,
        (host_factor, donor_factor),
        keep_original,
    )
  else:
    made = dial.forge(host_pixels, donor_pixels, manipulation, level, rng)
  names = {'host': listed[host].name}
  if donor is not None:
    names['donor'] = listed[donor].name
  made.history.update(seed=seed, index=index, photographs=names)
  return made


def check_size(size: Sequence[int]) -> tuple[int, int]:
  """Checks and returns the range of short sides.

  Raises:
    DataError: It is no range, or includes images too small for a patch.
  """
  sides = [side for side in size if isinstance(side, numbers.Integral)]
  if len(size) != 2 or len(sides) != 2 or not (
      spec.SIDE <= sides[0] <= sides[1]
  ):
    raise spec.DataError(
        f'The short sides of forgeries are to be {size} pixels; give two'
        f' numbers from {spec.SIDE} on, the smaller one first, in --size'
        ' (manloc) or --config.data.forge.size.'
    )
  return int(size[0]), int(size[1])


def _sample(weights: dict[str, float], rng: np.random.Generator) -> str:
  odds = np.array(list(weights.values()))
  return str(rng.choice(list(weights), p=odds / odds.sum()))
