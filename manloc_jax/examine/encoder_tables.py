"""Recognizes encoders by the quantization tables of JPEG files.

The tables of libjpeg are those of the JPEG standard, Annex K, scaled by its
formula; those of mozjpeg and ImageMagick scale another, which both publish.
Those of Photoshop come with Pillow as presets. Those of cameras were read from
photographs that are free for any use: `encoder_tables.json` says which, and
`docs/encoder_tables.py` makes it.
"""

from collections.abc import Iterator, Mapping
import functools
import hashlib
import pathlib
from typing import Any

import numpy as np
from PIL import JpegPresets

from manloc_jax import files
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.examine import jpeg_segments

CAMERAS = pathlib.Path(__file__).with_name('encoder_tables.json')
Table = tuple[int, ...]
_LUMA: Table = tuple(quantization_lib.STANDARD.ravel().tolist())
_CHROMA_START = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
)  # fmt: skip
_CHROMA = _CHROMA_START + 32 * (99,)
# Of N. Robidoux; luma and chroma have the same.
_ROBIDOUX = (
    16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75,
    16, 20, 24, 31, 43, 62, 91, 135, 18, 27, 31, 40, 53, 74, 106, 156,
    25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94, 124, 169, 238,
    56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
)  # fmt: skip
# Pillow names Photoshop's presets so, beside those of libjpeg.
_PHOTOSHOP = {
    'web_low': 'for web, low', 'web_medium': 'for web, medium',
    'web_high': 'for web, high', 'web_very_high': 'for web, very high',
    'web_maximum': 'for web, maximum', 'low': 'low', 'medium': 'medium',
    'high': 'high', 'maximum': 'maximum',
}  # fmt: skip


def scaled(base: Table, quality: int) -> Table:
  """Returns a table as libjpeg scales it for a quality of 1 to 100."""
  return tuple(quantization_lib.scaled(np.array(base), quality).tolist())


def standard_luma(quality: int) -> Table:
  """Returns the table of luma of libjpeg for a quality of 1 to 100."""
  return scaled(_LUMA, quality)


def recognize(luma: Table, chroma: Table | None) -> list[dict[str, Any]]:
  """Lists the encoders that are known to write these tables.

  Args:
    luma: 64 numbers, rows of frequencies first.
    chroma: The same; None for grey images, which match by luma alone.

  Returns:
    For each its name, its quality or level, and where the table is from.
  """
  return [
      {'encoder': name, 'setting': setting, 'source': source}
      for name, setting, source, table, other in _known()
      if table == luma and (chroma is None or other == chroma)
  ] + _cameras(luma, chroma)


def standard_quality(luma: Table) -> int | None:
  """Returns the quality of libjpeg with this table of luma; None without."""
  for quality in range(100, 0, -1):
    if standard_luma(quality) == luma:
      return quality
  return None


@functools.cache
def _known() -> list[tuple[str, str, str, Table, Table]]:
  return [*_scaled_tables(), *_photoshop_tables()]


def _scaled_tables() -> Iterator[tuple[str, str, str, Table, Table]]:
  for name, source, luma, chroma in (
      ('libjpeg and programs that use it', 'JPEG standard, Annex K', _LUMA,
       _CHROMA),
      ('mozjpeg', "N. Robidoux's table, published with mozjpeg and ImageMagick",
       _ROBIDOUX, _ROBIDOUX),
  ):  # fmt: skip
    for quality in range(1, 101):
      yield (
          name, f'quality {quality}', source, scaled(luma, quality),
          scaled(chroma, quality),
      )  # fmt: skip


def _photoshop_tables() -> Iterator[tuple[str, str, str, Table, Table]]:
  for preset, level in _PHOTOSHOP.items():
    tables: Any = JpegPresets.presets[preset]['quantization']
    luma, chroma = tables[:2]
    yield 'Photoshop', level, 'presets of Pillow', tuple(luma), tuple(chroma)


@functools.cache
def _camera_table() -> Mapping[str, Any]:
  return files.read_json(CAMERAS)['cameras'] if CAMERAS.is_file() else {}


def _cameras(luma: Table, chroma: Table | None) -> list[dict[str, Any]]:
  return [
      {'encoder': name, 'setting': None, 'source': 'photographs of the camera'}
      for name in _camera_table().get(fingerprint(luma, chroma), ())
  ]


def fingerprint(luma: Table, chroma: Table | None) -> str:
  """Returns a short hash of tables, in hexadecimal."""
  text = ','.join(map(str, (*luma, *(chroma or ()))))
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_frame(
    tables: Mapping[int, Table], frame: jpeg_segments.Frame
) -> tuple[Table | None, Table | None]:
  """Returns the tables of the first and of the second component."""
  numbers = [component[3] for component in frame.components[:2]]
  luma = tables.get(numbers[0]) if numbers else None
  chroma = tables.get(numbers[1]) if len(numbers) > 1 else None
  return luma, chroma
