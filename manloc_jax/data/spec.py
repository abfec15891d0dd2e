"""The types that all packages of `data` share: records, patches, datasets."""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import os
import pathlib

import numpy as np

from manloc_jax import errors
from manloc_jax.patch_side import SIDE as SIDE

SPLITS = ('train', 'val', 'test')


class DataError(errors.UserError):
  """The error that data cannot be used, in one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Record:
  """An image of a dataset with its mask and labels.

  Attributes:
    image_id: Unique name within the dataset, such as the file's stem.
    image: Path of the image file.
    mask: Path of the ground-truth mask; None for a pristine image.
    group: Images that share a photograph share a group; a split by group keeps
      them in one split.
    manipulation: `copy-move`, `splice`, `removal`, `inpainting`, `unknown` or
      `none`; `folder` takes the words of its table.
    split: `train`, `val` or `test` where the dataset itself fixes it.
    source_mask: Path of a mask of where a copy came from; None where the set
      does not tell. The mask then holds where it went.
  """

  image_id: str
  image: pathlib.Path
  mask: pathlib.Path | None
  group: str
  manipulation: str
  split: str | None = None
  source_mask: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Rejected:
  """A file that was left out, and the reason in one sentence."""

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
    compression: uint8[8, 8, 34], of the image that it was cut from, as
      `compression.measure` describes it. `compression.NONE` for a patch
      without a grid to speak of: one that was resized, or whose top or left is
      no multiple of 8.
  """

  image: np.ndarray
  mask: np.ndarray
  label: int
  box: tuple[int, int, int, int]
  source: str
  compression: np.ndarray


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A dataset: its description, and how its image tree is read.

  Attributes:
    name: Key of the dataset in `datasets.DATASETS`.
    description: One or two sentences for the prepared folder's metadata.
    homepage: Where the data come from.
    citation: The publication to cite.
    layout: One sentence that says where the files must lie under the root.
    find_records: Lists the images under a root and the files left out, from
      names alone: no image is decoded. Raises `DataError` if the tree is not
      there.
    is_manipulated: The polarity of the mask files. Takes uint8[h, w], or
      uint8[h, w, 3] for masks in colour; returns bool[h, w].
    mask_mode: What `is_manipulated` takes: `L` for the two classes 0 and 255,
      `levels` or `RGB`; see `images.read_mask`.
    published: Numbers of `manipulated` and `pristine` images that the full set
      is known to have; empty where there is no such set.
    others: Expression for image files of the set that are neither images nor
      masks, as `pairing.ImagePattern` has them; empty where there are none.
    list_records: For sets with a table of their own: lists its images, whether
      their files exist or not. None for sets without a table.
  """

  name: str
  description: str
  homepage: str
  citation: str
  layout: str
  find_records: Callable[
      [pathlib.Path], tuple[list[Record], list[Rejected]]
  ]
  is_manipulated: Callable[[np.ndarray], np.ndarray]
  mask_mode: str = 'L'
  published: Mapping[str, int] = dataclasses.field(default_factory=dict)
  others: str = ''
  list_records: Callable[[pathlib.Path], list[Record]] | None = None


def check_inside(records: Iterable[Record], root: pathlib.Path) -> None:
  """Raises DataError for files that are named outside a root.

  Links in the root are the user's own, and are followed.
  """
  folder = os.path.abspath(root)
  for record in records:
    for path in (record.image, record.mask, record.source_mask):
      if path and os.path.commonpath([folder, os.path.abspath(path)]) != folder:
        shown = errors.shown(os.path.relpath(path, root), 90)
        raise DataError(
            f'The set in {root} names {shown}, which lies outside of it; give'
            ' --allow_outside (manloc) or'
            ' --config.data.allow_outside if you trust its table.'
        )
