"""Cuts images into overlapping tiles of blocks, so that memory is bounded."""

from collections.abc import Iterator
import dataclasses

from manloc_jax.localization.fusion import features

# Of a tile, without the margin. Error level analysis saves as JPEG, whose sides
# have at most 65,500 pixels.
_PIXELS, _SIDE = 12_582_912, 32_768
_MARGIN = 16  # Blocks that neighbouring tiles share on each side.

Area = tuple[slice, slice]


@dataclasses.dataclass(frozen=True)
class Tile:
  """A tile of an image; rows and columns are counted in blocks.

  Attributes:
    inner: Where the tile lies in the image.
    outer: The same with its margin.
    within: Where the tile lies in what has its margin.
  """

  inner: Area
  outer: Area
  within: Area


def cut(rows: int, columns: int) -> Iterator[Tile]:
  """Yields tiles that cover an image; one tile where it is small enough.

  Args:
    rows: Of blocks.
    columns: Of blocks.
  """
  down, across = _counts(rows, columns)
  for top, outer_rows in _cut_side(rows, down):
    for left, outer_columns in _cut_side(columns, across):
      yield Tile(
          (top, left),
          (outer_rows, outer_columns),
          (_within(top, outer_rows), _within(left, outer_columns)),
      )


def _counts(rows: int, columns: int) -> tuple[int, int]:
  """Returns the numbers of tiles along both sides; none is too large."""
  down = across = 1
  most = _PIXELS // features.BLOCK**2
  longest = _SIDE // features.BLOCK
  while (
      -(-rows // down) * -(-columns // across) > most
      or max(-(-rows // down), -(-columns // across)) > longest
  ):
    if rows / down > columns / across:
      down += 1
    else:
      across += 1
  return down, across


def _cut_side(length: int, count: int) -> Iterator[tuple[slice, slice]]:
  """Cuts a length evenly; yields each part without and with its margin."""
  edges = [length * i // count for i in range(count + 1)]
  for low, high in zip(edges, edges[1:], strict=False):
    outer = slice(max(low - _MARGIN, 0), min(high + _MARGIN, length))
    yield slice(low, high), outer


def _within(inner: slice, outer: slice) -> slice:
  return slice(inner.start - outer.start, inner.stop - outer.start)
