"""Makes one forgery: photograph, manipulation and file.

The camera saves the host; a piece with its own JPEG history is laid over it, or
a hole is filled, sometimes twice; the forger saves the result, perhaps resized
or cropped, and perhaps a web site saves it once more. No trace is exaggerated:
grain, for example, is that of the photographs.
"""

from collections.abc import Callable
import copy
import dataclasses
from typing import Any

import numpy as np

from manloc_jax.data.forge import cameras
from manloc_jax.data.forge import finish
from manloc_jax.data.forge import manipulations
from manloc_jax.data.forge import views

MANIPULATIONS = manipulations.MANIPULATIONS
SIZE = (256, 512)  # Short side in pixels.
_LEAST_CHANGED = 0.3  # Fraction of the pixels under a mask.
_TRIES = 4  # Then fewer are accepted, as in a photograph of one colour.
_AGAIN = 0.2  # Of the forgeries have a second region, of the same kind.


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
    original: The host, resized and saved like the forgery, as a file of the
      same format; None where it was not asked for.
    changed: uint8[h, w], 1 where pixels differed from the host before they were
      resized and saved; None where it was not asked for.
  """

  file: bytes
  suffix: str
  image: np.ndarray
  mask: np.ndarray
  manipulation: str
  history: dict[str, Any]
  original: bytes | None = None
  changed: np.ndarray | None = None


def forge(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
    size: tuple[int, int] = SIZE,
    reduced: tuple[float, float] = (1.0, 1.0),
    keep_original: bool = False,
) -> Forgery:
  """Makes one forgery.

  The same photographs and state of `rng` give the same bytes, with the same
  versions of the image libraries, whether the original is kept or not.

  Args:
    host: uint8[rows, columns, 3], RGB, the photograph to forge.
    donor: The photograph that a splice takes its piece from.
    manipulation: One of `MANIPULATIONS`. A removal becomes a copy-move where
      the host has no background to fill a hole with, and is named so.
    rng: Source of every choice.
    size: Least and largest short side in pixels of the finished file. A smaller
      photograph gives a smaller image, but one below `views.LEAST_SIDE` is
      enlarged to that, or to the least side where that is smaller.
    reduced: The factors that host and donor were reduced by before.
    keep_original: Whether to return the original and what was changed.

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
    made = manipulations.manipulate(scene, piece, manipulation, rng)
    changed = (made.image != scene).any(axis=-1)
    if changed.sum() > _LEAST_CHANGED * made.mask.sum():
      break  # Unlike white on white, which cannot be found.
  history['piece'] = made.facts
  if rng.random() < _AGAIN:
    again = manipulations.manipulate(made.image, piece, made.manipulation, rng)
    if again.manipulation == made.manipulation:
      history['second_piece'] = again.facts
      made = dataclasses.replace(
          made, image=again.image, mask=made.mask | again.mask
      )
      changed = (made.image != scene).any(axis=-1)
  finished = None
  while finished is None or not finished.mask.any():  # Cut off by a crop.
    same = copy.deepcopy(rng)
    finished = finish.finish(made.image, made.mask, size, rng)
  history['files'] = finished.facts
  forgery = Forgery(
      finished.file,
      finished.suffix,
      cameras.decode(finished.file),
      finished.mask,
      made.manipulation,
      history,
  )
  if not keep_original:
    return forgery
  original = finish.finish(scene, changed.astype(np.uint8), size, same)
  return dataclasses.replace(
      forgery, original=original.file, changed=original.mask
  )


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
