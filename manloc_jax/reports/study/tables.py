"""Makes the tables of a study, with the paper's numbers beside ours."""

from collections.abc import Sequence

from manloc_jax.reports import typeset
from manloc_jax.reports.study import claims
from manloc_jax.reports.study import classical_table
from manloc_jax.reports.study import definition
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs_table
from manloc_jax.reports.study import score_columns

DASH = typeset.DASH
title = score_columns.title
_HEAD = 3  # Columns before the scores.
# Scores of post-processed masks.
_MASKS = ('pixel_accuracy', 'pixel_auc_pooled', 'pixel_f1_at_half_pooled')
PROTOCOL = (
    'The protocol is re-created and nothing is claimed as reproduced: the'
    " paper's patch sampler and training settings were never published. Ours"
    ' are means ± sample standard deviations over seeds, on patches sampled by'
    ' the re-created sampler, with constant and trivial baselines on the same'
    ' rows. Accuracy, in %, is that of all pixels or patches at 0.5; it depends'
    ' on the manipulated fraction, which the paper does not state, so that'
    ' accuracies of ours and of the paper cannot be compared. AUC is pooled'
    ' over pixels or patches; it depends on the sampler too, but not on that'
    ' fraction alone.'
)
_CLASSICAL_PROTOCOL = (
    'The protocol is re-created and nothing is claimed as reproduced: the paper'
    ' does not say which implementations of the classical methods it took, and'
    ' at which resolution their maps were scored.'
)


def _has_networks(study: dict) -> bool:
  return any(x['systems'] for x in study['datasets'].values())


def protocol(study: dict) -> str:
  """Returns a paragraph on the protocol behind the tables of a study."""
  if not _has_networks(study):
    return _CLASSICAL_PROTOCOL
  bounds = ', '.join(
      f'{paper.fraction_bound(dataset):.1%} on {name}'
      for dataset, name in paper.DATASETS.items()
  )
  return (
      f"{PROTOCOL} The paper's accuracy and AUC of pixels can only stand"
      ' together, for concave ROC curves, where the fraction of manipulated'
      f' test pixels is at most {bounds}; calling everything pristine then'
      ' scores at least the rest.'
  )


def tables(study: dict, run_only: bool = False) -> list[typeset.Table]:
  """Makes all tables of a study.

  Args:
    study: Of `study.collect`.
    run_only: Whether systems without runs, of which the paper has numbers, have
      no rows.

  Returns:
    The tables that have rows: those that the study defines, and those that
    every study has. Without a network it is Table 6 alone.
  """
  if not _has_networks(study):
    return [classical_table.table(study, run_only)]
  defined = definition.from_json(study['definition'])
  made = [
      *(_table(study, table, run_only) for table in defined.tables),
      _postprocessing(study),
      classical_table.table(study, run_only),
      claims.table(study, run_only),
      runs_table.table(study),
  ]
  return [table for table in made if table.rows]


def _table(
    study: dict, table: definition.Table, run_only: bool
) -> typeset.Table:
  """Makes a table that a study defines, datasets in groups of rows."""
  columns = [score_columns.column(name) for name in table.columns]
  rows: list[tuple[str, ...]] = []
  rules = []
  best: list[tuple[int, int]] = []
  for dataset in dict.fromkeys((*paper.DATASETS, *study['datasets'])):
    first = len(rows)
    rules.append(first)
    group, highest = _group(study, dataset, table, columns, run_only)
    rows += group
    best += [(first + i, _HEAD + j) for i, j in highest]
  return typeset.Table(
      table.name,
      table.caption,
      ('Dataset', 'System', 'Seeds', *(column.title for column in columns)),
      tuple(rows),
      tuple(rules),
      tuple(table.notes),
      tuple(best),
  )


def _group(
    study: dict,
    dataset: str,
    table: definition.Table,
    columns: Sequence[score_columns.Score],
    run_only: bool,
) -> tuple[list[tuple[str, ...]], list[tuple[int, int]]]:
  """Rows of one dataset: its systems, and constant or trivial baselines.

  Returns:
    The rows, and row and column of the highest score of each column of ours.
  """
  labels = {**score_columns.labels(study), **table.labels}
  by_system: dict[str, tuple[str, ...]] = {}
  # The name of a system and its split, by the rows that were scored.
  splits: dict[tuple, tuple[str, dict]] = {}
  for system in table.systems or labels:
    results = score_columns.find_split(study, dataset, system, table.split)
    cells = [column.cell(system, dataset, results) for column in columns]
    if all(cell == DASH for cell in cells) or (run_only and not results):
      continue
    name, seeds = labels[system], DASH
    if results:
      seeds = str(len(study['datasets'][dataset]['systems'][system]['seeds']))
      # Systems of one label threshold share their rows.
      splits.setdefault(tuple(results['counts'].items()), (name, results))
    by_system[system] = (title(dataset), name, seeds, *cells)
  if by_system.keys() <= {table.beside}:
    return [], []
  rows = list(by_system.values())
  best = _highest(rows, columns)
  for name, results in splits.values():
    suffix = f' ({name})' if len(splits) > 1 else ''
    for row, cells in score_columns.baseline_rows(results, columns).items():
      rows.append((title(dataset), row + suffix, DASH, *cells))
  return rows, best


def _highest(
    rows: Sequence[tuple[str, ...]], columns: Sequence[score_columns.Score]
) -> list[tuple[int, int]]:
  """Returns row and column of the highest score, where systems compete."""
  found = []
  for j, column in enumerate(columns):
    scores = {
        i: float(row[_HEAD + j].split(' ')[0])
        for i, row in enumerate(rows)
        if row[_HEAD + j] != DASH
    }
    if column.published is None and len(scores) > 1:
      highest = max(scores.values())
      found += [(i, j) for i, score in scores.items() if score == highest]
  return found


def _postprocessing(study: dict) -> typeset.Table:
  """Makes the table of masks with each kind of post-processing."""
  columns = [score_columns.SCORES[key] for key in _MASKS]
  rows: list[tuple[str, ...]] = []
  rules = []
  for dataset in study['datasets']:
    for system, label in score_columns.labels(study).items():
      results = score_columns.find_split(study, dataset, system, 'test')
      kinds = results and results['postprocessed']
      if not kinds:
        continue
      rules.append(len(rows))
      for kind, scores in {'none': results, **kinds}.items():
        cells = [column.over_seeds(scores) for column in columns]
        rows.append((title(dataset), label, kind, *cells))
  return typeset.Table(
      'postprocessing',
      'Post-processing of masks',
      ('Dataset', 'System', 'Post-processing')
      + tuple(f'Pixels: {column.title}' for column in columns),
      tuple(rows),
      tuple(rules),
      (
          'smoothed: a Gaussian over the mask; hard: that times the predicted'
          ' label of the patch; soft: smoothed scores times the score of the'
          ' patch. Masks of zeros and ones have no AUC.',
      ),
  )
