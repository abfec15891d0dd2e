"""Maps: where the localizer finds traces of forgery, and classical maps."""

from concurrent import futures
import dataclasses
from typing import Any

import numpy as np

from manloc_jax import errors
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.examine import classical_maps
from manloc_jax.examine import ghosts
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import measurable
from manloc_jax.localization import overlay

_SHOWN = 1024  # Pixels of the longer side in the report.
_NO_FEATURES = 'Maps are made from features of the fusion, which did not run.'


def section(
    file: opened_file.OpenedFile, localizer: localizer_lib.Localizer
) -> section_lib.Section:
  """Returns score, mask and regions of a file, and the maps, with pictures."""
  decoded = file.decoded
  if isinstance(decoded, str):
    return section_lib.Section({
        'fusion': section_lib.cannot_tell(decoded),
        'classical': classical_maps.cannot_tell(decoded),
        'ghosts': section_lib.cannot_tell(decoded),
    })
  # Saving again takes place beside the fusion, which leaves a core idle.
  with futures.ThreadPoolExecutor(1) as pool:
    haunted = pool.submit(ghosts.section, decoded.pixels)
    made = _localized(file, decoded, localizer)
    try:
      ghost = haunted.result()
    except Exception as error:
      if not errors.is_out_of_memory(error):
        raise
      ghost = section_lib.Section(
          section_lib.cannot_tell('There is too little memory to save again.')
      )
  photograph = section_lib.Picture(
      'image',
      'The image as it is stored, reduced.',
      overlay.reduce(decoded.pixels, _SHOWN),
  )
  return section_lib.Section(
      {**made.facts, 'ghosts': ghost.facts},
      (photograph, *made.pictures, *ghost.pictures),
  )


def _localized(
    file: opened_file.OpenedFile,
    decoded: images.Decoded,
    localizer: localizer_lib.Localizer,
) -> section_lib.Section:
  """Returns the facts `fusion` and `classical`, and their pictures."""
  try:
    result, measured = _localize(file, decoded, localizer)
    table = quantization_lib.read(file.path)
  except (spec.DataError, errors.MissingMemory) as error:
    return _untold(str(error).replace(str(file.path), 'The file'))
  unmeasured = result.facts.get(localizer_lib.NOT_MEASURED)
  if unmeasured:
    return _untold(unmeasured)
  can_measure = measurable.blocks(decoded.pixels)
  copies = result.facts.get(localizer_lib.COPIES, ())
  if measured is None:
    classical = section_lib.Section(classical_maps.cannot_tell(_NO_FEATURES))
  else:
    classical = classical_maps.section(measured, ~can_measure)
  facts = {
      'image_score': round(result.image_score, 4),
      'image_score_is_probability': bool(
          result.facts.get(localizer_lib.IS_FORGERY_PROBABILITY)
      ),
      'threshold': round(result.threshold, 4),
      'marked_fraction': round(float(result.mask.mean()), 4),
      'regions': [dataclasses.asdict(region) for region in result.regions],
      'region_count': result.region_count,
      'unmeasurable_fraction': round(float(1 - can_measure.mean()), 4),
      'limits': measurable.limits(table),
      'copies': list(copies),
  }
  heat = overlay.draw(decoded.pixels, result.score, result.mask)
  heat = overlay.hatch(overlay.reduce(heat, _SHOWN), ~can_measure)
  picture = section_lib.Picture(
      'heat_map',
      'The heat map over the image: the brighter, the higher the score;'
      ' outlines show the mask, and hatched areas cannot be measured. Arrows'
      ' lead from what was copied to the copy; a line says that it is not known'
      ' which is which.',
      overlay.arrows(heat, copies, decoded.pixels.shape),
  )
  return section_lib.Section(
      {'fusion': facts, 'classical': classical.facts},
      (picture, *classical.pictures),
  )


def _untold(reason: str) -> section_lib.Section:
  facts: dict[str, Any] = {
      'fusion': section_lib.cannot_tell(reason),
      'classical': classical_maps.cannot_tell(reason),
  }
  return section_lib.Section(facts)


def _localize(
    file: opened_file.OpenedFile,
    decoded: images.Decoded,
    localizer: localizer_lib.Localizer,
) -> tuple[localizer_lib.Result, np.ndarray | None]:
  """Returns the result, and features of the fusion if that is the localizer."""
  from manloc_jax.localization.fusion import localizer as fusion_lib

  if isinstance(localizer, fusion_lib.FusionLocalizer):
    return localizer.localize_and_measure(
        file.path, decoded, classical_maps.FEATURES
    )
  return localizer.localize(file.path, decoded), None
