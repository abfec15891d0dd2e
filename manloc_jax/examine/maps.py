"""Maps: where the localizer finds traces of manipulation."""

import dataclasses

from manloc_jax import errors
from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import measurable
from manloc_jax.localization import overlay

_SHOWN = 1024  # Pixels of the longer side in the report.


def section(
    file: opened_file.OpenedFile, localizer: localizer_lib.Localizer
) -> section_lib.Section:
  """Returns score, mask and regions of a file, with the pictures."""
  decoded = file.decoded
  if isinstance(decoded, str):
    return section_lib.Section({'fusion': section_lib.cannot_tell(decoded)})
  shown = overlay.reduce(decoded.pixels, _SHOWN)
  photograph = section_lib.Picture(
      'image', 'The image as it is stored, reduced.', shown
  )
  try:
    result = localizer.localize(file.path, decoded)
    table = quantization_lib.read(file.path)
  except (spec.DataError, errors.MissingMemory) as error:
    reason = str(error).replace(str(file.path), 'The file')
    return section_lib.Section(
        {'fusion': section_lib.cannot_tell(reason)}, (photograph,)
    )
  unmeasured = result.facts.get(localizer_lib.NOT_MEASURED)
  if unmeasured:
    return section_lib.Section(
        {'fusion': section_lib.cannot_tell(unmeasured)}, (photograph,)
    )
  can_measure = measurable.blocks(decoded.pixels)
  heat = overlay.draw(decoded.pixels, result.score, result.mask)
  facts = {
      'image_score': round(result.image_score, 4),
      'image_score_is_probability': bool(
          result.facts.get(localizer_lib.IS_FORGERY_PROBABILITY)
      ),
      'threshold': result.threshold,
      'marked_fraction': round(float(result.mask.mean()), 4),
      'regions': [dataclasses.asdict(region) for region in result.regions],
      'region_count': result.region_count,
      'unmeasurable_fraction': round(float(1 - can_measure.mean()), 4),
      'limits': measurable.limits(table),
  }
  pictures = (
      photograph,
      section_lib.Picture(
          'heat_map',
          'The heat map over the image: the brighter, the higher the score;'
          ' outlines show the mask, and hatched areas cannot be measured.',
          overlay.hatch(overlay.reduce(heat, _SHOWN), ~can_measure),
      ),
  )
  return section_lib.Section({'fusion': facts}, pictures)
