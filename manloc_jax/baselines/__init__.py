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


@dataclasses.dataclass(frozen=True)
class Method:
  """A detector, imported on first use.

  Attributes:
    module: File of this package.
    needs: What `score` takes: `pixels` for RGB, uint8[h, w, 3], or `jpeg` for
      a `jpeg.Jpeg`, as `jpeg.read` gives it. Files without one are not
      applicable: whoever compares methods says so, or scores them by a
      constant map.
  """

  module: str
  needs: str

  def score(self, image) -> np.ndarray:
    """Returns the map of an image, float[rows, columns]."""
    return importlib.import_module(f'{__name__}.{self.module}').score(image)


METHODS = {
    'dct': Method('dct', 'jpeg'),
    'adjpeg': Method('adjpeg', 'jpeg'),
    'nadjpeg': Method('nadjpeg', 'jpeg'),
    'patchmatch': Method('patchmatch', 'pixels'),
    'ela': Method('ela', 'pixels'),
    'noise': Method('noise', 'pixels'),
    'blocks': Method('blocks', 'pixels'),
}
