"""Thumbnail: the embedded preview, compared with the image around it."""

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from manloc_jax.data.decoding import quiet
from manloc_jax.examine import exif
from manloc_jax.examine import metadata_blocks
from manloc_jax.examine import opened_file
from manloc_jax.examine import photoshop_blocks
from manloc_jax.examine import section as section_lib

_MOST_PIXELS = 1_000_000
_MIN_SIDE = 32  # Pixels of a preview; less is not compared.
_BLACK = 14  # Grey levels of a bar beside the preview.
_MOST_BAR = 0.3  # Of a side.
_ASPECT = 0.04  # Relative difference of the ratio of sides.
_REACH = 2  # Pixels by which the preview may be shifted.
_LEVELS = 40  # Grey levels that differ, where the pictures disagree.
# Of the largest region of such pixels, relative to the preview.
_AGREES, _DISAGREES = 0.005, 0.02
_CORRELATED, _UNCORRELATED = 0.9, 0.6
_SHOWN = 320  # Pixels of the longer side in the report.


def section(file: opened_file.OpenedFile) -> section_lib.Section:
  """Returns how well each embedded preview agrees with the image."""
  compared, pictures = [], []
  for source, content in _previews(file):
    facts, shown = _compare(file, source, content)
    compared.append({'source': source, **facts})
    pictures += shown
  return section_lib.Section({'previews': compared}, tuple(pictures))


def _previews(file: opened_file.OpenedFile) -> list[tuple[str, bytes]]:
  blocks, found = metadata_blocks.read(file), []
  if blocks.exif is not None and file.kind != 'TIFF':
    try:
      content = exif.thumbnail(blocks.exif, exif.read(blocks.exif))
    except ValueError:
      content = None
    if content:
      found.append(('EXIF', content))
  for number, data in photoshop_blocks.resources(blocks.photoshop):
    content = photoshop_blocks.thumbnail(data)
    if number == photoshop_blocks.THUMBNAIL and content:
      found.append(('Photoshop', content))
      break
  return found


def _decode(content: bytes) -> np.ndarray | None:
  """Returns the pixels of a preview, uint8[h, w, 3]; None if it is broken."""
  try:
    with (
        quiet.WITHOUT_WARNINGS,
        Image.open(io.BytesIO(content), formats=['JPEG']) as image,
    ):
      if image.width * image.height > _MOST_PIXELS:
        return None
      return np.asarray(image.convert('RGB'))
  except Exception:  # Decoders raise whatever broken bytes lead them to.
    return None


def _compare(
    file: opened_file.OpenedFile, source: str, content: bytes
) -> tuple[dict[str, Any], list[section_lib.Picture]]:
  preview = _decode(content)
  if preview is None:
    broken = section_lib.cannot_tell('The preview cannot be decoded.')
    return {'bytes': len(content), 'agreement': broken}, []
  facts: dict[str, Any] = {
      'bytes': len(content),
      'width': preview.shape[1],
      'height': preview.shape[0],
  }
  shown = [
      section_lib.Picture(
          f'preview_{source.lower()}', f'The preview embedded by {source}.',
          _enlarged(preview),
      )
  ]  # fmt: skip
  if isinstance(file.decoded, str):
    facts['agreement'] = section_lib.cannot_tell(file.decoded)
    return facts, shown
  if min(preview.shape[:2]) < _MIN_SIDE:
    facts['agreement'] = section_lib.cannot_tell('The preview is too small.')
    return facts, shown
  best = _aligned(file.decoded.pixels, preview)
  if best is None:
    facts['agreement'] = 'other shape'
    return facts, shown
  difference, correlation, reduced = best
  region = _largest_region(difference > _LEVELS)
  facts |= {
      'correlation': round(correlation, 3),
      'largest_difference': round(region, 4),
      'agreement': _judge(correlation, region),
  }
  grey = np.clip(difference * 2, 0, 255).astype(np.uint8)
  heat = cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1]
  shown += [
      section_lib.Picture(
          f'reduced_{source.lower()}',
          'The image, reduced to the size of the preview.', _enlarged(reduced),
      ),
      section_lib.Picture(
          f'difference_{source.lower()}',
          'Where they differ: the brighter, the more.', _enlarged(heat),
      ),
  ]  # fmt: skip
  return facts, shown


def _judge(correlation: float, region: float) -> str | dict[str, str]:
  if correlation >= _CORRELATED and region <= _AGREES:
    return 'agrees'
  if correlation < _UNCORRELATED or region >= _DISAGREES:
    return 'disagrees'
  return section_lib.cannot_tell(
      'The difference is too small to tell it from other tones or sharpening.'
  )


def _without_bars(preview: np.ndarray) -> np.ndarray:
  """Cuts off black bars, which fill up the shape of the preview."""
  grey = _grey(preview)
  sides = []
  for axis in (1, 0):
    dark = np.percentile(grey, 95, axis=axis) < _BLACK
    most = int(len(dark) * _MOST_BAR)
    first = int(np.argmin(dark)) if not dark.all() else 0
    last = int(np.argmin(dark[::-1])) if not dark.all() else 0
    if max(first, last) > most:
      first = last = 0
    # The row beside a bar is blurred into it.
    sides.append(
        slice(first + (first > 0), len(dark) - last - (last > 0))
    )
  return preview[sides[0], sides[1]]


def _aligned(
    pixels: np.ndarray, preview: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray] | None:
  """Compares the image with the preview, with and without its bars.

  A picture that was turned without loss keeps its old preview, so that both
  turns are tried; the comparison that agrees best counts.

  Args:
    pixels: uint8[h, w, 3].
    preview: uint8[rows, columns, 3].

  Returns:
    Difference and correlation of `_difference`, and the image at the size of
    the preview, uint8[rows', columns', 3]; None if none has its shape.
  """
  found = []
  for inner in (preview, _without_bars(preview)):
    if min(inner.shape[:2]) < _MIN_SIDE:
      continue
    size = inner.shape[1], inner.shape[0]
    for turns in (0, 1, 3):
      turned = np.rot90(pixels, turns)
      ratio = turned.shape[1] / turned.shape[0]
      if abs(ratio * size[1] / size[0] - 1) > _ASPECT:
        continue
      reduced = cv2.resize(turned, size, interpolation=cv2.INTER_AREA)
      found.append((*_difference(_grey(inner), _grey(reduced)), reduced))
  return max(found, key=lambda one: one[1], default=None)


def _grey(pixels: np.ndarray) -> np.ndarray:
  grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
  return cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)


def _difference(
    preview: np.ndarray, image: np.ndarray
) -> tuple[np.ndarray, float]:
  """Aligns two pictures and their brightness.

  Args:
    preview: f32[h, w].
    image: f32[h, w].

  Returns:
    The absolute difference, f32[h, w], 0 along the border, and the correlation
    at the best shift.
  """
  best: tuple[float, np.ndarray] = (-2.0, np.zeros_like(preview))
  inner = np.s_[_REACH:-_REACH, _REACH:-_REACH]
  target = preview[inner]
  for down in range(-_REACH, _REACH + 1):
    for right in range(-_REACH, _REACH + 1):
      moved = np.roll(image, (down, right), (0, 1))[inner]
      correlation = _correlation(target, moved)
      if correlation > best[0]:
        best = correlation, moved
  correlation, moved = best
  difference = np.zeros_like(preview)
  slope = target.std() / moved.std() if moved.std() > 0 else 1.0
  fitted = (moved - np.median(moved)) * slope + np.median(target)
  difference[inner] = np.abs(target - fitted)
  return difference, correlation


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
  if one.std() == 0 or other.std() == 0:
    return 1.0 if np.abs(one - other).max() < _LEVELS else 0.0
  return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _largest_region(mask: np.ndarray) -> float:
  """Returns the largest connected region as a fraction of all pixels."""
  count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
  if count < 2:
    return 0.0
  return float(stats[1:, cv2.CC_STAT_AREA].max()) / mask.size


def _enlarged(pixels: np.ndarray) -> np.ndarray:
  scale = _SHOWN / max(pixels.shape[:2])
  return cv2.resize(
      np.ascontiguousarray(pixels), None, fx=scale, fy=scale,
      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
  )  # fmt: skip
