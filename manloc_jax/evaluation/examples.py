"""Keeps small pictures of the best, median and worst images of a result."""

from collections.abc import Callable, Sequence
import pathlib
from typing import Any

import numpy as np

from manloc_jax import files
from manloc_jax.data import datasets
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.evaluation import image_sets
from manloc_jax.evaluation import scoring

EACH = 12
GROUPS = ('best', 'median', 'worst')


def choose(rows: Sequence[scoring.Row]) -> dict[str, list[int]]:
  """Chooses images by the area under their ROC curve.

  Args:
    rows: Of all images.

  Returns:
    For each of `GROUPS` the indices of `EACH` rows at most, from high to low;
    an image is in one group only, and few images share them evenly.
  """
  ranked = [
      i
      for i, row in enumerate(rows)
      if row.get('auc') is not None and not np.isnan(row['auc'])
  ]
  ranked.sort(key=lambda i: (-rows[i]['auc'], rows[i]['image_id']))
  each = min(EACH, -(-len(ranked) // 3))
  best, rest = ranked[:each], ranked[each:]
  worst = rest[max(len(rest) - each, 0) :]
  middle = rest[: len(rest) - len(worst)]
  start = max((len(middle) - each) // 2, 0)
  return dict(
      zip(GROUPS, (best, middle[start : start + each], worst), strict=True)
  )


def save(
    path: pathlib.Path,
    rows: Sequence[scoring.Row],
    image_set: image_sets.ImageSet,
    load: Callable[[int], scoring.Scored | None],
) -> None:
  """Writes the pictures of the chosen images.

  Args:
    path: The `.npz` to write: arrays `<group>/<rank>/image` uint8[h, w, 3],
      `<group>/<rank>/truth` and `<group>/<rank>/map`, uint8[h, w], and the
      text `<group>/<rank>/name`.
    rows: Of all images of the set, in its order.
    image_set: The set.
    load: Returns the scores of an image.
  """
  arrays: dict[str, Any] = {}
  of = datasets.get(image_set.dataset)
  for group, indices in choose(rows).items():
    for rank, i in enumerate(indices):
      record, scored = image_set.records[i], load(i)
      try:
        assert scored is not None and record.mask is not None
        picture = {
            'image': scoring.shrink(images.read_image(record.image).pixels),
            'truth': scoring.shrink(
                np.uint8(255)
                * images.read_mask(record.mask, of.is_manipulated, of.mask_mode)
            ),
            'map': scored.thumbnail,
            'name': np.array(f'{record.image_id}, AUC {rows[i]["auc"]:.3f}'),
        }
      except spec.DataError:
        continue  # Only its pixels were damaged, and a given map was scored.
      arrays |= {f'{group}/{rank}/{k}': v for k, v in picture.items()}
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    np.savez_compressed(file, **arrays)
