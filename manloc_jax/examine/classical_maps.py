"""The classical maps, as the fusion measures them, side by side.

They are measured on decoded pixels and the file's quantization table. Pixels of
a file that is not JPEG are taken as if it had a table of ones.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from manloc_jax.examine import section as section_lib

GROUP = 'classical'
_LOWEST, _HIGHEST = 0.01, 0.99  # Quantiles that are shown as dark and bright.


@dataclasses.dataclass(frozen=True)
class Map:
  """A map.

  Attributes:
    feature: Its name among those of the fusion.
    title: A few words.
    sentence: What it shows, and what it does not.
    unit: Of its values.
    in_units: Turns the feature into values of that unit.
    is_bounded: Whether its scale is 0 to 1 in every image; others go from the
      1st to the 99th percentile of the image.
  """

  feature: str
  title: str
  sentence: str
  unit: str
  in_units: Callable[[np.ndarray], np.ndarray]
  is_bounded: bool = False


def _as_it_is(values: np.ndarray) -> np.ndarray:
  return values


# By the names of `manloc localize --method`.
MAPS = {
    'ela': Map(
        'error_level',
        'Error level',
        'How much a block changes when the image is saved once more, at quality'
        ' 90. Edges and texture change most in any image: compare like with'
        ' like.',
        'grey levels, 15 times',
        np.expm1,
    ),
    'noise': Map(
        'noise',
        'Noise',
        'How strong the noise of a block is. Depth of focus, shadows and'
        ' texture change it too; a region that differs from others of the same'
        ' kind is worth a look.',
        'grey levels',
        lambda values: np.maximum(np.exp(values) - 0.1, 0),
    ),
    'blocks': Map(
        'block_grid',
        'Grid inside blocks',
        'Where lines of a compression run inside of blocks and not along their'
        ' borders, as in what was pasted off the grid. Fine patterns of the'
        ' picture look alike.',
        'inverse hyperbolic sine of the strength',
        _as_it_is,
    ),
    'dct': Map(
        'double_jpeg',
        'Double compression, by histograms',
        'The probability that a block was compressed once only in an image that'
        ' was compressed twice on one grid. The same value everywhere, mostly'
        ' 0.5, says that no such trace was found.',
        'probability',
        _as_it_is,
        is_bounded=True,
    ),
    'adjpeg': Map(
        'aligned_jpeg',
        'Double compression, by a model',
        'The same probability by a model of the errors of rounding. Smooth and'
        ' dark areas mislead it, and most of the image has to have been'
        ' compressed twice.',
        'probability',
        _as_it_is,
        is_bounded=True,
    ),
    'nadjpeg': Map(
        'moved_jpeg',
        'Compression on a moved grid',
        'Where an earlier compression on another grid explains a block better'
        ' than none. The grid is guessed, and the map means little where less'
        ' than a quarter of the image was on it.',
        'hyperbolic tangent of a log-likelihood ratio',
        _as_it_is,
    ),
    'patchmatch': Map(
        'copy',
        'Copies',
        'What occurs twice in the image, source and copy alike, moved, turned'
        ' or somewhat scaled. Patterns and skies occur twice by nature. It is'
        ' searched for in a reduced image where that is large.',
        'fraction of a block',
        _as_it_is,
        is_bounded=True,
    ),
}
FEATURES = tuple(item.feature for item in MAPS.values())


def section(measured: np.ndarray, hatched: np.ndarray) -> section_lib.Section:
  """Returns the range of each map, and the pictures.

  Args:
    measured: f32[rows, columns, len(MAPS)], the features; NaN where nothing
      was measured.
    hatched: bool[rows, columns], blocks that cannot be measured.
  """
  facts: dict[str, Any] = {}
  pictures = []
  for i, (name, item) in enumerate(MAPS.items()):
    values = item.in_units(measured[..., i])
    known = values[np.isfinite(values) & ~hatched]
    if not known.size:
      facts[name] = section_lib.cannot_tell('No block could be measured.')
      continue
    low, high = _scale(known, item)
    facts[name] = {
        'lowest': _rounded(known.min()),
        'highest': _rounded(known.max()),
        'darkest': _rounded(low),
        'brightest': _rounded(high),
        'unit': item.unit,
    }
    shown = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    pictures.append(
        section_lib.Picture(
            name,
            item.sentence,
            section_lib.coloured(shown, hatched),
            title=item.title,
            group=GROUP,
            scale=(f'{low:.3g}', f'{high:.3g}', item.unit),
        )
    )
  return section_lib.Section(facts, tuple(pictures))


def cannot_tell(reason: str) -> dict[str, Any]:
  """Returns the facts where no map could be made."""
  return {name: section_lib.cannot_tell(reason) for name in MAPS}


def _scale(known: np.ndarray, item: Map) -> tuple[float, float]:
  """Returns the values that are shown darkest and brightest."""
  if item.is_bounded:
    return 0.0, 1.0
  low, high = np.quantile(known, (_LOWEST, _HIGHEST))
  if low == high:  # Fewer than 1% of the blocks differ.
    low, high = known.min(), known.max()
  return float(low), float(high)


def _rounded(value: float) -> float:
  """Rounds to four digits, so that JSON is readable."""
  return float(f'{value:.4g}')
