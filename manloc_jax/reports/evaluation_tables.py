"""Makes tables of evaluations on any set: one for each protocol.

Scores of two protocols are never in one table. Each row is one method on one
set, and beside each score stands what the best trivial baseline reaches on the
same images.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from manloc_jax.reports import typeset

Result = Mapping[str, Any]

# Titles of scores, in the order of their columns.
TITLES = {
    'pixel_auc_image_mean': 'AUC, mean',
    'pixel_auc_pooled': 'AUC, pooled',
    'pixel_average_precision_image_mean': 'AP, mean',
    'pixel_average_precision_pooled': 'AP, pooled',
    'pixel_f1_at_half_image_mean': 'F1 at 0.5',
    'pixel_iou_at_half_image_mean': 'IoU at 0.5',
    'pixel_f1_of_mask_image_mean': 'F1 of its mask',
    'pixel_iou_of_mask_image_mean': 'IoU of its mask',
    'pixel_f1_oracle_image_mean': 'F1, oracle threshold',
    'pixel_iou_oracle_image_mean': 'IoU, oracle threshold',
    'pixel_f1_permuted_oracle_image_mean': 'permuted F1, oracle threshold',
    'pixel_f1_permuted_at_half_image_mean': 'permuted F1 at 0.5',
    'image_auc': 'image AUC',
    'image_accuracy_balanced_at_threshold': 'balanced accuracy, its threshold',
    'image_accuracy_balanced_at_half': 'balanced accuracy at 0.5',
    'false_alarm_area_of_mask': 'false-alarm area of its mask',
    'false_alarm_area_at_half': 'false-alarm area at 0.5',
    'pixel_auc_target_image_mean': 'AUC of target',
    'pixel_auc_source_image_mean': 'AUC of source',
    'pixel_auc_target_over_source_image_mean': 'AUC of target over source',
    'pixel_recall_target_image_mean': 'recall of target',
    'pixel_recall_source_image_mean': 'recall of source',
}
# Means of measures by kind of manipulation, for each protocol.
_BY_KIND = {
    'whole image': {'auc': 'AUC, mean', 'average_precision': 'AP, mean'},
    'f1-fixed': {'f1_half': 'F1 at 0.5', 'f1_mask': 'F1 of its mask'},
    'f1-best': {'f1_best': 'F1, oracle threshold'},
}
_LOWER_IS_BETTER = 'false_alarm'


def by_protocol(results: Sequence[Result]) -> list[typeset.Table]:
  """Returns a table for each protocol that has a score of some result.

  Args:
    results: JSON of `evaluation.evaluate`.
  """
  names = {name for result in results for name in result['protocols']}
  order = list(results[0]['protocols']) if results else []
  tables = [
      _protocol(name, results) for name in sorted(names, key=order.index)
  ]
  return [table for table in tables if table.rows]


def _protocol(name: str, results: Sequence[Result]) -> typeset.Table:
  known = {
      key
      for result in results
      for key, value in result['protocols'][name]['scores'].items()
      if value is not None
  }
  keys = [key for key in TITLES if key in known]
  header = ['Set', 'Method', 'Images']
  for key in keys:
    header += [TITLES[key], 'trivial']
  rows: list[tuple[str, ...]] = []
  rules, last = [], None
  for result in sorted(results, key=lambda x: x['set']):
    of = result['protocols'][name]
    if not any(of['scores'].get(key) is not None for key in keys):
      continue
    if result['set'] != last:
      rules.append(len(rows))
      last = result['set']
    row = [result['set'], method(result), str(max(of['images'].values()))]
    for key in keys:
      row += [
          with_interval(of['scores'].get(key), of['intervals'].get(key)),
          number(baseline(of['trivial'], key)),
      ]
    rows.append(tuple(row))
  return typeset.Table(
      name=name.replace(' ', '-'),
      title=f'Protocol {name}',
      header=tuple(header),
      rows=tuple(rows),
      rules=tuple(rules),
      notes=(
          'Intervals hold 95 % of bootstrap replicates over images; "trivial"'
          ' is the best of the baselines that see no image.',
      ),
  )


def by_kind(results: Sequence[Result]) -> list[typeset.Table]:
  """Returns means over the images of each kind, a table for each protocol."""
  return [_kinds(name, results) for name in _BY_KIND]


def _kinds(protocol: str, results: Sequence[Result]) -> typeset.Table:
  titles = _BY_KIND[protocol]
  found = {
      key
      for result in results
      for means in result['by_manipulation'].values()
      for key in means
  }
  keys = [key for key in titles if key in found]
  rows = [
      (
          result['set'],
          kind,
          method(result),
          str(means['images']),
          *(number(means.get(key)) for key in keys),
      )
      for result in sorted(results, key=lambda x: x['set'])
      for kind, means in result['by_manipulation'].items()
  ]
  rows.sort(key=lambda row: row[:2])
  return typeset.Table(
      name=f'by-manipulation-{protocol.replace(" ", "-")}',
      title=f'Kinds of manipulation, protocol {protocol}',
      header=(
          *('Set', 'Manipulation', 'Method', 'Images'),
          *(titles[key] for key in keys),
      ),
      rows=tuple(rows),
  )


def left_out(results: Sequence[Result]) -> typeset.Table:
  """Returns what was not scored, and what was scored in another way."""
  columns = {
      'manipulated': 'Manipulated',
      'pristine': 'Pristine',
      'left_out': 'Left out',
      'not_applicable': 'Not applicable (constant map)',
      'of_one_class': 'Of one class (no AUC)',
      'resized_maps': 'Maps resized',
  }
  return typeset.Table(
      name='counts',
      title='Images',
      header=('Set', 'Method', *columns.values()),
      rows=tuple(
          (
              result['set'],
              method(result),
              *(str(result['counts'][key]) for key in columns),
          )
          for result in sorted(results, key=lambda x: x['set'])
      ),
  )


def compared(comparison: Mapping[str, Any]) -> list[typeset.Table]:
  """Returns scores of two methods and their difference, by protocol.

  Args:
    comparison: Of `comparison.compare`.
  """
  a, b = comparison['a'], comparison['b']
  return [
      typeset.Table(
          name=f'comparison-{protocol.replace(" ", "-")}',
          title=f'{a} and {b} on {comparison["set"]}, protocol {protocol}:'
          f' {comparison["images"]} images of both, {comparison["only_one"]} of'
          ' one only',
          header=(
              *('Score', 'Images', a, b, f'{a} - {b}', f'{a} better', 'equal'),
              'Wilcoxon p',
          ),
          rows=tuple(_compared(*item) for item in scores.items()),
      )
      for protocol, scores in comparison['protocols'].items()
  ]


def _compared(name: str, score: Mapping[str, Any]) -> tuple[str, ...]:
  return (
      TITLES[name],
      str(score['images']),
      number(score['a']),
      number(score['b']),
      with_interval(score['difference'], score['interval'], sign='+'),
      number(score['won']),
      number(score['tied']),
      typeset.DASH if score['p'] is None else f'{score["p"]:.2g}',
  )


def method(result: Result) -> str:
  """Returns the name of a method, marked where test images are known to it."""
  leakage = result.get('leakage') or {}
  return result['method'] + (' (LEAKAGE)' if leakage.get('allowed') else '')


def baseline(trivial: Mapping[str, Mapping], key: str) -> float | None:
  """Returns the best score of the trivial baselines."""
  values = [row[key] for row in trivial.values() if row.get(key) is not None]
  if not values:
    return None
  return min(values) if key.startswith(_LOWER_IS_BETTER) else max(values)


def number(value: float | None) -> str:
  """Returns three decimals, or a dash."""
  return typeset.DASH if value is None else f'{value:.3f}'


def with_interval(
    value: float | None, interval: Sequence[float] | None, sign: str = '-'
) -> str:
  """Returns a score with its interval in brackets.

  Args:
    value: The score.
    interval: Its bounds; None where there are none.
    sign: `+` also marks positive numbers.
  """
  if value is None or interval is None:
    return number(value)
  low, high = (f'{bound:{sign}.3f}' for bound in interval)
  return f'{value:{sign}.3f} [{low}, {high}]'
