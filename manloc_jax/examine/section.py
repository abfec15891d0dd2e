"""What a section of a report holds, and text of strangers made inert."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import cv2
import numpy as np

from manloc_jax import errors
from manloc_jax.localization import overlay

LONGEST_TEXT = 500  # Characters of one value of a file.
LONGEST_LIST = 400  # Values of one list.
SIDE = 512  # Pixels of the longer side of a map, at most.
_STEPS = 48  # Of the colours of a map: files are half as large as with 256.
_CANNOT_TELL = 'cannot_tell'


@dataclasses.dataclass(frozen=True)
class Picture:
  """A picture of a report.

  Attributes:
    name: A short name, unique in its report.
    caption: One sentence that says what is to be seen; also its alt text.
    pixels: uint8[h, w, 3], RGB.
    title: A few words above the caption, or none.
    group: Pictures of the same group stand together, at one size.
    scale: Of a picture of values, what its darkest and its brightest colour
      mean, and their unit.
  """

  name: str
  caption: str
  pixels: np.ndarray
  title: str = ''
  group: str = ''
  scale: tuple[str, str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Section:
  """The facts of a section, as JSON holds them, and its pictures."""

  facts: dict[str, Any]
  pictures: tuple[Picture, ...] = ()


def cannot_tell(reason: str) -> dict[str, str]:
  """Returns what stands in place of a fact that could not be found out."""
  return {_CANNOT_TELL: reason}


def is_told(fact: Any) -> bool:
  """Tells whether a fact was found out; None counts as found out to be none."""
  return not (isinstance(fact, Mapping) and _CANNOT_TELL in fact)


def inert(tree: Any) -> Any:
  """Makes all text of a tree of JSON values harmless to show.

  Control characters and those that turn the direction of writing become
  escapes, long texts and lists are cut and say so. What else HTML or a
  terminal would interpret is escaped where it is written.

  Args:
    tree: Dictionaries with keys of our own, lists, texts, numbers and None.
  """
  if isinstance(tree, str):
    return inert_text(tree)
  if isinstance(tree, Mapping):
    return {key: inert(value) for key, value in tree.items()}
  if isinstance(tree, (list, tuple)):
    return [inert(value) for value in tree[:LONGEST_LIST]]
  return tree


def inert_text(text: str) -> str:
  """Returns a text on one line, without control characters, cut if long."""
  start = errors.printable(text[:LONGEST_TEXT])
  if len(text) <= LONGEST_TEXT and len(start) <= LONGEST_TEXT:
    return start
  return f'{start[:LONGEST_TEXT]}… (cut; {len(text):,} characters)'


def coloured(
    values: np.ndarray, hatched: np.ndarray | None = None
) -> np.ndarray:
  """Draws a map of blocks in the colours of the heat map.

  Args:
    values: f32[rows, columns] in 0 to 1, the higher the brighter; NaN where
      nothing was measured, which is hatched.
    hatched: bool[rows, columns], what else is hatched.

  Returns:
    uint8[h, w, 3], RGB, of `SIDE` pixels along the longer side at most; small
    maps have several pixels for a block.
  """
  unknown = np.isnan(values)
  known = np.where(unknown, np.float32(0), values).astype(np.float32)
  zoom = max(1, SIDE // max(known.shape))
  levels = np.rint(_STEPS * overlay.reduce(known, SIDE)) * (255 / _STEPS)
  levels = np.rint(levels).astype(np.uint8)
  levels = levels.repeat(zoom, 0).repeat(zoom, 1)
  picture = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
  return overlay.hatch(
      picture, unknown if hatched is None else unknown | hatched
  )
