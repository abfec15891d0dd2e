"""Puts published scores beside ours, under the same protocol only."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax.reports import evaluation_tables
from manloc_jax.reports import typeset

FILE = pathlib.Path(__file__).parents[1] / 'results' / 'published.json'
_SECOND_HAND = ' †'
_NOTES = (
    f'{_SECOND_HAND.strip()} second-hand: read in a transcription of the'
    ' paper.',
    'Published figures are of the full sets, mostly with other image sizes, and'
    ' nobody here has checked them; the number of our images stands beside'
    ' ours.',
)


def read() -> dict[str, Any]:
  """Returns the published tables.

  Each has a `protocol`, the `score` by our name, what its methods were
  `training` on, and `rows`: the method, its `scores` by dataset, the `paper`
  that the figures are from, and whether that is `second_hand`.
  """
  return files.read_json(FILE)


def beside(results: Sequence[Mapping[str, Any]]) -> list[typeset.Table]:
  """Returns published tables that share protocol, score and set with ours.

  Args:
    results: JSON of `evaluation.evaluate`.
  """
  tables = []
  for table in read()['tables']:
    known = {name for row in table['rows'] for name in row['scores']}
    ours = [
        result
        for result in results
        if result['dataset'] in known
        and _score(result, table).get(table['score']) is not None
    ]
    if ours:
      tables.append(_table(table, ours))
  return tables


def _score(
    result: Mapping[str, Any], table: Mapping[str, Any]
) -> Mapping[str, float | None]:
  return result['protocols'][table['protocol']]['scores']


def _table(
    table: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]
) -> typeset.Table:
  sets = sorted({result['dataset'] for result in ours})
  rows = []
  for name in dict.fromkeys(evaluation_tables.method(x) for x in ours):
    cells = []
    for dataset in sets:
      found = [
          x
          for x in ours
          if x['dataset'] == dataset and evaluation_tables.method(x) == name
      ]
      cells.append(_ours(found[0], table) if found else typeset.DASH)
    rows.append((f'{name} (this package)', *cells, 'see its run or model card'))
  first_published = len(rows)
  for row in table['rows']:
    if not any(dataset in row['scores'] for dataset in sets):
      continue
    source = ', '.join(filter(None, (row['paper'], table['table'])))
    rows.append((
        row['method'] + _SECOND_HAND * row['second_hand'],
        *(
            evaluation_tables.number(row['scores'].get(dataset))
            for dataset in sets
        ),
        source,
    ))
  title = evaluation_tables.TITLES[table['score']]
  return typeset.Table(
      name='published-' + table['name'].lower().replace(' ', '-'),
      title=f'{table["name"]}: protocol {table["protocol"]}, {title}',
      header=('Method', *sets, 'Source'),
      rows=tuple(rows),
      rules=(0, first_published),
      notes=(
          f'The published methods were trained on: {table["training"]}.',
          *table['notes'],
          *_NOTES,
      ),
  )


def _ours(result: Mapping[str, Any], table: Mapping[str, Any]) -> str:
  of = result['protocols'][table['protocol']]
  count = of['images'][table['score']]
  score = evaluation_tables.number(of['scores'][table['score']])
  return f'{score} ({count} images)'
