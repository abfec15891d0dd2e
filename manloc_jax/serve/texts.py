"""The numbers of an analysis in words, as plain text; the page sets no HTML."""

import html
import pathlib
import string
from typing import Any

from manloc_jax.localization import batch
from manloc_jax.localization import localizer
from manloc_jax.serve import analysis

_PAGE = pathlib.Path(__file__).parent / 'static' / 'index.html'
_LONGEST_NAME = 120  # Characters.


def page(provenance: dict[str, Any], threshold: float) -> str:
  """Returns the page as HTML.

  Args:
    provenance: Of the localizer.
    threshold: Where its slider begins.
  """
  facts = [
      f'{key.replace("_", " ")} {str(value)[:12]}'
      for key, value in provenance.items()
      if isinstance(value, (str, int, float))
  ]
  return string.Template(_PAGE.read_text(encoding='utf-8')).substitute(
      megabytes=analysis.MAX_BYTES >> 20,
      megapixels=analysis.MAX_PIXELS // 1_000_000,
      provenance=html.escape('Made by: ' + ', '.join(facts)),
      threshold=f'{threshold:.2f}',
  )


def shown_name(name: str) -> str:
  """Returns the last part of a file's name as it may be shown.

  Characters that are invisible or turn the direction of the text are replaced:
  they would pass one name off as another.
  """
  name = name.replace('\\', '/').rsplit('/', 1)[-1]
  name = ''.join(
      character if character.isprintable() else '\ufffd'
      for character in name[-_LONGEST_NAME:]
  )
  return name.strip() or 'photograph'


def summary(record: batch.Record) -> dict[str, Any]:
  """Returns name, remarks and numbers of an image."""
  score = record['image_score']
  notes = [
      f'{record["width"]} x {record["height"]} pixels',
      f'scored in {record["seconds"]:.1f} s',
  ]
  if record['note']:
    notes.append(record['note'])
  if localizer.NOT_MEASURED in record:
    notes.append(record[localizer.NOT_MEASURED])
  notes += record['limits']
  if record['orientation'] != 1:
    notes.append('shown as stored: viewers turn it as its EXIF tag says')
  title = 'image score'
  if record.get(localizer.IS_FORGERY_PROBABILITY):
    title = 'probability of a forgery'
  return {
      'name': record['image'],
      'notes': '; '.join(notes),
      'tiles': {
          title: 'none' if score is None else f'{score:.2f}',
          'threshold': f'{record["threshold"]:.2f}',
          'of the pixels in the mask': f'{record["manipulated_share"]:.1%}',
          'regions': f'{record["region_count"]:,}',
          'cannot be measured': f'{record["unmeasurable_share"]:.1%}',
      },
  }


def regions(record: batch.Record) -> dict[str, Any]:
  """Returns headline, sentence and rows of the table of regions."""
  listed = len(record['regions'])
  more = f', the {listed} largest' if record['region_count'] > listed else ''
  sentence = ''
  if localizer.NOT_MEASURED in record:
    sentence = 'Nothing could be measured.'
  elif not listed:
    sentence = (
        'No pixel reaches the threshold. That is no proof that the photograph'
        ' is genuine.'
    )
  area = record['height'] * record['width']
  return {
      'headline': f'Regions{more}',
      'sentence': sentence,
      'rows': [
          [
              str(i),
              '{left}, {top}'.format(**region),
              '{width} x {height}'.format(**region),
              '{pixels:,}'.format(**region),
              _percent(region['pixels'] / area),
          ]
          for i, region in enumerate(record['regions'], 1)
      ],
  }


def _percent(fraction: float) -> str:
  return f'{fraction:.1%}' if fraction >= 0.0005 else '< 0.1%'
