"""Classical detectors that the paper's table 6 compares with.

Each file holds one method as `score(image) -> map`. The maps are not
calibrated: only the order of their values counts, high meaning suspicious.
A map with one value per block covers the complete 8x8 (16x16 for `noise`)
blocks from the upper left corner.

The paper names no implementation of them. These are written from their
articles; where those leave a choice, it is the one under which the map of the
public MATLAB toolbox (Zampoglou, Papadopoulos, Kompatsiaris: Large-scale
evaluation of splicing localization algorithms for web images, 2017) comes out.
"""

import dataclasses
import importlib

import numpy as np

from manloc_jax.data import spec


class NotApplicable(spec.DataError):
  """A file of which a method cannot say anything, in one sentence."""


@dataclasses.dataclass(frozen=True)
class Method:
  """A detector, imported on first use.

  Attributes:
    module: File of this package.
    needs: What `score` takes: `pixels` for RGB, uint8[h, w, 3], or `jpeg` for
      a `jpeg.Jpeg`, as `jpeg.read` gives it. Files without one are not
      applicable: whoever compares methods says so, or scores them by a
      constant map.
    block: Pixels of a block's side; 1 for maps of pixels.
    bounded: Whether values are in 0 to 1 and shown as they are. Others are
      stretched for pictures, so that the 1st percentile of an image is 0 and
      the 99th is 1.
    neutral: Value that says nothing, for constant maps.
    max_megapixels: Larger images are not applicable: they would take minutes
      or gigabytes.
  """

  module: str
  needs: str
  block: int
  bounded: bool
  neutral: float
  max_megapixels: int

  def score(self, image) -> np.ndarray:
    """Returns the map of an image, float[rows, columns]."""
    return importlib.import_module(f'{__name__}.{self.module}').score(image)


METHODS = {
    'dct': Method('dct', 'jpeg', 8, True, 0.5, 50),
    'adjpeg': Method('adjpeg', 'jpeg', 8, True, 0.5, 50),
    'nadjpeg': Method('nadjpeg', 'jpeg', 8, False, 0.0, 50),
    # Larger images are made smaller; see there.
    'patchmatch': Method('patchmatch', 'pixels', 1, True, 0.0, 200),
    'ela': Method('ela', 'pixels', 1, False, 0.0, 200),
    'noise': Method('noise', 'pixels', 16, False, 0.0, 50),
    'blocks': Method('blocks', 'pixels', 8, False, 0.0, 50),
}
