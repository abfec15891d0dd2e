"""Names and shapes that every room of `data/` agrees on."""

import dataclasses
import pathlib

import numpy as np

from manloc_jax import errors

SIDE = 64  # Patch side in pixels (paper, section 3.1.1).
SPLITS = ('train', 'val', 'test')


class DataError(errors.UserError):
  """Data that cannot be used, in one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Record:
  """One image of a dataset and what is known about it.

  Attributes:
    image_id: Unique name within the dataset, such as the file's stem.
    image: Path of the image file.
    mask: Path of the ground-truth mask; None for a pristine image.
    group: Images that share a photograph share a group; a group split keeps
      it on one side.
    manipulation: `copy-move`, `splice`, `removal` or `none`.
  """

  image_id: str
  image: pathlib.Path
  mask: pathlib.Path | None
  group: str
  manipulation: str


@dataclasses.dataclass(frozen=True)
class Rejected:
  """A file that was left out, and the one sentence that says why."""

  path: str
  reason: str


@dataclasses.dataclass(frozen=True)
class Patch:
  """One training or test example.

  Attributes:
    image: uint8[64, 64, 3], RGB.
    mask: uint8[64, 64], 1 = manipulated.
    label: 1 if the patch counts as manipulated, else 0.
    box: `(top, left, height, width)` in pixels of the source image.
    source: `window` (native resolution) or `box` or `slide` (resized).
  """

  image: np.ndarray
  mask: np.ndarray
  label: int
  box: tuple[int, int, int, int]
  source: str
