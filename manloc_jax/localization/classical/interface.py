"""The interface of a classical method."""

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
      a `jpeg.Jpeg`, as `jpeg.read` gives it. The method is not
      applicable to other files: comparisons say so, or score them by a
      constant map.
    block: Pixels of a block's side; 1 for maps of pixels.
    is_probability: Whether values are in 0 to 1 and shown as they are. Others
      are stretched for display, so that the 1st percentile of an image is 0
      and the 99th is 1.
    constant_score: Value of the map of an image in which nothing varies.
    min_side: Pixels. The method is not applicable to a smaller image, which
      has too few blocks for statistics or is smaller than the method's filters.
    max_megapixels: The method is not applicable to larger images, which would
      take minutes or gigabytes.
  """

  score: Callable[[Any], np.ndarray]
  needs: str
  block: int
  is_probability: bool
  constant_score: float
  min_side: int
  max_megapixels: int
