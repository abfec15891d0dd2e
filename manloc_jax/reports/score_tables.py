"""Makes tables of the scores of runs, in Markdown."""

from collections.abc import Mapping, Sequence
import statistics

from manloc_jax.reports import typeset

# What the table shows, and the trivial baselines it stands beside.
ROWS = (
    ('Pixel AUC, pooled', 'pixel_auc_pooled', 'pixel_auc'),
    ('Pixel AUC, mean over images', 'pixel_auc_image_mean', 'pixel_auc'),
    (
        'Pixel average precision',
        'pixel_average_precision_pooled',
        'pixel_average_precision',
    ),
    ('Pixel accuracy', 'pixel_accuracy', 'pixel_accuracy'),
    (
        'Pixel accuracy, balanced',
        'pixel_accuracy_balanced',
        'pixel_accuracy_balanced',
    ),
    ('Pixel F1 at 0.5', 'pixel_f1_at_half_pooled', 'pixel_f1'),
    (
        "Pixel F1 at validation's threshold",
        'pixel_f1_at_val_threshold_pooled',
        'pixel_f1',
    ),
    (
        'Pixel F1 at the best threshold (oracle)',
        'pixel_f1_oracle_pooled',
        'pixel_f1',
    ),
    ('Pixel IoU at 0.5', 'pixel_iou_at_half_pooled', 'pixel_iou'),
    ('Pixel MCC at 0.5', 'pixel_mcc_at_half_pooled', 'pixel_mcc'),
    ('Patch AUC', 'patch_auc', 'patch_auc'),
    ('Patch accuracy', 'patch_accuracy', 'patch_accuracy'),
)
# Of a comparison of configs.
_TRIAL_SPLITS = ('val', 'test', 'test_grid', 'test_images')
_TRIAL_SCORES = {
    'patch_auc': 'patch AUC',
    'pixel_auc_pooled': 'pixel AUC, pooled',
    'pixel_auc_image_mean': 'pixel AUC, mean over images',
}
BASELINES = ('all_pristine', 'all_manipulated', 'random', 'mean_mask')


def scores_table(results: Sequence[dict]) -> str:
  """Makes one table of one split, a row per score.

  Args:
    results: The JSON of that split, one per seed.

  Returns:
    Markdown: the mean over seeds with its standard deviation, and on the same
    rows what constant or trivial baselines reach.
  """
  seeds = len(results)
  name = f'Network ({seeds} seed{"s" * (seeds > 1)})'
  if (method := results[0]['config'].get('method')) is not None:
    name = f'`{method}`'
  lines = [
      f'| Score | {name} | '
      + ' | '.join(f'`{name}`' for name in BASELINES)
      + ' |',
      '|---|---|' + '---|' * len(BASELINES),
  ]
  for title, key, trivial in ROWS:
    if key not in results[0]['scores']:
      continue  # The network does not have that task.
    cells = [_mean_sd([result['scores'][key] for result in results])]
    for name in BASELINES:
      values = [r['trivial'].get(name, {}).get(trivial) for r in results]
      if name == 'mean_mask' and key == 'pixel_auc_image_mean':
        values = []  # Its mean over images is not that of all pixels.
      cells.append(_mean_sd(values))
    lines.append(f'| {title} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def postprocessed_table(results: Sequence[dict]) -> str:
  """Makes a table of pixel scores after post-processing, in Markdown.

  Args:
    results: The JSON of one split, one per seed.

  Returns:
    A row for the raw scores and for each kind of `postprocess.variants`; empty
    where there is no mask.
  """
  kinds = results[0].get('postprocessed')
  if not kinds:
    return ''
  columns = {
      'pixel_accuracy': 'Pixel accuracy',
      'pixel_accuracy_balanced': 'balanced',
      'pixel_f1_at_half_pooled': 'F1',
      'pixel_iou_at_half_pooled': 'IoU',
      'pixel_mcc_at_half_pooled': 'MCC',
      'pixel_auc_pooled': 'AUC',
  }
  lines = [
      '| Post-processing | ' + ' | '.join(columns.values()) + ' |',
      '|---|' + '---|' * len(columns),
  ]
  rows = {'none': [r['scores'] for r in results]}
  rows |= {k: [r['postprocessed'][k] for r in results] for k in kinds}
  for name, values in rows.items():
    cells = [_mean_sd([value.get(key) for value in values]) for key in columns]
    lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def kinds_table(results: Sequence[dict]) -> str:
  """Makes a table of pixel AUC by kind of manipulation, in Markdown.

  Args:
    results: The JSON of one split, one per seed.
  """
  if not results[0]['by_manipulation']:
    return ''  # There is no mask.
  lines = [
      '| Manipulation | Images | Pixel AUC, pooled | Mean over images |',
      '|---|---|---|---|',
  ]
  for kind, scores in results[0]['by_manipulation'].items():
    cells = [
        _mean_sd([r['by_manipulation'][kind][key] for r in results])
        for key in ('pixel_auc_pooled', 'pixel_auc_image_mean')
    ]
    lines.append(f'| {kind} | {scores["images"]} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def trials_table(trials: Mapping[str, dict]) -> typeset.Table:
  """Makes a table of runs of different configs, with means over their seeds.

  Args:
    trials: The JSON of `run_results.compare`.
  """
  groups: dict[str, list[dict]] = {}
  for trial in trials.values():
    settings = {k: v for k, v in trial['settings'].items() if k != 'seed'}
    fields = ' '.join(f'`--config.{k}={v}`' for k, v in settings.items())
    groups.setdefault(fields, []).append(trial['scores'])
  columns = [
      (split, key)
      for split in _TRIAL_SPLITS
      for key in _TRIAL_SCORES
      if any(key in trial['scores'].get(split, ()) for trial in trials.values())
  ]
  rows = [
      (
          fields or typeset.DASH,
          str(len(seeds)),
          *(
              _mean_sd([scores.get(split, {}).get(key) for scores in seeds])
              for split, key in columns
          ),
      )
      for fields, seeds in groups.items()
  ]
  return typeset.Table(
      'trials',
      'Runs of different configs',
      (
          'Config fields',
          'Seeds',
          *(f'{split}: {_TRIAL_SCORES[key]}' for split, key in columns),
      ),
      tuple(rows),
      notes=('Means ± sample standard deviations over seeds.',),
  )


def counts_line(result: dict) -> str:
  """Returns a sentence on the images and patches of a split."""
  c = result['counts']
  if 'patches_pristine' not in c:
    return _whole_images_line(result)
  patches = c['patches_pristine'] + c['patches_manipulated']
  pixels = c['pixels_pristine'] + c['pixels_manipulated']
  return (
      f'Split `{result["split"]}`: {patches} patches of {c["images"]} images;'
      f' {c["patches_manipulated"] / patches:.1%} of the patches and'
      f' {c["pixels_manipulated"] / pixels:.1%} of the pixels are manipulated.'
  )


def _whole_images_line(result: dict) -> str:
  c, left_out = result['counts'], result['not_applicable']
  fraction = c['pixels_manipulated'] / (
      c['pixels_manipulated'] + c['pixels_pristine']
  )
  of = ''
  if total := result['data'].get('images_of_set'):  # Not in older results.
    of = f' of the {total} of the set'
  text = (
      f'Split `{result["split"]}`, protocol `{result["protocol"]}`:'
      f' {c["images"]} images{of}; {fraction:.1%} of the pixels are'
      ' manipulated.'
  )
  if left_out['images']:
    text += (
        f' The method is not applicable to {left_out["images"]} images, which'
        f' are scored as a {left_out["scored_as"]}.'
    )
  if result['seconds_per_megapixel'] is not None:
    text += (
        f' {result["seconds_per_megapixel"]:.3g} seconds per megapixel in one'
        f' process on {result["device"]}.'
    )
  return text


def rates_line(results: Sequence[dict]) -> str:
  """Returns a sentence on the speed of training and the wait for input."""
  speed = _mean_sd([r['training'].get('patches_per_s') for r in results], '.0f')
  fractions = [r['training'].get('input_wait_share') for r in results]
  return (
      f'Trained at {speed} patches/s on {results[0]["devices"]}'
      f' {results[0]["device"]}; fetching input took the host'
      f' {_mean_sd(fractions, ".2%")} of the time, while the device was at work'
      ' on the step before.'
  )


def _mean_sd(values, form: str = '.3f') -> str:
  """Formats the known values as `0.712 ± 0.010`; a dash without any."""
  values = [value for value in values if value is not None]
  if not values:
    return '–'
  mean = statistics.fmean(values)
  deviation = statistics.stdev(values) if len(values) > 1 else 0.0
  text = f'{mean:{form}}'
  return f'{text} ± {deviation:{form}}' if deviation else text
