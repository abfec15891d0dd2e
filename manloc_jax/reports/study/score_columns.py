"""Formats the columns of a study's tables: scores, ours or the paper's."""

from collections.abc import Mapping, Sequence
import dataclasses

from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper

DASH = typeset.DASH
# Constant or trivial baselines, which depend on no pixel of the image.
BASELINES = {
    'all_pristine': 'all pristine',
    'all_manipulated': 'all manipulated',
    'random': 'random',
    'mean_mask': 'mean training mask',
}


@dataclasses.dataclass(frozen=True)
class Score:
  """A column of numbers, ours or the paper's.

  Attributes:
    title: Of the column.
    task: Of `paper.TASKS`.
    key: Our score.
    baseline: The same score of constant or trivial baselines.
    percent: Whether to show it in percent.
    chance: What a constant or random map scores, for a score that no baseline
      has.
    published: The paper's numbers by system and dataset, for a column of
      theirs.
  """

  title: str
  task: str
  key: str
  baseline: str
  percent: bool = False
  chance: float = 0.0
  published: Mapping[str, Mapping[str, float]] | None = None

  def form(self, value: float) -> str:
    """Formats a number of ours."""
    return f'{100 * value:.2f}' if self.percent else f'{value:.3f}'

  def cell(self, system: str, dataset: str, results: dict | None) -> str:
    """Formats the number of a system; a dash where there is none.

    Args:
      system: Name of a system.
      dataset: Name of a dataset.
      results: Results of a split in a study; None if it has not been run.
    """
    if self.published is not None:
      value = self.published.get(system, {}).get(dataset)
      if value is None:
        return DASH
      return f'{value:.2f}' if self.percent else f'{value:.4f}'
    return DASH if results is None else self.over_seeds(results)

  def over_seeds(self, results: dict) -> str:
    """Formats mean and standard deviation; a dash without the score."""
    if self.key not in results['mean']:
      return DASH
    text = self.form(results['mean'][self.key])
    deviation = results['deviation'].get(self.key)
    return text if deviation is None else f'{text} ± {self.form(deviation)}'


# By key, what tables and claims can name.
SCORES = {
    score.key: score
    for score in (
        Score('accuracy', 'patch', 'patch_accuracy', 'patch_accuracy', True),
        Score('AUC', 'patch', 'patch_auc', 'patch_auc'),
        Score('accuracy', 'pixel', 'pixel_accuracy', 'pixel_accuracy', True),
        Score('AUC', 'pixel', 'pixel_auc_pooled', 'pixel_auc'),
        # No baseline was averaged over images.
        Score(
            'AUC mean over images',
            'pixel',
            'pixel_auc_image_mean',
            'pixel_auc_image_mean',
            chance=0.5,
        ),
        Score('F1 at 0.5', 'pixel', 'pixel_f1_at_half_pooled', 'pixel_f1'),
        Score(
            'AP',
            'pixel',
            'pixel_average_precision_pooled',
            'pixel_average_precision',
        ),
    )
}
# The AUC of each task.
AUC = {'patch': SCORES['patch_auc'], 'pixel': SCORES['pixel_auc_pooled']}
# Pixel AUC over all pixels, and the mean of the areas of single images, whose
# random and constant scores have the same area.
AUC_POOLED = dataclasses.replace(AUC['pixel'], title='AUC pooled')
AUC_MEAN = Score('AUC mean', 'pixel', 'pixel_auc_image_mean', 'pixel_auc')


def column(name: str) -> Score:
  """Returns the column of a table that a study names.

  Args:
    name: A key of `SCORES`, perhaps after `published `.
  """
  score = SCORES[name.removeprefix('published ')]
  head = f'{paper.TASKS[score.task]}: {score.title}'
  if name == score.key:
    return dataclasses.replace(score, title=f'{head}, ours')
  published = paper.PUBLISHED[score.key]
  return dataclasses.replace(score, title=f'{head}, paper', published=published)


def find_split(
    study: dict, dataset: str, system: str, split: str
) -> dict | None:
  """Returns the scores of a split in a study; None where it was not run."""
  systems = study['datasets'].get(dataset, {}).get('systems', {})
  return systems.get(system, {}).get('splits', {}).get(split)


def labels(study: dict) -> dict[str, str]:
  """Returns the labels of a study's systems, by name."""
  return study['definition']['labels']


def reference(study: dict) -> str:
  """Returns the system of a study that others are compared with."""
  return next(iter(labels(study)))


def title(dataset: str) -> str:
  """Returns the paper's name of a dataset, or its own."""
  return paper.DATASETS.get(dataset, dataset)


def baseline_rows(
    results: dict, columns: Sequence[Score]
) -> dict[str, list[str]]:
  """Returns cells by title of a row, for constant or trivial baselines.

  Those are `BASELINES`, and the fraction that is manipulated, in the first
  column of each task that is ours.

  Args:
    results: Results of a split in a study.
    columns: The columns.
  """
  rows = {}
  for name, row in BASELINES.items():
    values = results['trivial'].get(name, {})
    cells = [
        DASH
        if column.published is not None or values.get(column.baseline) is None
        else column.form(values[column.baseline])
        for column in columns
    ]
    if any(cell != DASH for cell in cells):
      rows[row] = cells
  fractions: list[str] = []
  tasks: set[str] = set()
  for column in columns:
    is_first = column.published is None and column.task not in tasks
    manipulated = f'{fraction(results, column.task):.1%}'
    fractions.append(manipulated if is_first else DASH)
    tasks |= {column.task} if is_first else set()
  rows['manipulated fraction'] = fractions
  return rows


def fraction(results: dict, task: str) -> float:
  """Returns the manipulated fraction of the patches or pixels of a split."""
  units = {'patch': 'patches', 'pixel': 'pixels'}[task]
  manipulated = results['counts'][f'{units}_manipulated']
  return manipulated / (results['counts'][f'{units}_pristine'] + manipulated)
