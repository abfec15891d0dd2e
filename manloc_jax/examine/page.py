"""Writes a report, and the index of several, as HTML that loads nothing.

Every text is escaped here, and nowhere else; the policy in the head forbids
scripts and requests, whatever a text may hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import html
import os
import pathlib
from typing import Any
import urllib.parse

from manloc_jax.examine import figures
from manloc_jax.examine import reading
from manloc_jax.examine import report as report_lib
from manloc_jax.examine import section as section_lib

_STYLE = pathlib.Path(__file__).parent / 'static' / 'report.css'
_TITLES = {
    'maps': 'Maps',
    'identity': 'Identity',
    'provenance': 'Where it says it comes from',
    'metadata': 'Metadata',
    'jpeg_history': 'JPEG history',
    'thumbnail': 'Preview against image',
}
_WEIGHTS = {
    reading.STRONG: 'Strong findings',
    reading.WEAK: 'Weak findings',
    reading.NONE: 'What limits this file',
}
# Orders of the index: radio buttons set the places of rows by style alone. For
# each a label and what is compared.
_ORDERS: dict[str, tuple[str, Callable[[Mapping[str, Any], str], Any]]] = {
    'score': ('score', lambda record, name: -_score(record)),
    'name': ('name', lambda record, name: name),
    'strong': (
        'strong findings',
        lambda record, name: -record['reading']['counts'][reading.STRONG],
    ),
}
_MOST_OPEN = 12  # Rows of a table that is not folded.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def of_report(report: report_lib.Report) -> str:
  """Returns the page of a report, in ASCII."""
  record = report.record
  read = record['reading']
  made = record['made_by']
  parts = [
      f'<h1>{_text(record["file"])}</h1>',
      f'<p class="soft">Examined {_text(record["time"])} by manloc_jax'
      f' {_text(made["version"])}. A hint where to look, and no verdict.</p>',
      '<h2>Reading it</h2>',
      *_findings(read),
      '<h3>What cannot be said</h3>',
      _list(read['cannot_be_said']),
  ]
  for key, title in _TITLES.items():
    pictures = figures.of_section(key, report.pictures.get(key, ()))
    parts += [
        f'<section id="{key}"><h2>{title}</h2>',
        pictures,
        _shown(_in_rows(record[key])),
        '</section>',
    ]
  parts += ['<h2>Made by</h2>', _shown(made)]
  return _page(str(record['file']), parts)


def of_index(
    records: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    rejected: Sequence[Mapping[str, str]],
) -> str:
  """Returns the page that lists reports, in several orders.

  Args:
    records: Of the reports.
    names: Of the files of their pages, below the folder of the index.
    rejected: The files without a report: `image` and `error`.
  """
  places = {
      key: _places([
          (value(record, name), name)
          for record, name in zip(records, names, strict=True)
      ])
      for key, (_, value) in _ORDERS.items()
  }
  rows = [
      _row(record, name, {key: places[key][i] for key in _ORDERS})
      for i, (record, name) in enumerate(zip(records, names, strict=True))
  ]
  first = next(iter(places.values()))
  rows = [rows[i] for i in sorted(range(len(rows)), key=first.__getitem__)]
  buttons = ''.join(
      f'<input type="radio" name="order" id="by-{key}"'
      f'{"" if i else " checked"}><label for="by-{key}">{label}</label>'
      for i, (key, (label, _)) in enumerate(_ORDERS.items())
  )
  parts = [
      f'<h1>{len(records):,} files examined</h1>',
      '<p class="soft">The score of a map is a hint where to look, and no'
      ' verdict.</p>',
      f'<span class="soft">Order by</span>{buttons}'
      '<table class="index"><thead><tr><th></th><th>File</th><th>Score</th>'
      '<th>Strong</th><th>Weak</th></tr></thead>'
      f'<tbody>{"".join(rows)}</tbody></table>',
  ]
  if rejected:
    parts += [
        '<h2>Not examined</h2>',
        _list(section_lib.inert_text(item['error']) for item in rejected),
    ]
  return _page('Files examined', parts)


def _places(values: Sequence[Any]) -> list[int]:
  """Returns the place of each value among them, 0 for the smallest."""
  order = sorted(range(len(values)), key=values.__getitem__)
  places = [0] * len(values)
  for place, i in enumerate(order):
    places[i] = place
  return places


def _row(
    record: Mapping[str, Any], name: str, places: Mapping[str, int]
) -> str:
  # A name is bytes to the system, and may be no text.
  address = urllib.parse.quote(os.fsencode(name))
  counts = record['reading']['counts']
  score = _score(record)
  image = record['miniature']
  picture = (
      f'<img src="{_text(image)}" alt="{_text(record["file"])}">'
      if isinstance(image, str) and image.startswith('data:image/jpeg;')
      else ''
  )
  cells = (
      ('', picture),
      ('File', f'<a href="./{address}">{_text(record["file"])}</a>'),
      ('Score', 'none' if score < 0 else f'{score:.2f}'),
      ('Strong', str(counts[reading.STRONG])),
      ('Weak', str(counts[reading.WEAK])),
  )
  shown = (f'<td data-label="{name}">{cell}</td>' for name, cell in cells)
  style = ';'.join(f'--{key}:{place}' for key, place in places.items())
  return f'<tr style="{style}">{"".join(shown)}</tr>'


def _score(record: Mapping[str, Any]) -> float:
  return float(record['maps']['fusion'].get('image_score', -1))


def _page(title: str, parts: Sequence[str]) -> str:
  body = '\n'.join(filter(None, parts))
  style = _STYLE.read_text(encoding='utf-8')
  page = (
      '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
      f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
      '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
      '<meta name="referrer" content="no-referrer">\n'
      '<link rel="icon" href="data:,">\n'
      f'<title>{_text(title)}</title>\n<style>\n{style}</style>\n</head>\n'
      f'<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
  )
  return page.encode('ascii', 'xmlcharrefreplace').decode('ascii')


def _findings(read: Mapping[str, Any]) -> Iterator[str]:
  for weight, title in _WEIGHTS.items():
    found = [item for item in read['findings'] if item['weight'] == weight]
    items = ''.join(f'<li>{_text(item["sentence"])}</li>' for item in found)
    yield f'<div class="{weight}"><h3><b>{title}</b></h3>'
    yield f'<ul>{items}</ul>' if items else '<p class="soft">None.</p>'
    yield '</div>'


def _in_rows(facts: Mapping[str, Any]) -> Mapping[str, Any]:
  """Makes a table of the facts of the classical maps, a row for each."""
  maps = facts.get('classical')
  if not isinstance(maps, Mapping):
    return facts
  rows = [{'map': name, **told} for name, told in maps.items()]
  return {**facts, 'classical': rows}


def _shown(value: Any) -> str:
  """Returns a fact as HTML."""
  if value is None or value in ('', [], {}):
    return '<span class="soft">none</span>'
  if not section_lib.is_told(value):
    (reason,) = value.values()
    return f'<em class="soft">cannot tell: {_text(reason)}</em>'
  if isinstance(value, Mapping):
    items = ''.join(
        f'<dt>{_label(key)}</dt><dd>{_shown(item)}</dd>'
        for key, item in value.items()
    )
    return f'<dl>{items}</dl>'
  if isinstance(value, (list, tuple)):
    if isinstance(value[0], Mapping):
      return _table(value)
    return _text(', '.join(map(str, value)))
  if isinstance(value, bool):
    return 'yes' if value else 'no'
  if isinstance(value, int):
    return f'{value:,}'
  return _text(value)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
  columns = list(dict.fromkeys(key for row in rows for key in row))
  head = ''.join(f'<th>{_label(column)}</th>' for column in columns)
  body = ''.join(
      '<tr>'
      + ''.join(
          f'<td data-label="{_label(column)}">{_shown(row.get(column))}</td>'
          for column in columns
      )
      + '</tr>'
      for row in rows
  )
  table = f'<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
  if len(rows) <= _MOST_OPEN:
    return table
  return f'<details><summary>{len(rows)} entries</summary>{table}</details>'


def _list(sentences) -> str:
  items = ''.join(f'<li>{_text(sentence)}</li>' for sentence in sentences)
  return f'<ul>{items}</ul>'


def _label(key: str) -> str:
  return _text(key.replace('_', ' '))


def _text(value: Any) -> str:
  return html.escape(str(value), quote=True)
