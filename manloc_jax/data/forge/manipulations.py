"""Manipulates the pixels of an image: moves, splices, removals, retouching."""

from collections.abc import Callable
import dataclasses

import numpy as np

from manloc_jax.data.forge import background
from manloc_jax.data.forge import blend
from manloc_jax.data.forge import colours
from manloc_jax.data.forge import fills
from manloc_jax.data.forge import masks
from manloc_jax.data.forge import moves
from manloc_jax.data.forge import retouch
from manloc_jax.data.forge import texture as texture_lib

MANIPULATIONS = ('copy-move', 'splice', 'removal', 'retouch')
_AREAS = {  # Fractions of the image.
    'copy-move': (0.008, 0.3),
    'splice': (0.008, 0.35),
    'removal': (0.005, 0.15),
}
# Probabilities of `blend.BLENDS`.
_BLEND_WEIGHTS = (0.1, 0.4, 0.5)
_BLEND_WEIGHTS_WITHOUT_POISSON = (0.4, 0.6, 0.0)
_POISSON_RIM = 20.0  # Levels; beyond, Poisson blending would tint a piece.
_FITTING_RIM = 10.0  # Levels; a piece that fits like that is taken at once.
_PIECES = 3  # To compare otherwise.
_REGIONS = 4  # To try for a piece that is cut out through one background.
_ANY_PIECE = 0.1  # Of the pieces may be cut out through anything.
_MATCHED = 0.75  # Of the splices, in colour.
_HOLES = 10  # To try; the first third only where something is removed.


@dataclasses.dataclass(frozen=True)
class Manipulated:
  """A manipulated host.

  Attributes:
    image: uint8[h, w, 3], equal to the host where the mask is 0.
    mask: uint8[h, w], 1 also where what was laid over the host equals it.
    manipulation: One of `MANIPULATIONS`.
    facts: As JSON holds them.
  """

  image: np.ndarray
  mask: np.ndarray
  manipulation: str
  facts: dict


def manipulate(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
) -> Manipulated:
  """Manipulates the pixels of a host.

  Args:
    host: uint8[h, w, 3].
    donor: uint8[rows, columns, 3]; only a splice reads it.
    manipulation: One of `MANIPULATIONS`. A removal becomes a copy-move where no
      hole is found that the background can fill.
    rng: Source of every choice.
  """
  weights = _BLEND_WEIGHTS
  removed = _removed(host, rng) if manipulation == 'removal' else None
  if removed is not None:
    layer, mask, facts = removed
  elif manipulation != 'retouch':
    if manipulation == 'splice':
      layer, mask, facts = _spliced(host, donor, rng)
    else:
      manipulation = 'copy-move'
      layer, mask, facts = _copied(host, rng)
    if facts['rim'] > _POISSON_RIM:
      weights = _BLEND_WEIGHTS_WITHOUT_POISSON
  else:
    mask, kind = masks.Regions(host).sample(rng)
    layer, facts = retouch.retouch(host, rng)
    facts = {'mask': kind, **facts}
    # Poisson blending would undo a change of tone.
    weights = _BLEND_WEIGHTS_WITHOUT_POISSON
  if np.count_nonzero(mask) < masks.LEAST_PIXELS:
    # Nearly all of the region is outside the frame or on the copied region.
    return manipulate(host, donor, manipulation, rng)
  joint = str(rng.choice(blend.BLENDS, p=weights))
  image, blended = blend.blend(host, layer, mask, joint, rng)
  facts = {'area': round(float(mask.mean()), 5), **facts, **blended}
  return Manipulated(image, mask, manipulation, facts)


def _copied(
    host: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Copies a region of the host to another location in it."""
  texture = texture_lib.measure(host)
  move, kind = _best_move(
      host,
      texture,
      _AREAS['copy-move'],
      lambda region: moves.plan_copy(texture, region, rng),
      rng,
  )
  layer, mask = move.lay(host)
  return layer, mask & ~move.region & 1, {'mask': kind, **move.facts}


def _spliced(
    host: np.ndarray, donor: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Lays a region of the donor over the host."""
  texture, theirs = texture_lib.measure(host), texture_lib.measure(donor)
  is_matched = bool(rng.random() < _MATCHED)

  def plan(region: np.ndarray) -> moves.Move:
    return moves.plan_splice(
        theirs, region, texture, host.shape[:2], rng, is_matched=is_matched
    )

  move, kind = _best_move(donor, theirs, _AREAS['splice'], plan, rng)
  layer, mask = move.lay(donor)
  if is_matched and mask.any():
    layer = colours.match(layer, mask, host, rng.uniform(0.85, 1))
  if colours.is_grey(host):
    layer = colours.without(layer)
  facts = {'mask': kind, **move.facts, 'colours_matched': is_matched}
  return layer, mask, facts


def _best_move(
    source: np.ndarray,
    texture: np.ndarray,
    areas: tuple[float, float],
    plan: Callable[[np.ndarray], moves.Move],
    rng: np.random.Generator,
) -> tuple[moves.Move, str]:
  """Plans a move for a few regions; returns the best, and its kind of mask."""
  regions = masks.Regions(source)
  is_any = rng.random() < _ANY_PIECE
  plans = []
  for _ in range(_PIECES):
    least, most = areas
    for number in range(1 if is_any else _REGIONS):
      region, kind = regions.sample(rng, (least, most), widen=not is_any)
      # Small pieces are easier to cut out.
      most = max(3 * least, 0.6 * most)
      is_clean = not is_any and masks.is_whole(region)
      if is_clean:
        rim = background.Rim(region, texture)
        is_late = number >= _REGIONS // 2
        is_clean = rim.is_background() and (is_late or rim.stands_out())
        if is_clean:
          break
    move = plan(region)
    plans.append((not is_clean, move.facts['rim'], move, kind))
    if (is_clean or is_any) and move.facts['rim'] <= _FITTING_RIM:
      break
  *_, move, kind = min(plans, key=lambda one: one[:2])
  return move, kind


def _removed(
    host: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, dict] | None:
  """Removes something from the host, where its background can go on."""
  texture = texture_lib.measure(host)
  regions = masks.Regions(host)
  places = background.quiet_places(texture)
  if not len(places):
    return None
  least, most = _AREAS['removal']
  for number in range(_HOLES):
    mask, kind = regions.sample(rng, (least, most), widen=True)
    most = max(2 * least, 0.75 * most)  # Small holes are easier to fill.
    if kind != 'segment':
      mask = masks.centred(mask, places[rng.integers(len(places))])
    rim = background.Rim(mask, texture)
    if number < _HOLES // 3 and not rim.stands_out():
      continue
    filled = fills.remove(host, mask, rim, rng)
    if filled is not None:
      layer, facts = filled
      return layer, mask, {'mask': kind, **facts}
  return None
