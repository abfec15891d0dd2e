"""Localizes with the fusion, and hands on some of the features that it read.

Measuring them is most of the work: whoever shows them does not measure twice.
"""

from collections.abc import Sequence
import pathlib

import numpy as np

from manloc_jax.data import images
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.fusion import features as features_lib
from manloc_jax.localization.fusion import localizer as fusion_lib


def localize(
    fusion: fusion_lib.FusionLocalizer,
    path: pathlib.Path,
    image: images.Decoded,
    names: Sequence[str],
) -> tuple[localizer_lib.Result, np.ndarray]:
  """Localizes, as `fusion.localize` does, and returns features as well.

  Args:
    fusion: The localizer.
    path: The file.
    image: Its pixels.
    names: The features, of `features.NAMES`.

  Returns:
    The result, and f32[ceil(h / 8), ceil(w / 8), len(names)], NaN where nothing
    was measured: in areas of one colour, and beside a picture between bars. In
    a file that is not JPEG, such a picture may begin within a block; its
    features are then moved by less than a block.

  Raises:
    NotApplicable: The image is too small for the fusion.
    UserError: The outputs are not finite.
  """
  recorder = _Recorder(fusion, [features_lib.NAMES.index(n) for n in names])
  quantization = quantization_lib.read(path)
  result = recorder.localize(path, image)
  pixels = image.pixels
  shape = [-(-side // features_lib.BLOCK) for side in pixels.shape[:2]]
  measured = np.full((*shape, len(names)), np.nan, np.float32)
  if recorder.features is None:
    return result, measured
  counts = flat.counted(pixels)
  corner = [0, 0]
  if not counts.all():
    sides = flat.picture(pixels, counts, quantization is not None)
    corner = [side.start // features_lib.BLOCK for side in sides]
    if quantization is not None:
      corner = [-(-side.start // features_lib.BLOCK) for side in sides]
  top, left = corner
  part = measured[top:, left:]
  rows, columns = np.minimum(part.shape[:2], recorder.features.shape[:2])
  part[:rows, :columns] = recorder.features[:rows, :columns]
  measured[~counts] = np.nan
  return result, measured


class _Recorder(fusion_lib.FusionLocalizer):
  """A localizer that keeps features of the last picture.

  Attributes:
    features: f32[rows, columns, n]; None before anything was measured.
  """

  def __init__(self, fusion: fusion_lib.FusionLocalizer, kept: list[int]):
    vars(self).update(vars(fusion))
    self._kept = kept
    self._tiles: list[np.ndarray] = []
    self.features: np.ndarray | None = None

  def fuse(self, measured: np.ndarray) -> np.ndarray:
    self._tiles.append(measured[..., self._kept])
    return super().fuse(measured)

  def _score_blocks(self, pixels: np.ndarray, *arguments):
    self._tiles.clear()
    scored = super()._score_blocks(pixels, *arguments)
    blocks = [-(-side // features_lib.BLOCK) for side in pixels.shape[:2]]
    features = np.empty((*blocks, len(self._kept)), np.float32)
    tiles = iter(self._tiles)
    down, across = fusion_lib._cuts(*blocks)
    for rows, outer_rows in fusion_lib._tiles(blocks[0], down):
      for columns, outer_columns in fusion_lib._tiles(blocks[1], across):
        features[rows, columns] = next(tiles)[
            fusion_lib._within(rows, outer_rows),
            fusion_lib._within(columns, outer_columns),
        ]
    self.features = features
    return scored
