"""Writes the tables of evaluations, and a page that needs no other file."""

import base64
from collections.abc import Iterator, Mapping, Sequence
import html
import io
import itertools
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from manloc_jax import array_files
from manloc_jax import errors
from manloc_jax import files
from manloc_jax.reports import evaluation_tables
from manloc_jax.reports import published
from manloc_jax.reports import typeset

Result = Mapping[str, Any]

# Longer side of a small picture in pixels; smaller where there are many.
_SIDE, _SMALLER_SIDE, _MANY = 128, 96, 16
_QUALITY = 75  # Of JPEG.
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em;
  padding: 0 1em; color: #222; background: #fff; }
table { border-collapse: collapse; margin: 0.5em 0; font-size: 13px; }
th, td { padding: 0.2em 0.7em; text-align: left; border-bottom: 1px solid #ddd;
  white-space: nowrap; }
tr.rule td { border-top: 2px solid #888; }
.wide { overflow-x: auto; }
.note { color: #555; font-size: 13px; margin: 0.2em 0; }
.sheet { display: flex; flex-wrap: wrap; gap: 8px; }
figure { margin: 0; font-size: 11px; color: #555; }
figcaption { overflow-wrap: anywhere; }
img { max-width: 100%; }
"""


def write(
    results: Sequence[Result],
    tables: pathlib.Path,
    page: pathlib.Path,
) -> list[pathlib.Path]:
  """Writes Markdown and HTML.

  Args:
    results: JSON of `evaluation.evaluate`.
    tables: The Markdown file to write.
    page: The HTML file to write; pictures are taken from `<set>/<method>.npz`
      in its folder, where there are any, and become part of the page.

  Returns:
    Both files.
  """
  text = '\n'.join(typeset.markdown(table) for table in _tables(results))
  files.write_text(tables, f'# Evaluation\n\n{text}')
  files.write_text(page, ''.join(_page(results, page.parent)))
  return [tables, page]


def _tables(results: Sequence[Result]) -> list[typeset.Table]:
  return [
      *evaluation_tables.by_protocol(results),
      *published.beside(results),
      *evaluation_tables.by_kind(results),
      evaluation_tables.left_out(results),
  ]


def _page(results: Sequence[Result], folder: pathlib.Path) -> Iterator[str]:
  from manloc_jax.reports import evaluation_figures  # Imports matplotlib.

  yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
  yield '<meta name="viewport" content="width=device-width">'
  yield f'<title>Evaluation</title><style>{_STYLE}</style></head><body>\n'
  yield '<h1>Evaluation</h1>\n'
  yield (
      '<p>A score ranks pixels or images of these sets and no others. Tables of'
      ' different protocols must not be compared.</p>\n'
  )
  for table in _tables(results):
    yield _html_table(table)
  side = _SMALLER_SIDE if len(results) > _MANY else _SIDE
  by_set = itertools.groupby(
      sorted(results, key=lambda x: x['set']), lambda x: x['set']
  )
  for name, group in by_set:
    of_set = list(group)
    yield f'<h2>{_escaped(name)}</h2>\n'
    yield _png_tag(evaluation_figures.roc(of_set), f'ROC of pixels, {name}')
    yield _png_tag(
        evaluation_figures.against_area(of_set),
        f'AUC over the manipulated fraction, {name}',
    )
    for result in of_set:
      path = folder / result['set'] / f'{result["method"]}.npz'
      if path.is_file():
        yield from _contact_sheet(result, path, side)
  yield from _details(results)
  yield '</body></html>\n'


def _escaped(text: str) -> str:
  """Returns text for a page; names of files may hold anything."""
  return html.escape(errors.printable(text))


def _html_table(table: typeset.Table) -> str:
  lines = [f'<h3>{_escaped(table.title)}</h3><div class="wide"><table><tr>']
  lines += [f'<th>{_escaped(cell)}</th>' for cell in table.header]
  lines.append('</tr>\n')
  for i, row in enumerate(table.rows):
    rule = ' class="rule"' if i and i in table.rules else ''
    cells = ''.join(f'<td>{_escaped(cell)}</td>' for cell in row)
    lines.append(f'<tr{rule}>{cells}</tr>\n')
  lines.append('</table></div>\n')
  lines += [f'<p class="note">{_escaped(x)}</p>\n' for x in table.notes]
  return ''.join(lines)


def _png_tag(content: bytes, text: str) -> str:
  data = base64.b64encode(content).decode()
  return (
      f'<img alt="{_escaped(text)}" src="data:image/png;base64,{data}">\n'
  )


def _contact_sheet(
    result: Result, path: pathlib.Path, side: int
) -> Iterator[str]:
  """Yields the pictures of a result: image, truth and map beside each other."""
  try:
    arrays = array_files.read_npz(path)
  except (OSError, *array_files.DAMAGED) as error:
    raise errors.UserError(
        f'{path} does not hold the pictures of an evaluation ({error}); remove'
        ' it, or evaluate the method again.'
    ) from error
  title = _escaped(evaluation_tables.method(result))
  yield f'<details><summary>{title}: images, truths and maps</summary>\n'
  keys = dict.fromkeys(name.rsplit('/', 1)[0] for name in arrays)
  for group, of_group in itertools.groupby(keys, lambda x: x.split('/')[0]):
    yield f'<h4>{_escaped(group.capitalize())}</h4><div class="sheet">\n'
    for key in of_group:
      layers = [arrays[f'{key}/{name}'] for name in ('image', 'truth', 'map')]
      name = _escaped(str(arrays[f'{key}/name']))
      yield (
          f'<figure><img alt="{name}" src="data:image/jpeg;base64,'
          f'{_side_by_side(layers, side)}"><figcaption>{name}</figcaption>'
          '</figure>\n'
      )
    yield '</div>\n'
  yield '</details>\n'


def _side_by_side(layers: Sequence[np.ndarray], side: int) -> str:
  """Returns pictures of one size beside each other, as JPEG in base64.

  Args:
    layers: uint8[h, w, 3] or uint8[h, w]; some may be of another size.
    side: Pixels of the longer side of each.
  """
  height, width = layers[0].shape[:2]
  factor = min(side / max(height, width), 1)
  size = max(round(width * factor), 1), max(round(height * factor), 1)
  canvas = Image.new('RGB', (3 * size[0] + 4, size[1]), 'white')
  for i, layer in enumerate(layers):
    small = Image.fromarray(layer).convert('RGB').resize(size)
    canvas.paste(small, (i * (size[0] + 2), 0))
  file = io.BytesIO()
  canvas.save(file, 'JPEG', quality=_QUALITY)
  return base64.b64encode(file.getvalue()).decode()


def _details(results: Sequence[Result]) -> Iterator[str]:
  """Yields what was left out and what the results depend on."""
  yield '<h2>Files and methods</h2>\n'
  for result in results:
    title = f'{result["set"]}, {evaluation_tables.method(result)}'
    yield f'<details><summary>{_escaped(title)}</summary>\n<ul>'
    for file in result['left_out']:
      text = f'left out: {file["path"]}: {file["reason"]}'
      yield f'<li>{_escaped(text)}</li>\n'
    for note in result['notes']:
      yield f'<li>{_escaped(note)}</li>\n'
    for key in ('detector', 'versions', 'leakage', 'inputs_sha256'):
      yield f'<li>{_escaped(f"{key}: {result[key]}")}</li>\n'
    yield '</ul></details>\n'
