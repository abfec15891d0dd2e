"""Makes one realistic forgery: photograph, manipulation and file.

The camera saves the host; a piece with its own JPEG history is laid over it, or
a hole is filled; the forger saves the result, perhaps resized, and perhaps a
web site saves it once more. No trace is exaggerated: grain, for example, is
that of the photographs.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import cv2
import numpy as np

from manloc_jax.data.forge import blend
from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import fills
from manloc_jax.data.forge import masks
from manloc_jax.data.forge import moves
from manloc_jax.data.forge import retouch
from manloc_jax.data.forge import views

MANIPULATIONS = ('copy-move', 'splice', 'removal', 'retouch')
SIZE = (256, 512)  # Short side in pixels.
_BLEND_WEIGHTS = (0.35, 0.4, 0.25)  # Of `blend.BLENDS`.
_LEAST_CHANGED = 0.3  # Fraction of the pixels under a mask.
_TRIES = 4  # Then fewer are accepted, as in a photograph of one colour.
_RESIZE_LEAST_SIDE = 128  # Pixels; a smaller result is not resized.


@dataclasses.dataclass(frozen=True)
class Forgery:
  """A forged image and its ground truth.

  Attributes:
    file: The finished file.
    suffix: `.jpg` or `.png`, its format.
    image: uint8[h, w, 3], RGB, decoded from the file.
    mask: uint8[h, w], 1 where pixels may differ from the host.
    manipulation: One of `MANIPULATIONS`.
    history: How it was made, as JSON holds it.
  """

  file: bytes
  suffix: str
  image: np.ndarray
  mask: np.ndarray
  manipulation: str
  history: dict[str, Any]


def forge(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
    size: tuple[int, int] = SIZE,
    reduced: tuple[float, float] = (1.0, 1.0),
) -> Forgery:
  """Makes one forgery.

  The same photographs and state of `rng` give the same bytes, with the same
  versions of the image libraries.

  Args:
    host: uint8[rows, columns, 3], RGB, the photograph to forge.
    donor: The photograph that a splice takes its piece from.
    manipulation: One of `MANIPULATIONS`.
    rng: Source of every choice.
    size: Least and largest short side of the image in pixels; a smaller
      photograph gives a smaller image, of at least `views.LEAST_SIDE`.
    reduced: The factors that host and donor were reduced by before.

  Raises:
    ValueError: Unknown `manipulation`.
  """
  if manipulation not in MANIPULATIONS:
    raise ValueError(
        f'Unknown manipulation {manipulation!r}; choose one of'
        f' {MANIPULATIONS}.'
    )
  scene, history = photographed(host, size, rng, cameras.camera, reduced[0])
  history = {'host': history}
  piece = scene
  if manipulation == 'splice':
    save = cameras.web if rng.random() < 0.5 else cameras.camera
    piece, history['donor'] = photographed(
        donor, size, rng, save, reduced[1]
    )
  for _ in range(_TRIES):
    forged, mask, facts = manipulate(scene, piece, manipulation, rng)
    changed = (forged != scene).any(axis=-1)
    if changed.sum() > _LEAST_CHANGED * mask.sum():
      break  # Unlike white on white, which cannot be found.
  history['piece'] = facts
  file, suffix, mask, history['files'] = finish(forged, mask, rng)
  image = cameras.decode(file)
  return Forgery(file, suffix, image, mask, manipulation, history)


def photographed(
    photograph: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    save: Callable[[np.random.Generator], cameras.Jpeg],
    reduced: float = 1.0,
) -> tuple[np.ndarray, dict]:
  """Samples a view of a photograph and its JPEG history.

  Args:
    photograph: uint8[rows, columns, 3].
    size: Of the short side.
    rng: Source of every choice.
    save: Samples how the file is encoded.
    reduced: The factor that the photograph was reduced by before.

  Returns:
    uint8[h, w, 3] and the facts.
  """
  scene, facts = views.view(photograph, size, rng, reduced)
  if rng.random() < (0.6 if facts['native'] else 0.2):
    return scene, {**facts, 'jpeg': None}  # As in the photograph's file.
  jpeg = save(rng)
  offset = (0, 0)
  if rng.random() < 0.2:  # It was cropped.
    down, right = rng.integers(0, 16, 2).tolist()
    offset = down, right
  saved = cameras.roundtrip(scene, jpeg, offset)
  return saved, {**facts, 'jpeg': jpeg.describe(), 'offset': list(offset)}


def manipulate(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, dict]:
  """Manipulates the pixels of a host.

  Args:
    host: uint8[h, w, 3].
    donor: uint8[rows, columns, 3]; only a splice reads it.
    manipulation: One of `MANIPULATIONS`.
    rng: Source of every choice.

  Returns:
    The forged image uint8[h, w, 3], equal to the host where the mask is 0; the
    mask uint8[h, w], 1 also where the layer equals the host; and the facts.
  """
  weights = _BLEND_WEIGHTS
  if manipulation == 'copy-move':
    region, kind = masks.sample(host, rng, areas=(0.005, 0.2))
    layer, mask, facts = moves.copy_move(host, region, rng)
  elif manipulation == 'splice':
    region, kind = masks.sample(donor, rng)
    layer, mask, facts = moves.splice(donor, region, host.shape[:2], rng)
    facts['colours_matched'] = bool(rng.random() < 0.5)
    if facts['colours_matched'] and mask.any():
      layer = moves.match_colours(layer, mask, host, rng.uniform(0.4, 1))
  elif manipulation == 'removal':
    mask, kind = masks.sample(host, rng, areas=(0.005, 0.25))
    layer, facts = fills.remove(host, mask, rng)
  else:
    mask, kind = masks.sample(host, rng)
    layer, facts = retouch.retouch(host, rng)
    weights = (0.4, 0.6, 0.0)  # Poisson blending would undo a change of tone.
  if np.count_nonzero(mask) < masks.LEAST_PIXELS:
    # Nearly all of the region is outside the frame or on the copied region.
    return manipulate(host, donor, manipulation, rng)
  joint = str(rng.choice(blend.BLENDS, p=weights))
  forged, blended = blend.blend(host, layer, mask, joint, rng)
  area = round(float(mask.mean()), 5)
  return forged, mask, {'mask': kind, 'area': area, **facts, **blended}


def finish(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[bytes, str, np.ndarray, list[dict[str, Any]]]:
  """Saves a forgery as its forger does, and perhaps a web site after that.

  Args:
    image: uint8[h, w, 3].
    mask: uint8[h, w].
    rng: Source of every choice.

  Returns:
    The file, its suffix, the mask at its size and the facts of each save.
  """
  facts: list[dict[str, Any]] = []
  if rng.random() < 0.15:
    image, mask = _resize(image, mask, facts, rng)
  if rng.random() < 0.15:
    facts.append({'format': 'png'})
    return cameras.encode_png(image), '.png', mask, facts
  jpeg = cameras.editor(rng)
  facts.append({'format': 'jpeg', **jpeg.describe()})
  if rng.random() < 0.12:  # Passed on.
    image = cameras.roundtrip(image, jpeg)
    if rng.random() < 0.5:
      image, mask = _resize(image, mask, facts, rng)
    quality = int(rng.integers(70, 93))
    jpeg = cameras.Jpeg(quality, '4:2:0')
    facts.append({'format': 'jpeg', **jpeg.describe()})
  return cameras.encode(image, jpeg), '.jpg', mask, facts


def _resize(
    image: np.ndarray,
    mask: np.ndarray,
    facts: list[dict[str, Any]],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
  """Resizes image and mask unless they are small already."""
  least = _RESIZE_LEAST_SIDE / min(mask.shape)
  if least > 0.9:
    return image, mask
  factor = float(rng.uniform(max(0.5, least), 1.25))
  image, name = views.resize(image, factor, rng)
  size = image.shape[1::-1]
  mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
  facts.append({'resized': round(factor, 4), 'filter': name})
  return image, mask
