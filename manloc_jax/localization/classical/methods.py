"""The list of classical methods, and what each one takes and gives."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from manloc_jax.localization.classical import adjpeg
from manloc_jax.localization.classical import blocks
from manloc_jax.localization.classical import dct
from manloc_jax.localization.classical import ela
from manloc_jax.localization.classical import nadjpeg
from manloc_jax.localization.classical import noise
from manloc_jax.localization.classical import patchmatch


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
    max_megapixels: Larger images are not applicable: they would take minutes
      or gigabytes.
  """

  score: Callable[[Any], np.ndarray]
  needs: str
  block: int
  is_probability: bool
  constant_score: float
  max_megapixels: int


# The names are those of `run_config.CLASSICAL`.
METHODS = {
    'dct': Method(dct.score, 'jpeg', 8, True, 0.5, 50),
    'adjpeg': Method(adjpeg.score, 'jpeg', 8, True, 0.5, 50),
    'nadjpeg': Method(nadjpeg.score, 'jpeg', 8, False, 0.0, 50),
    # Larger images are made smaller; see there.
    'patchmatch': Method(patchmatch.score, 'pixels', 1, True, 0.0, 200),
    'ela': Method(ela.score, 'pixels', 1, False, 0.0, 200),
    'noise': Method(noise.score, 'pixels', 16, False, 0.0, 50),
    'blocks': Method(blocks.score, 'pixels', 8, False, 0.0, 50),
}
