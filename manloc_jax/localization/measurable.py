"""Says where an image carries traces that can be measured, and what limits it.

Where nothing can be measured, a low score means nothing.
"""

import cv2
import numpy as np

from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import luma

# Of pixels that are clipped: from and to, in all colours.
_BLACK, _WHITE = ((0,) * 3, (3,) * 3), ((252,) * 3, (255,) * 3)
_MOST_CLIPPED = 0.5  # Of a block.
_LEAST_QUALITY = 60  # Of a JPEG file; below, little is left of older traces.


def blocks(pixels: np.ndarray) -> np.ndarray:
  """Finds the blocks that can be measured.

  Blocks of one colour cannot, nor can those of which more than half is clipped
  to black or white.

  Args:
    pixels: RGB, uint8[h, w, 3].

  Returns:
    bool[ceil(h / 8), ceil(w / 8)].
  """
  found = flat.varying(pixels)
  height, width = pixels.shape[:2]
  for strip in luma.strips(height):  # Of whole blocks.
    part = pixels[strip]
    clipped = cv2.bitwise_or(
        cv2.inRange(part, *_BLACK), cv2.inRange(part, *_WHITE)
    )
    missing = [(0, -side % flat.BLOCK) for side in clipped.shape]
    padded = np.pad((clipped / 255).astype(np.float32), missing, 'edge')
    size = tuple(side // flat.BLOCK for side in padded.shape[::-1])
    share = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    top = strip.start // flat.BLOCK
    found[top : top + len(share)] &= share <= _MOST_CLIPPED
  return found


def limits(quantization: np.ndarray | None) -> list[str]:
  """Returns a sentence for each thing that limits what a file can tell.

  Args:
    quantization: The file's quantization table of luma, int[8, 8]; None for
      files that are not JPEG.
  """
  if quantization is None:
    return [
        'The file is not JPEG, or has no table of luma of its own: only its'
        ' pixels can tell of an earlier compression.'
    ]
  quality = quantization_lib.quality(quantization)
  if quality < _LEAST_QUALITY:
    return [
        f'The file was saved at about quality {quality}, of 100: little is left'
        ' of traces from before.'
    ]
  return []
