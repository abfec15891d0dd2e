"""Makes Tables 1 to 6 of the paper with its numbers and ours."""

from collections.abc import Mapping, Sequence
import dataclasses

from manloc_jax.reports import typeset
from manloc_jax.reports.study import claims
from manloc_jax.reports.study import classical_table
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import runs_table
from manloc_jax.reports.study import score_columns

DASH = typeset.DASH
title = score_columns.title
_SEGMENTATION = (
    'fcn',
    's-lstm-conv34',
    's-lstm-conv',
    's-conv-lstm-conv',
    paper.JOINT,
)
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
  return PROTOCOL if _has_networks(study) else _CLASSICAL_PROTOCOL


def tables(study: dict) -> list[typeset.Table]:
  """Makes all tables of a study.

  Args:
    study: Of `study.collect`.

  Returns:
    The tables that have rows: without a network Table 6 alone.
  """
  if not _has_networks(study):
    return [classical_table.table(study)]
  patch, pixel = (_accuracy_columns(task) for task in paper.TASKS)
  both = (*patch, *pixel)
  made = [
      *_task_tables(study, patch, pixel),
      *_variant_tables(study, both),
      _table(
          'table5',
          'Table 5. Area under the ROC curves of Figure 4',
          study,
          {paper.JOINT: None},
          _area_columns(),
          notes=(paper.TYPING_ERRORS,),
      ),
      classical_table.table(study),
      _table(
          'grid',
          'Every native window of the test images (`test_grid`), at its'
          ' natural fraction of manipulated pixels',
          study,
          dict.fromkeys(paper.SYSTEMS),
          tuple(s for s in both if s.published is None),
          split='test_grid',
      ),
      claims.table(study),
      runs_table.table(study),
  ]
  return [table for table in made if table.rows]


def _task_tables(
    study: dict,
    patch: Sequence[score_columns.Score],
    pixel: Sequence[score_columns.Score],
) -> list[typeset.Table]:
  """Makes Tables 1 and 2, and the latter after post-processing."""
  return [
      _table(
          'table1',
          'Table 1. Patch classification',
          study,
          dict.fromkeys(('p-lstm', 'p-conv-lstm', paper.JOINT)),
          patch,
      ),
      _table(
          'table2',
          'Table 2. Segmentation',
          study,
          dict.fromkeys(_SEGMENTATION),
          pixel,
          notes=(_fraction_note(),),
      ),
      _postprocessing(study),
  ]


def _variant_tables(
    study: dict, columns: Sequence[score_columns.Score]
) -> list[typeset.Table]:
  """Makes Tables 3 and 4, of variants of the joint network."""
  return [
      _table(
          'table3',
          'Table 3. Size of the feature maps',
          study,
          {
              paper.JOINT: 'J-Conv-LSTM-Conv (16f, 256h)',
              **dict.fromkeys(('conv1-8f', 'conv1-32f', 'lstm-64h')),
          },
          columns,
          beside=paper.JOINT,
      ),
      _table(
          'table4',
          'Table 4. Label threshold of a patch',
          study,
          {'iou-0.5': None, paper.JOINT: 'IoU-0.125'},
          columns,
          beside=paper.JOINT,
          notes=(
              'The two rows are scored against different labels and on'
              ' different patches, for the threshold decides which patches are'
              ' sampled; only their scores on `test_grid` share their pixels.',
          ),
      ),
  ]


def _accuracy_columns(task: str) -> tuple[score_columns.Score, ...]:
  """The paper's accuracy, and our accuracy and AUC."""
  accuracy, auc = score_columns.SCORES[task]
  name = paper.TASKS[task]
  return (
      dataclasses.replace(
          accuracy,
          title=f'{name}: accuracy, paper',
          published=paper.ACCURACY[task],
      ),
      dataclasses.replace(accuracy, title=f'{name}: accuracy, ours'),
      dataclasses.replace(auc, title=f'{name}: AUC, ours'),
  )


def _area_columns() -> tuple[score_columns.Score, ...]:
  columns = []
  for task, name in paper.TASKS.items():
    _, auc = score_columns.SCORES[task]
    columns += [
        dataclasses.replace(
            auc, title=f'{name}: AUC, paper', published=paper.AUC[task]
        ),
        dataclasses.replace(auc, title=f'{name}: AUC, ours'),
    ]
  # No baseline was averaged over images.
  key = 'pixel_auc_image_mean'
  mean = score_columns.Score('Pixels: mean over images', 'pixel', key, key)
  return (*columns, mean)


def _table(
    name: str,
    caption: str,
    study: dict,
    systems: Mapping[str, str | None],
    columns: Sequence[score_columns.Score],
    *,
    split: str = 'test',
    beside: str | None = None,
    notes: tuple[str, ...] = (),
) -> typeset.Table:
  """Makes a table, datasets in groups of rows.

  Args:
    name: Its name.
    caption: Its title.
    study: A study.
    systems: Rows, with a title where it is not that of `paper.SYSTEMS`.
    columns: Columns after dataset, system and number of seeds.
    split: The split to show.
    beside: A system that is shown only where there is another beside it.
    notes: Sentences to stand below.
  """
  rows: list[tuple[str, ...]] = []
  rules = []
  for dataset in dict.fromkeys((*paper.DATASETS, *study['datasets'])):
    group = _group(study, dataset, systems, columns, split, beside)
    rules.append(len(rows))
    rows += group
  return typeset.Table(
      name,
      caption,
      ('Dataset', 'System', 'Seeds', *(column.title for column in columns)),
      tuple(rows),
      tuple(rules),
      notes,
  )


def _group(
    study: dict,
    dataset: str,
    systems: Mapping[str, str | None],
    columns: Sequence[score_columns.Score],
    split: str,
    beside: str | None,
) -> list[tuple[str, ...]]:
  """Rows of one dataset: its systems, and constant or trivial baselines."""
  by_system: dict[str, tuple[str, ...]] = {}
  # The name of a system and its split, by the rows that were scored.
  splits: dict[tuple, tuple[str, dict]] = {}
  for system, name in systems.items():
    results = score_columns.find_split(study, dataset, system, split)
    cells = [column.cell(system, dataset, results) for column in columns]
    if all(cell == DASH for cell in cells):
      continue
    name, seeds = name or paper.SYSTEMS[system], DASH
    if results:
      seeds = str(len(study['datasets'][dataset]['systems'][system]['seeds']))
      # Systems of one label threshold share their rows.
      splits.setdefault(tuple(results['counts'].items()), (name, results))
    by_system[system] = (title(dataset), name, seeds, *cells)
  if by_system.keys() <= {beside}:
    return []
  rows = list(by_system.values())
  for name, results in splits.values():
    suffix = f' ({name})' if len(splits) > 1 else ''
    for row, cells in score_columns.baseline_rows(results, columns).items():
      rows.append((title(dataset), row + suffix, DASH, *cells))
  return rows


def _fraction_note() -> str:
  bounds = ', '.join(
      f'{paper.fraction_bound(dataset):.1%} on {name}'
      for dataset, name in paper.DATASETS.items()
  )
  return (
      "The paper's accuracy and AUC can only stand together, for concave ROC"
      ' curves, where the fraction of manipulated test pixels is at most'
      f' {bounds}; calling everything pristine then scores at least the rest.'
  )


def _postprocessing(study: dict) -> typeset.Table:
  """Makes Table 2 with each kind of post-processing."""
  f1 = score_columns.Score(
      'F1 at 0.5', 'pixel', 'pixel_f1_at_half_pooled', 'pixel_f1'
  )
  columns = (*score_columns.SCORES['pixel'], f1)
  rows: list[tuple[str, ...]] = []
  rules = []
  for dataset in study['datasets']:
    for system in _SEGMENTATION:
      results = score_columns.find_split(study, dataset, system, 'test')
      kinds = results and results['postprocessed']
      if not kinds:
        continue
      rules.append(len(rows))
      for kind, scores in {'none': results, **kinds}.items():
        cells = [column.over_seeds(scores) for column in columns]
        rows.append((title(dataset), paper.SYSTEMS[system], kind, *cells))
  return typeset.Table(
      'postprocessing',
      'Post-processing of the masks of Table 2',
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
