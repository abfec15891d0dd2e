"""Makes forgeries whose traces are as plain or as faint as a level says.

The level is a number from 0, where traces are about those of `plain`, to 1,
where piece and host have the same grain and the same compression history and
the finished image was treated as a web site does. In between each trace falls
linearly:

| Trace | How it depends on the level |
|---|---|
| Grain | The piece has the host's grain times the level |
| Blur | Its standard deviation falls from the plain one to 0 |
| Medians | They fade out |
| Resampling | The plain factor to the power of 1 - level |
| Compression | The piece's quality rises from the plain one to a camera's |
| After-treatment | All is reduced and enlarged again, by a factor that falls \
from 1 to one of `REDUCED`, and the quality of the last JPEG falls from the \
plain one to one of `WEB_QUALITY` |

An inpainted hole gets grain like any piece. Photographs, regions, positions and
seams are the same at every level; before the after-treatment only pixels of the
mask depend on it. What is left at level 1 are seams, what was copied, and the
smoothness of inpainting.
"""

import cv2
import numpy as np

from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import forgery
from manloc_jax.data.forge import plain

VERSION = 'dial 1'  # Raise it with every change of the images.
# Manipulations by their probability.
PROBABILITIES = dict.fromkeys(plain.MANIPULATIONS, 1 / 3)
REDUCED = (0.75, 0.95)  # Factor of the sides at level 1.
WEB_QUALITY = (75, 85)  # JPEG quality of the finished image at level 1.


def forge(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    level: float,
    rng: np.random.Generator,
) -> forgery.Forgery:
  """Makes one forgery.

  Args:
    host: uint8[rows, columns, 3], RGB, the photograph to forge.
    donor: The photograph that a splice takes its piece from.
    manipulation: One of `plain.MANIPULATIONS`.
    level: From 0, plain traces, to 1, faint ones.
    rng: Source of every choice. It gives the same numbers at every level.

  Returns:
    The forgery; short side and aspect are those of `plain.view`.
  """
  forged, mask, trace = manipulate(host, donor, manipulation, level, rng)
  finished, quality = _after_treatment(forged, level, rng)
  file = cameras.encode(finished, cameras.Jpeg(quality, '4:2:0'))
  history = {'level': level, 'trace': trace, 'quality': quality}
  image = cameras.decode(file)
  return forgery.Forgery(file, '.jpg', image, mask, manipulation, history)


def manipulate(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    level: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, str]:
  """Makes a forgery before its after-treatment.

  Args:
    host: As in `forge`, and so are the others.
    donor: The donor.
    manipulation: The manipulation.
    level: The level.
    rng: Source of every choice.

  Returns:
    The image, uint8[h, w, 3]; the mask, uint8[h, w], 0 where no pixel depends
    on the level; and the trace: `inpaint` or a key of `plain.TRACES`.
  """
  scene = plain.view(host, rng)
  mask = plain.blob_mask(scene.shape[:2], rng)
  sigma = rng.uniform(*plain.GRAIN)
  quality = int(rng.integers(*plain.CAMERA_QUALITY))
  camera = plain.jpeg_roundtrip(plain.grain(scene, sigma, rng), quality)
  if manipulation == 'removal':
    content, trace = plain.remove(scene, mask, rng), 'inpaint'
  else:
    if manipulation == 'copy-move':
      content = plain.copy_move(scene, mask, rng)
    else:
      content = plain.splice(plain.view(donor, rng), mask.shape)
    content, trace = plain.add_trace(content, rng, 1 - level)
  piece = plain.grain(content, level * sigma, rng)
  piece = plain.jpeg_roundtrip(piece, quality)
  if manipulation != 'removal' and rng.random() < 0.4:
    piece = plain.poisson(camera, piece, mask)
  forged = plain.feather(camera, piece, mask, rng.uniform(0.5, 2.0))
  return forged, mask, trace


def _after_treatment(
    image: np.ndarray, level: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
  """Resamples an image, and samples the quality to save it with."""
  factor = 1 + level * (rng.uniform(*REDUCED) - 1)
  height, width = image.shape[:2]
  small = cv2.resize(
      image,
      (round(factor * width), round(factor * height)),
      interpolation=cv2.INTER_AREA,
  )
  back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
  plain_quality = int(rng.integers(*plain.FINAL_QUALITY))
  web_quality = int(rng.integers(*WEB_QUALITY))
  return back, round(plain_quality + level * (web_quality - plain_quality))
