"""Rules on metadata, the name of a file, its preview and what follows it."""

from typing import Any

from manloc_jax.examine.rules import facts as facts_lib

_DATE_FLAGS = ('modified_before_taken', 'gps_on_another_day')


def preview_disagrees(facts: facts_lib.Facts) -> str | None:
  """The embedded preview shows something else than the image."""
  if 'disagrees' in _agreements(facts):
    return (
        'The preview embedded in the file shows something else than the image:'
        ' it was probably made before the image was changed.'
    )
  return None


def _agreements(facts: facts_lib.Facts) -> list[Any]:
  previews = facts_lib.get(facts, 'thumbnail', 'previews') or ()
  return [facts_lib.get(preview, 'agreement') for preview in previews]


def preview_has_other_shape(facts: facts_lib.Facts) -> str | None:
  """The embedded preview has another ratio of sides."""
  if 'other shape' in _agreements(facts):
    return (
        'The preview embedded in the file has another shape than the image,'
        ' which may have been cropped; some cameras crop their previews.'
    )
  return None


def editor_named(facts: facts_lib.Facts) -> str | None:
  """The metadata name a program for editing."""
  return next(iter(facts_lib.flags(facts, 'editor_named')), None)


def edit_history(facts: facts_lib.Facts) -> str | None:
  """XMP lists steps of editing."""
  steps = facts_lib.get(facts, 'metadata', 'edit_history')
  if not steps:
    return None
  return f'XMP lists {len(steps)} steps of editing or saving.'


def modified_later(facts: facts_lib.Facts) -> str | None:
  """The file was changed after it was taken, by its own dates."""
  return next(iter(facts_lib.flags(facts, 'modified_after_taken')), None)


def dates_contradict(facts: facts_lib.Facts) -> str | None:
  """Dates that cannot all be true."""
  return next(iter(facts_lib.flags(facts, *_DATE_FLAGS)), None)


def size_differs(facts: facts_lib.Facts) -> str | None:
  """EXIF names another size than the image has."""
  return next(iter(facts_lib.flags(facts, 'size_differs')), None)


def suffix_differs(facts: facts_lib.Facts) -> str | None:
  """The name of the file promises another format."""
  if facts_lib.get(facts, 'identity', 'suffix_fits') is not False:
    return None
  return (
      f'The file is {facts["identity"]["format"]}, and its name ends in'
      f' {facts["identity"]["suffix"]}.'
  )


def data_after_image(facts: facts_lib.Facts) -> str | None:
  """Something follows the image that the format does not need."""
  trailing = facts_lib.get(facts, 'identity', 'trailing')
  is_usual = not trailing or trailing['only_zeros'] or (
      trailing['has_index_of_images']
  )
  if is_usual or not trailing['bytes']:
    return None
  kinds = [item['format'] for item in trailing['embedded_files']]
  what = (
      f'which look like {", ".join(kinds[:5])}'
      if kinds
      else 'of no known kind; some cameras leave remains of memory there'
  )
  return f'{trailing["bytes"]:,} bytes follow the end of the image, {what}.'


def no_metadata(facts: facts_lib.Facts) -> str | None:
  """There is neither EXIF nor XMP nor IPTC."""
  metadata = facts_lib.get(facts, 'metadata') or {}
  if any(metadata.get(key, True) for key in ('exif', 'xmp', 'iptc')):
    return None
  return (
      'There is no EXIF, XMP or IPTC. Absence of metadata is no evidence of'
      ' tampering: web sites and messengers remove them.'
  )
