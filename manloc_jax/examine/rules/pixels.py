"""Rules on JPEG history and maps: what was done to the pixels."""

from manloc_jax.examine import section as section_lib
from manloc_jax.examine.rules import facts as facts_lib

_FEW_PIXELS = 512 * 512
_MUCH = 0.1  # Of the blocks.
_PROBABLE = 0.5  # Of a probability.
_SIDES = ('width', 'height')


def encoder_is_no_camera(facts: facts_lib.Facts) -> str | None:
  """A camera is named, and tables or blocks are Photoshop's."""
  make = facts_lib.get(facts, 'metadata', 'summary', 'make')
  known = facts_lib.get(facts, 'jpeg_history', 'encoder', 'known') or ()
  is_photoshop = 'Photoshop' in [item['encoder'] for item in known]
  quality = facts_lib.get(facts, 'jpeg_history', 'photoshop_quality')
  if not make or not (is_photoshop or quality is not None):
    return None
  trace = 'the quantization tables are' if is_photoshop else 'a block is'
  return (
      f'EXIF names a camera ({make}), and {trace} of Photoshop: the file was'
      ' saved again.'
  )


def saved_before(facts: facts_lib.Facts) -> str | None:
  """The pixels were saved as JPEG before."""
  quality = facts_lib.get(
      facts, 'jpeg_history', 'earlier_compressions', 'quality'
  )
  if quality is None:
    return None
  return (
      'The pixels seem to have been saved as JPEG before, at about quality'
      f' {quality} of libjpeg. Editors save again, and so do web sites and'
      ' messengers.'
  )


def grid_moved(facts: facts_lib.Facts) -> str | None:
  """The grid of the earlier compression begins inside of a block."""
  top, left = (
      facts_lib.get(facts, 'jpeg_history', 'earlier_grid', key)
      for key in ('top', 'left')
  )
  if not top and not left:
    return None
  return (
      f'The grid of an earlier compression begins at row {top} and column'
      f' {left}, not at 0 and 0: the image was cropped after a compression, or'
      ' the middle of it was pasted in.'
  )


def map_marks_regions(facts: facts_lib.Facts) -> str | None:
  """The localizer marks pixels, and the score of the image is high."""
  fusion = facts_lib.get(facts, 'maps', 'fusion')
  if not fusion or not fusion['region_count']:
    return None
  is_probability = fusion['image_score_is_probability']
  if fusion['image_score'] < (
      _PROBABLE if is_probability else fusion['threshold']
  ):
    return None
  return (
      f'The heat map marks {fusion["marked_fraction"]:.1%} of the pixels, in'
      f' {fusion["region_count"]} regions. It is a hint where to look: maps of'
      ' untouched photographs mark something, too.'
  )


def limited_file(facts: facts_lib.Facts) -> str | None:
  """The file is no JPEG file, or is strongly compressed."""
  limits = facts_lib.get(facts, 'maps', 'fusion', 'limits')
  return ' '.join(limits or ()) or None


def partly_unmeasurable(facts: facts_lib.Facts) -> str | None:
  """A large part of the image carries no traces."""
  share = facts_lib.get(facts, 'maps', 'fusion', 'unmeasurable_fraction')
  if share is None or share < _MUCH:
    return None
  return (
      f'{share:.0%} of the image are one colour or clipped to black or white,'
      ' and cannot be measured: a low score there means nothing.'
  )


def few_pixels(facts: facts_lib.Facts) -> str | None:
  """The image is small."""
  width, height = (
      facts_lib.get(facts, 'identity', 'pixels', key) for key in _SIDES
  )
  if not width or not height or width * height >= _FEW_PIXELS:
    return None
  return (
      f'The image has only {width}x{height} pixels: it was probably reduced,'
      ' which removes traces, and little is left to compare.'
  )


def no_map(facts: facts_lib.Facts) -> str | None:
  """No map could be made."""
  fusion = facts.get('maps', {}).get('fusion')
  if fusion is None or section_lib.is_told(fusion):
    return None
  return 'No heat map could be made, so that nothing is said of the pixels.'
