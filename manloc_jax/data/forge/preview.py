"""Chooses and reads a few forgeries of a tree, to be looked at."""

import dataclasses
import itertools
import pathlib
from typing import Any

import numpy as np

from manloc_jax.data import images
from manloc_jax.data.datasets import synthetic

MOST = 12  # Forgeries.


@dataclasses.dataclass(frozen=True)
class Example:
  """One forgery.

  Attributes:
    title: What it is and what it is called.
    image: uint8[h, w, 3].
    mask: uint8[h, w], 1 = manipulated.
    original: uint8[h, w, 3], or None where the tree has no originals.
  """

  title: str
  image: np.ndarray
  mask: np.ndarray
  original: np.ndarray | None


def read(root: str | pathlib.Path) -> list[Example]:
  """Reads a few forgeries of each manipulation, the same ones each time.

  Raises:
    DataError: A file is missing or broken.
  """
  root = pathlib.Path(root)
  return [
      _read(root, history)
      for history in _choose(synthetic.read_histories(root))
  ]


def _choose(histories: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """Chooses one of each manipulation after another, in the order of ids."""
  kinds: dict[str, list[dict[str, Any]]] = {}
  for history in sorted(histories, key=lambda one: one['image_id']):
    kinds.setdefault(history['manipulation'], []).append(history)
  rounds = itertools.zip_longest(*(kinds[kind] for kind in sorted(kinds)))
  in_turn = (one for turn in rounds for one in turn if one is not None)
  return list(itertools.islice(in_turn, MOST))


def _read(root: pathlib.Path, history: dict[str, Any]) -> Example:
  image = root / history['image']
  mask = root / 'masks' / f'{history["image_id"]}.png'
  original = root / synthetic.ORIGINALS / image.name
  return Example(
      f'{history["manipulation"]}, {history["image_id"]}',
      images.read_image(image).pixels,
      images.read_mask(mask, synthetic.is_manipulated),
      images.read_image(original).pixels if original.is_file() else None,
  )
