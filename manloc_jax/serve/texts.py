"""The texts of the page as HTML; file names are escaped."""

import html
from typing import Any

from manloc_jax.localization import batch
from manloc_jax.localization import localizer
from manloc_jax.serve import analysis as analysis_lib

TITLE = 'Which pixels were manipulated?'

_HEAD = """
<h1>{title}</h1>
<p>Drop a photograph. A network scores each of its pixels from 0 to 1: the
higher, the more the surroundings look as if they had been pasted, removed or
retouched. What you see is <b>evidence and no verdict</b>.</p>
"""

_LIMITS = """
<h2>A photograph of yours</h2>
<p class="small">Any common image file, up to {megabytes} MB and {megapixels}
million pixels. It is deleted once it is read, and nothing leaves the machine
that runs this page.</p>
"""
_EXAMPLES = """
<h2>Or an example</h2>
<p class="small">Forgeries made for this page, with plain traces, and a picture
that nobody touched. Click one.</p>
"""

_MEANING = """
<div class="meaning">
<div>
<h2>What the numbers mean</h2>
<ul>
<li><b>Score of a pixel</b>: from 0 to 1; the higher, the more its surroundings
resemble the forgeries of the training. It is no probability: 0.9 does not mean
that nine of ten such pixels were manipulated.</li>
<li><b>Image score</b>: one percent of the pixels score at least this.</li>
<li><b>Threshold</b>: pixels that score at least this much are in the mask. It
begins at the value that was best in validation; moving it changes mask, regions
and downloads, and no score.</li>
<li><b>Regions</b>: parts of the mask that hang together, the largest
first.</li>
</ul>
</div>
<div>
<h2>Evidence and no verdict</h2>
<ul>
<li>Heat is a reason to look closer. It proves no manipulation, and a picture
without heat is not thereby genuine.</li>
<li>Screenshots, small copies and pictures that were saved again, as messengers
and social networks do, have lost most traces.</li>
<li>Text, sharp edges, fine texture, smooth sky, and places that are very dark
or overexposed can be hot in genuine photographs.</li>
<li>Changes of the whole picture, such as a crop or a filter, pictures that
were generated as a whole, and very small manipulations cannot be
localized.</li>
<li>A network finds what resembles its training, and may do no better than
chance elsewhere. The model card of the package says what was tried. Try it on
pictures of your kind whose truth you know before you trust it.</li>
</ul>
</div>
</div>
<p class="small provenance">{provenance}</p>
"""

_TILE = '<div class="tile"><b>{value}</b><span>{label}</span></div>'
_LEGEND = (
    '<div class="legend"><span>score 0</span><i></i><span>1</span>'
    '<u></u><span>mask</span></div>'
)


def head() -> str:
  """Returns the headline and the introduction."""
  return _HEAD.format(title=TITLE)


def limits() -> str:
  """Returns the limits of uploads and what happens to them."""
  return _LIMITS.format(
      megabytes=analysis_lib.MAX_BYTES >> 20,
      megapixels=analysis_lib.MAX_PIXELS // 1_000_000,
  )


def examples() -> str:
  """Returns the introduction to the examples."""
  return _EXAMPLES


def meaning(provenance: dict[str, Any]) -> str:
  """Returns the meaning of the scores, and their provenance."""
  facts = [
      f'{key.replace("_", " ")} {str(value)[:12]}'
      for key, value in provenance.items()
      if isinstance(value, (str, int, float))
  ]
  return _MEANING.format(provenance=html.escape('Made by: ' + ', '.join(facts)))


def error(sentence: str) -> str:
  """Returns an error message."""
  return f'<p class="refusal" role="alert">{html.escape(sentence)}</p>'


def working(name: str) -> str:
  """Returns the message while a file is scored."""
  return (
      f'<p class="working" role="status">Scoring {html.escape(name)}: seconds'
      ' for a small picture, a minute or more for a large one.</p>'
  )


def legend() -> str:
  """Returns the legend of the overlay."""
  return _LEGEND


def summary(record: batch.Record) -> str:
  """Returns name, numbers and remarks of an image."""
  score = record['image_score']
  tiles = {
      'image score': 'none' if score is None else f'{score:.2f}',
      'threshold': f'{record["threshold"]:.2f}',
      'of the pixels in the mask': f'{record["manipulated_share"]:.1%}',
      'regions': f'{record["region_count"]:,}',
  }
  notes = [
      f'{record["width"]} x {record["height"]} pixels',
      f'scored in {record["seconds"]:.1f} s',
  ]
  if record['note']:
    notes.append(record['note'])
  if localizer.NOT_MEASURED in record:
    notes.append(record[localizer.NOT_MEASURED])
  if record['orientation'] != 1:
    notes.append('shown as stored: viewers turn it as its EXIF tag says')
  return (
      f'<h2>{html.escape(record["image"])}</h2>'
      f'<p class="small">{html.escape("; ".join(notes))}</p>'
      '<div class="tiles">{}</div>'.format(
          ''.join(
              _TILE.format(value=value, label=label)
              for label, value in tiles.items()
          )
      )
  )


def regions(record: batch.Record) -> str:
  """Returns the table of regions."""
  if localizer.NOT_MEASURED in record:
    return '<h2>Regions</h2><p>Nothing could be measured.</p>'
  if not record['regions']:
    return (
        '<h2>Regions</h2><p>No pixel reaches the threshold. That is no proof'
        ' that the photograph is genuine.</p>'
    )
  area = record['height'] * record['width']
  rows = ''.join(
      '<tr><td>{}</td><td>{left}, {top}</td><td>{width} x {height}</td>'
      '<td>{pixels:,}</td><td>{}</td></tr>'.format(
          i, _percent(region['pixels'] / area), **region
      )
      for i, region in enumerate(record['regions'], 1)
  )
  listed = len(record['regions'])
  more = f', the {listed} largest' if record['region_count'] > listed else ''
  return (
      f'<h2>Regions{more}</h2><div class="scroll"><table><thead><tr><th></th>'
      '<th>left, top</th><th>box</th><th>pixels</th><th>of image</th></tr>'
      f'</thead><tbody>{rows}</tbody></table></div>'
  )


def _percent(fraction: float) -> str:
  return f'{fraction:.1%}' if fraction >= 0.0005 else '&lt; 0.1%'
