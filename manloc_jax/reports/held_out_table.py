"""Makes the table of the fusion's scores on held-out forgeries, by seed."""

from collections.abc import Mapping
import statistics
from typing import Any

from manloc_jax.reports import typeset

# Path in the results, title, and whether it is shown in percent.
_COLUMNS = (
    ('block_auc_mean', 'AUC of blocks, mean', False),
    ('f1_mean', 'F1 of its mask', False),
    ('f1_best_mean', 'F1, best threshold of each image', False),
    ('marked.median', 'untouched, marked: median', True),
    ('marked.percentile_95', '95th percentile', True),
    ('marked.largest', 'largest', True),
    ('image.auc', 'image AUC', False),
    ('image.balanced_accuracy', 'balanced accuracy at 0.5', False),
)
_NOTE = (
    'Blocks of 8x8 pixels, of forgeries of photographs that were not trained'
    ' on and untouched images that were saved as they are. AUC and F1 are means'
    ' over forgeries, "marked" is the share of an untouched image that the mask'
    ' holds, and the last two columns are about telling forged from untouched'
    ' images by the probability of a forgery. After ± stands the sample'
    ' standard deviation over seeds.'
)


def table(
    by_seed: Mapping[int, Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> typeset.Table:
  """Makes the table.

  Args:
    by_seed: For the seed of each run the scores of `manloc fusion`,
      results/test.json; all of one test split.
    others: The scores of other weights on that split, by name.
  """
  every = list(by_seed.values())
  named = [(f'seed {seed}', [by_seed[seed]]) for seed in sorted(by_seed)]
  named += [('mean', every)]
  named += [(name, [scores]) for name, scores in others.items()]
  rows = [
      (name, *(_cell(runs, *column) for column in _COLUMNS))
      for name, runs in named
  ]
  first = every[0]
  return typeset.Table(
      name='held-out',
      title=(
          f'Test split of the training set: {first["forged"]} forgeries and'
          f' {first["untouched"]} untouched images'
      ),
      header=('Weights', *(title for _, title, _ in _COLUMNS)),
      rows=tuple(rows),
      rules=(0, len(every)),
      notes=(_NOTE,),
  )


def _cell(
    runs: list[Mapping[str, Any]], path: str, _: str, is_share: bool
) -> str:
  """Returns a score, or the mean of several and their deviation."""
  values: list[Any] = list(runs)
  for key in path.split('.'):
    values = [value.get(key, {}) if value else None for value in values]
  if not all(isinstance(value, float | int) for value in values):
    return typeset.DASH
  scale, form = (100, '{:.2f} %') if is_share else (1, '{:.3f}')
  text = form.format(scale * statistics.mean(values))
  if len(values) > 1:
    text += ' ± ' + form.format(scale * statistics.stdev(values))
  return text
