"""Error level analysis (Krawetz: A picture's worth, 2007).

The paper cites Luo, Huang, Qiu: JPEG error analysis and its applications
(2010), a different statistic; what is known under this name is Krawetz's.
"""

import io

import cv2
import numpy as np
from PIL import Image

from manloc_jax import errors
from manloc_jax.localization.classical import interface

_MAX_SIDE = 65_500  # That the encoder takes.
_QUALITY = 90
_GAIN = 15


def score(pixels: np.ndarray) -> np.ndarray:
  """Scores pixels by how much one more JPEG compression changes them.

  The result depends on the encoder: it is Pillow's libjpeg-turbo with chroma
  halved in both directions (4:2:0).

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    float32[h, w] in 0 to 255; high where the compression changed much.

  Raises:
    UserError: A side is longer than JPEG allows.
  """
  height, width = pixels.shape[:2]
  if max(height, width) > _MAX_SIDE:
    raise errors.UserError(
        f'The image is {width}x{height} pixels, but error level analysis takes'
        f' sides up to {_MAX_SIDE}; crop it first.'
    )
  file = io.BytesIO()
  Image.fromarray(pixels).save(
      file, 'JPEG', quality=_QUALITY, subsampling='4:2:0'
  )
  with Image.open(file) as image:
    resaved = np.asarray(image)
  # In whole numbers, and no more than 255.
  gains = np.full((1, 3), _GAIN / 3)
  change = cv2.transform(cv2.absdiff(pixels, resaved), gains)
  return change.astype(np.float32)


METHOD = interface.Method(
    score,
    needs='pixels',
    block=1,
    is_probability=False,
    constant_score=0.0,
    min_side=16,
    max_megapixels=200,
)
