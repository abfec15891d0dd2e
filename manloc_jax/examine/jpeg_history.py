"""JPEG history: how a file is coded, and compressions before that."""

import dataclasses
from typing import Any

import numpy as np

from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.examine import earlier_grid
from manloc_jax.examine import earlier_jpeg
from manloc_jax.examine import encoder_tables
from manloc_jax.examine import jpeg_segments
from manloc_jax.examine import metadata_blocks
from manloc_jax.examine import opened_file
from manloc_jax.examine import photoshop_blocks
from manloc_jax.examine import section as section_lib

_KINDS = {
    'SOF0': 'baseline', 'SOF1': 'extended', 'SOF2': 'progressive',
    'SOF3': 'lossless', 'SOF9': 'extended, arithmetic coding',
    'SOF10': 'progressive, arithmetic coding',
}  # fmt: skip
_TRANSFORMS = {0: 'none (RGB or CMYK)', 1: 'YCbCr', 2: 'YCCK'}


def section(file: opened_file.OpenedFile) -> section_lib.Section:
  """Returns how a JPEG file is coded, and which encoders code so."""
  if file.kind != 'JPEG':
    return section_lib.Section({
        'is_jpeg': False,
        'history': section_lib.cannot_tell(
            f'A {file.kind} file keeps no quantization tables; only its pixels'
            ' can tell whether they were JPEG before.'
        ),
        **_earlier(file, None),
    })
  segments, _ = jpeg_segments.walk(file.data)
  frame = jpeg_segments.frame(segments)
  tables = jpeg_segments.tables(segments)
  facts: dict[str, Any] = {
      'is_jpeg': True,
      'markers': _order(segments),
      'restart_interval': _restart_interval(segments),
      'scans': sum(item.name == 'SOS' for item in segments),
      'adobe_transform': _adobe_transform(segments),
      'photoshop_quality': _photoshop_quality(file),
      'tables': [
          {'number': number, 'values': list(values)}
          for number, values in sorted(tables.items())
      ],
      **_earlier(file, _luma_table(file)),
  }
  if frame is None:
    missing = section_lib.cannot_tell('The file has no whole frame header.')
    return section_lib.Section({**facts, 'coding': missing, 'encoder': missing})
  facts['coding'] = {
      'kind': _KINDS.get(frame.name, frame.name),
      'bits': frame.bits,
      'width': frame.width,
      'height': frame.height,
      'components': len(frame.components),
      'sampling': ', '.join(f'{c[1]}x{c[2]}' for c in frame.components),
  }
  facts['encoder'] = _encoder(tables, frame)
  return section_lib.Section(facts)


def _luma_table(file: opened_file.OpenedFile) -> np.ndarray | str:
  """Returns the table of luma, or a sentence that says why there is none."""
  try:
    table = quantization_lib.read(file.path)
  except spec.DataError as error:
    return str(error).replace(str(file.path), 'The file')
  return 'The file has no table of luma of its own.' if table is None else table


def _earlier(
    file: opened_file.OpenedFile, table: np.ndarray | str | None
) -> dict[str, Any]:
  """Returns what pixels tell of earlier compressions.

  Args:
    file: The file.
    table: Of luma, int[8, 8]; None for files that are not JPEG.

  Returns:
    `earlier_compressions`, the quality, and `earlier_grid`, where its grid
    begins. A grid beside the file's own comes first, since its trace may
    mislead the other estimate; half a block beside it is the other way round.
  """
  reason = next((x for x in (file.decoded, table) if isinstance(x, str)), None)
  if reason is not None or isinstance(file.decoded, str):
    untold = section_lib.cannot_tell(reason or '')
    return {'earlier_compressions': untold, 'earlier_grid': untold}
  pixels = file.decoded.pixels
  own = table if isinstance(table, np.ndarray) else None
  grid = earlier_grid.find(pixels, own)
  is_sure = isinstance(grid, earlier_grid.Grid) and not grid.is_beside
  if own is not None and not is_sure:
    estimate = earlier_jpeg.estimate(pixels, own)
    if isinstance(estimate, earlier_jpeg.Estimate):
      return {
          'earlier_compressions': dataclasses.asdict(estimate),
          'earlier_grid': {'top': 0, 'left': 0},
      }
    if isinstance(grid, str):
      return {
          'earlier_compressions': section_lib.cannot_tell(estimate),
          'earlier_grid': section_lib.cannot_tell(grid),
      }
  if isinstance(grid, str):
    untold = section_lib.cannot_tell(grid)
    return {'earlier_compressions': untold, 'earlier_grid': untold}
  return {
      'earlier_compressions': {'quality': grid.quality},
      'earlier_grid': {
          'top': grid.top,
          'left': grid.left,
          'strength': grid.strength,
      },
  }


def _order(segments: list[jpeg_segments.Segment]) -> str:
  """Returns the names of the markers, repeated ones once with their number."""
  runs: list[tuple[str, int]] = []
  for segment in segments:
    if runs and runs[-1][0] == segment.name:
      runs[-1] = (segment.name, runs[-1][1] + 1)
    else:
      runs.append((segment.name, 1))
  return ' '.join(
      name if count == 1 else f'{name}*{count}' for name, count in runs
  )


def _restart_interval(segments: list[jpeg_segments.Segment]) -> int | None:
  for segment in segments:
    if segment.name == 'DRI' and len(segment.content) >= 2:
      return int.from_bytes(segment.content[:2], 'big') or None
  return None


def _adobe_transform(segments: list[jpeg_segments.Segment]) -> str | None:
  for segment in segments:
    content = segment.content
    if segment.name == 'APP14' and content.startswith(b'Adobe'):
      if len(content) >= 12:
        return _TRANSFORMS.get(content[11], str(content[11]))
  return None


def _photoshop_quality(file: opened_file.OpenedFile) -> int | None:
  resources = photoshop_blocks.resources(metadata_blocks.read(file).photoshop)
  for number, data in resources:
    if number == photoshop_blocks.JPEG_QUALITY:
      return photoshop_blocks.quality(data)
  return None


def _encoder(
    tables: dict[int, tuple[int, ...]], frame: jpeg_segments.Frame
) -> dict[str, Any]:
  """Tells which encoders write such tables, and the quality of libjpeg."""
  luma, chroma = encoder_tables.of_frame(tables, frame)
  if luma is None or (len(frame.components) > 1 and chroma is None):
    return section_lib.cannot_tell('The file lacks a quantization table.')
  exact = encoder_tables.standard_quality(luma)
  table = np.array(luma).reshape(8, 8)
  return {
      'fingerprint': encoder_tables.fingerprint(luma, chroma),
      'known': encoder_tables.recognize(luma, chroma),
      'estimated_quality': exact or quantization_lib.quality(table),
      'is_standard_luma': exact is not None,
  }
