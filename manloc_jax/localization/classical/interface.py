"""What a classical method takes and gives."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Method:
  """A classical method.

  Attributes:
    score: Returns the map of an image, float[rows, columns].
    needs: What `score` takes: `pixels` for RGB, uint8[h, w, 3], or `jpeg` for
      a `jpeg.Jpeg`, as `jpeg.read` gives it. Files without one are not
      applicable: whoever compares methods says so, or scores them by a
      constant map.
    block: Pixels of a block's side; 1 for maps of pixels.
    is_probability: Whether values are in 0 to 1 and shown as they are. Others
      are stretched for pictures, so that the 1st percentile of an image is 0
      and the 99th is 1.
    constant_score: Value of a map that tells no pixel from another.
    min_side: Pixels; a smaller image is not applicable: it has too few blocks
      to count, or less than the surroundings that a value is made of.
    max_megapixels: Larger images are not applicable: they would take minutes
      or gigabytes.
  """

  score: Callable[[Any], np.ndarray]
  needs: str
  block: int
  is_probability: bool
  constant_score: float
  min_side: int
  max_megapixels: int
