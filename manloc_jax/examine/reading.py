"""Reading it: what the facts of a report amount to, by rules.

Each rule is a function of the facts of all sections. It returns a sentence, or
None where it finds nothing; a fact that could not be told finds nothing.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

from manloc_jax.examine import provenance
from manloc_jax.examine import section as section_lib

STRONG, WEAK, NONE = 'strong', 'weak', 'none'
Facts = Mapping[str, Any]

_DATE_FLAGS = ('modified_before_taken', 'gps_on_another_day')
_FEW_PIXELS = 512 * 512
_MUCH = 0.1  # Of the blocks.
_PROBABLE = 0.5  # Of a probability.
_MISMATCH = 'mismatch'  # In the codes of hashes that differ.

CANNOT_BE_SAID = (
    'Whether the picture shows what its caption says: a genuine photograph may'
    ' be of another place or time.',
    'Whether the file is genuine: no finding here proves that nothing was'
    ' changed.',
    'Who changed it, and why: editing includes cropping, developing and'
    ' reducing, which are usual.',
    'Whether metadata are true: anybody can write them.',
)


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule.

  Attributes:
    weight: Of what it finds: `STRONG`, `WEAK`, or `NONE` for a limit of what
      can be found in the file.
    find: Returns a sentence, or None.
  """

  weight: str
  find: Callable[[Facts], str | None]


def read(facts: Facts) -> dict[str, Any]:
  """Returns the findings, the weightiest first, and what cannot be said.

  Args:
    facts: Of all other sections, by name.
  """
  findings = [
      {'id': rule.find.__name__, 'weight': rule.weight, 'sentence': sentence}
      for rule in RULES
      for sentence in [rule.find(facts)]
      if sentence
  ]
  return {
      'findings': findings,
      'counts': {
          weight: sum(item['weight'] == weight for item in findings)
          for weight in (STRONG, WEAK, NONE)
      },
      'cannot_be_said': list(CANNOT_BE_SAID),
  }


def _get(facts: Any, *keys: str) -> Any:
  """Returns a fact; None where it or what holds it is missing or not told."""
  for key in keys:
    if not isinstance(facts, Mapping) or not section_lib.is_told(facts):
      return None
    facts = facts.get(key)
  return facts if section_lib.is_told(facts) else None


def _flags(facts: Facts, *names: str) -> list[str]:
  return [
      flag['reason']
      for flag in _get(facts, 'metadata', 'flags') or ()
      if flag['id'] in names
  ]


def credentials_broken(facts: Facts) -> str | None:
  """Credentials are there, and signature or hashes do not fit the file."""
  if _get(facts, 'provenance', 'credentials', 'state') != 'invalid':
    return None
  codes = _get(facts, 'provenance', 'credentials', 'failures') or []
  if any(_MISMATCH in code for code in codes):
    return (
        'The Content Credentials do not fit the file: it was changed after it'
        ' was signed, by a program that did not renew them.'
    )
  return f'The Content Credentials are invalid ({", ".join(codes) or "?"}).'


def declared_generated(facts: Facts) -> str | None:
  """The file itself says that it, or a part, was made by a trained model."""
  types = list(_get(facts, 'provenance', 'digital_source_types') or ())
  if _get(facts, 'provenance', 'credentials', 'state') == 'valid':
    types += _get(
        facts, 'provenance', 'credentials', 'digital_source_types'
    ) or ()  # fmt: skip
  named = [name for name in types if name in provenance.AI_TYPES]
  if not named:
    return None
  return f'The file says that a trained model made it or a part: {named[0]}.'


def generator_settings(facts: Facts) -> str | None:
  """The settings of an image generator stand in the file."""
  found = _get(facts, 'provenance', 'generator_settings')
  if not found:
    return None
  return f'The file holds the settings of an image generator: {_names(found)}.'


def _names(found: list[dict[str, Any]]) -> str:
  return ', '.join(dict.fromkeys(item['generator'] for item in found))


def preview_disagrees(facts: Facts) -> str | None:
  """The embedded preview shows something else than the image."""
  if 'disagrees' in _agreements(facts):
    return (
        'The preview embedded in the file shows something else than the image:'
        ' it was probably made before the image was changed.'
    )
  return None


def _agreements(facts: Facts) -> list[Any]:
  previews = _get(facts, 'thumbnail', 'previews') or ()
  return [_get(preview, 'agreement') for preview in previews]


def preview_has_other_shape(facts: Facts) -> str | None:
  """The embedded preview has another ratio of sides."""
  if 'other shape' in _agreements(facts):
    return (
        'The preview embedded in the file has another shape than the image,'
        ' which may have been cropped; some cameras crop their previews.'
    )
  return None


def editor_named(facts: Facts) -> str | None:
  """The metadata name a program for editing."""
  return next(iter(_flags(facts, 'editor_named')), None)


def edit_history(facts: Facts) -> str | None:
  """XMP lists steps of editing."""
  steps = _get(facts, 'metadata', 'edit_history')
  if not steps:
    return None
  return f'XMP lists {len(steps)} steps of editing or saving.'


def modified_later(facts: Facts) -> str | None:
  """The file was changed after it was taken, by its own dates."""
  return next(iter(_flags(facts, 'modified_after_taken')), None)


def dates_contradict(facts: Facts) -> str | None:
  """Dates that cannot all be true."""
  return next(iter(_flags(facts, *_DATE_FLAGS)), None)


def size_differs(facts: Facts) -> str | None:
  """EXIF names another size than the image has."""
  return next(iter(_flags(facts, 'size_differs')), None)


def suffix_differs(facts: Facts) -> str | None:
  """The name of the file promises another format."""
  if _get(facts, 'identity', 'suffix_fits') is not False:
    return None
  return (
      f'The file is {facts["identity"]["format"]}, and its name ends in'
      f' {facts["identity"]["suffix"]}.'
  )


def data_after_image(facts: Facts) -> str | None:
  """Something follows the image that the format does not need."""
  trailing = _get(facts, 'identity', 'trailing')
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


def encoder_is_no_camera(facts: Facts) -> str | None:
  """A camera is named, and tables or blocks are Photoshop's."""
  make = _get(facts, 'metadata', 'summary', 'make')
  known = _get(facts, 'jpeg_history', 'encoder', 'known') or ()
  is_photoshop = 'Photoshop' in [item['encoder'] for item in known]
  quality = _get(facts, 'jpeg_history', 'photoshop_quality')
  if not make or not (is_photoshop or quality is not None):
    return None
  trace = 'the quantization tables are' if is_photoshop else 'a block is'
  return (
      f'EXIF names a camera ({make}), and {trace} of Photoshop: the file was'
      ' saved again.'
  )


def map_marks_regions(facts: Facts) -> str | None:
  """The localizer marks pixels, and the score of the image is high."""
  fusion = _get(facts, 'maps', 'fusion')
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


def credentials_hold(facts: Facts) -> str | None:
  """Credentials are there, and fit the file."""
  if _get(facts, 'provenance', 'credentials', 'state') != 'valid':
    return None
  signer = _get(facts, 'provenance', 'credentials', 'signer') or 'nobody named'
  is_trusted = _get(facts, 'provenance', 'credentials', 'signer_is_trusted')
  trust = {
      True: 'an authority of the trust list vouches for that signer',
      False: 'no authority of the trust list vouches for that signer',
  }.get(is_trusted, 'whether that signer is to be trusted was not checked')
  return (
      'The Content Credentials fit the file: it is as it was signed, by'
      f' {signer}; {trust}.'
  )


def no_credentials(facts: Facts) -> str | None:
  """There are no credentials."""
  if _get(facts, 'provenance', 'credentials', 'state') != 'absent':
    return None
  return (
      'There are no Content Credentials. Absence of metadata or credentials is'
      ' no evidence of tampering: most files have none.'
  )


def no_metadata(facts: Facts) -> str | None:
  """There is neither EXIF nor XMP nor IPTC."""
  metadata = _get(facts, 'metadata') or {}
  if any(metadata.get(key, True) for key in ('exif', 'xmp', 'iptc')):
    return None
  return (
      'There is no EXIF, XMP or IPTC. Absence of metadata is no evidence of'
      ' tampering: web sites and messengers remove them.'
  )


def limited_file(facts: Facts) -> str | None:
  """The file is no JPEG file, or is strongly compressed."""
  return ' '.join(_get(facts, 'maps', 'fusion', 'limits') or ()) or None


def partly_unmeasurable(facts: Facts) -> str | None:
  """A large part of the image carries no traces."""
  share = _get(facts, 'maps', 'fusion', 'unmeasurable_fraction')
  if share is None or share < _MUCH:
    return None
  return (
      f'{share:.0%} of the image are one colour or clipped to black or white,'
      ' and cannot be measured: a low score there means nothing.'
  )


def few_pixels(facts: Facts) -> str | None:
  """The image is small."""
  width, height = (_get(facts, 'identity', 'pixels', key) for key in _SIDES)
  if not width or not height or width * height >= _FEW_PIXELS:
    return None
  return (
      f'The image has only {width}x{height} pixels: it was probably reduced,'
      ' which removes traces, and little is left to compare.'
  )


_SIDES = ('width', 'height')


def no_map(facts: Facts) -> str | None:
  """No map could be made."""
  fusion = facts.get('maps', {}).get('fusion')
  if fusion is None or section_lib.is_told(fusion):
    return None
  return 'No heat map could be made, so that nothing is said of the pixels.'


RULES = (
    Rule(STRONG, credentials_broken),
    Rule(STRONG, declared_generated),
    Rule(STRONG, generator_settings),
    Rule(STRONG, preview_disagrees),
    Rule(WEAK, preview_has_other_shape),
    Rule(WEAK, editor_named),
    Rule(WEAK, edit_history),
    Rule(WEAK, modified_later),
    Rule(WEAK, dates_contradict),
    Rule(WEAK, size_differs),
    Rule(WEAK, suffix_differs),
    Rule(WEAK, data_after_image),
    Rule(WEAK, encoder_is_no_camera),
    Rule(WEAK, map_marks_regions),
    Rule(WEAK, credentials_hold),
    Rule(NONE, no_credentials),
    Rule(NONE, no_metadata),
    Rule(NONE, limited_file),
    Rule(NONE, partly_unmeasurable),
    Rule(NONE, few_pixels),
    Rule(NONE, no_map),
)
