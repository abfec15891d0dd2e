"""Makes the table of the fusion beside networks and classical methods."""

from collections.abc import Iterator, Sequence
import statistics

from manloc_jax.reports import typeset
from manloc_jax.reports.study import classical_table
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import score_columns

DASH = typeset.DASH
_SPLIT = classical_table.SPLIT
_SCORES = (
    ('AUC, mean', 'pixel_auc_image_mean'),
    ('AUC, pooled', 'pixel_auc_pooled'),
    ('AP, pooled', 'pixel_average_precision_pooled'),
    ('F1 at 0.5, mean', 'pixel_f1_at_half_image_mean'),
    ('F1 at best of validation, pooled', 'pixel_f1_at_val_threshold_pooled'),
)
_KINDS = ('splice', 'copy-move')
_NOTE = (
    'Protocol `whole image`: each manipulated image of the test split once, at'
    ' native resolution. AUC, mean: the mean over images of the area under the'
    ' ROC curve of pixels; also of splices and of copy-moves alone. After ±'
    ' stands the sample standard deviation over seeds, of what is trained. F1'
    ' at 0.5 needs values from 0 to 1. The threshold of validation is the best'
    ' one on validation images of this very dataset.'
)


def table(study: dict, dataset: str) -> typeset.Table:
  """Makes the table of one dataset.

  Args:
    study: A study (`study.collect`).
    dataset: Its name.
  """
  rows: list[tuple[str, ...]] = []
  rules, random_auc = [], None
  for group in (_fusions, _networks, _methods):
    rules.append(len(rows))
    for name, results, kinds in group(study, study['datasets'][dataset]):
      rows.append(_row(name, results, kinds))
      random_auc = results['trivial']['random']['pixel_auc']
      manipulated = score_columns.fraction(results, 'pixel')
  if random_auc is not None:
    rules.append(len(rows))
    area = f'{random_auc:.3f}'
    cells = (area, area, f'{manipulated:.3f}', DASH, DASH, area, area)
    rows.append(('random or constant', *cells))
  title = score_columns.title(dataset)
  return typeset.Table(
      f'fusion_{dataset}',
      f'Pixels of the test split of {title}',
      (
          'Method',
          *(name for name, _ in _SCORES),
          *(f'{kind}: AUC, mean' for kind in _KINDS),
      ),
      tuple(rows),
      tuple(rules),
      (_NOTE,),
  )


def _fusions(_, entry: dict) -> Iterator[tuple[str, dict, list[dict]]]:
  for data, fusion in entry.get('fusions', {}).items():
    if _SPLIT in fusion['splits']:
      results = fusion['splits'][_SPLIT]
      seeds = ', '.join(str(x['seed']) for x in fusion['training'])
      name = f'Fusion, trained on {classical_table.trained(data)}'
      yield f'{name} (seeds {seeds})', results, results['by_manipulation']


def _networks(
    study: dict, entry: dict
) -> Iterator[tuple[str, dict, list[dict]]]:
  labels = score_columns.labels(study)
  for system, content in entry['systems'].items():
    if _SPLIT in content['splits']:
      seeds = ', '.join(map(str, content['seeds']))
      yield (
          f'{labels[system]}, trained on its training split'
          f' (seeds {seeds})',
          content['splits'][_SPLIT],
          [],
      )


def _methods(_, entry: dict) -> Iterator[tuple[str, dict, list[dict]]]:
  for method, name in paper.METHODS.items():
    results = entry['methods'].get(method, {}).get('splits', {}).get(_SPLIT)
    if results:
      yield name, results, [results['by_manipulation']]


def _row(name: str, results: dict, kinds: list[dict]) -> tuple[str, ...]:
  cells = [name]
  for _, key in _SCORES:
    cells.append(_mean_sd(results['scores'].get(key, ())))
  for kind in _KINDS:
    scores = [by_kind[kind] for by_kind in kinds if kind in by_kind]
    cells.append(_mean_sd([s['pixel_auc_image_mean'] for s in scores]))
  return tuple(cells)


def _mean_sd(values: Sequence[float]) -> str:
  """Formats mean and sample standard deviation; a dash without values."""
  if not values:
    return DASH
  text = f'{statistics.fmean(values):.3f}'
  return f'{text} ± {statistics.stdev(values):.3f}' if len(values) > 1 else text
