"""What a section of a report holds, and text of strangers made inert."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from manloc_jax import errors

LONGEST_TEXT = 500  # Characters of one value of a file.
LONGEST_LIST = 400  # Values of one list.
_CANNOT_TELL = 'cannot_tell'


@dataclasses.dataclass(frozen=True)
class Picture:
  """A picture of a report.

  Attributes:
    name: A short name, unique in its report.
    caption: One sentence that says what is to be seen; also its alt text.
    pixels: uint8[h, w, 3], RGB.
  """

  name: str
  caption: str
  pixels: np.ndarray


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
