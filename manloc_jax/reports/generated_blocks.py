"""Makes the tables of documents from files committed in `results/`."""

from collections.abc import Callable
import dataclasses
import json
import pathlib

from manloc_jax import files
from manloc_jax.reports import degraded_report
from manloc_jax.reports import evaluation_tables
from manloc_jax.reports import held_out_table
from manloc_jax.reports import published
from manloc_jax.reports import run_list
from manloc_jax.reports import scaling_tables
from manloc_jax.reports import score_tables
from manloc_jax.reports import speed_tables
from manloc_jax.reports import typeset
from manloc_jax.reports.study import dial
from manloc_jax.reports.study import fusion_table
from manloc_jax.reports.study import ladder
from manloc_jax.reports.study import leakage
from manloc_jax.reports.study import study
from manloc_jax.reports.study import tables

RESULTS = pathlib.Path(__file__).parents[1] / 'results'
BENCHMARKS = RESULTS / 'benchmarks'
# Beside the JSON of a study.
_FIGURES = {'roc': 'ROC curves of all systems', 'examples': 'Examples'}
DIAL = RESULTS / 'dial.json'
LADDER = RESULTS / 'ladder.json'
LONG = RESULTS / 'long_training.json'  # Of `manloc runs compare --json`.
SCALING = RESULTS / 'scaling.json'  # Sizes, speeds and prices, with sources.
PACKAGED = RESULTS / 'packaged'  # Of `manloc evaluate`: a folder per set.
_PACKAGED_PROTOCOLS = ('whole-image', 'f1-fixed', 'detection')
# Of the runs of `manloc fusion` behind the weights v2, `seedN.json`; the
# scores of v1 on their test split; and of `manloc evaluate`, a folder per set.
RELEASED = RESULTS / 'fusion'
DEGRADED = RESULTS / 'robustness'  # Of `manloc robustness`: a folder per set.
# Those that are no scores of networks.
_OTHERS = (DIAL, LADDER, LONG, SCALING, published.FILE)
_SUMMARY = 4  # The first columns of the fusion's table.


def scores_block() -> str:
  """Makes the scores of networks from the files under `results/`."""
  text = []
  for path in sorted(RESULTS.glob('*.json')):
    if path in (*_studies(), *_leakages(), *_OTHERS):
      continue
    content = json.loads(path.read_text())
    text += [f'### `results/{path.name}`', '']
    if 'test' not in content:
      text += [typeset.markdown(score_tables.trials_table(content))]
      continue
    for split in content.values():
      first = split['runs'][0]
      text += [
          f'{score_tables.counts_line(first)} Configuration'
          f' `{first["config_sha256"][:12]}`, device {first["device"]}.',
          '',
          score_tables.scores_table(split['runs']),
          '',
          score_tables.kinds_table(split['runs']),
          '',
      ]
    text += [score_tables.rates_line(content['test']['runs']), '']
    if path.with_name(f'{path.stem}_learning_curve.png').exists():
      picture = f'../manloc_jax/results/{path.stem}_learning_curve.png'
      text += [f'![Learning curves]({picture})', '']
  return '\n'.join(text)


def study_block() -> str:
  """Makes the paper's tables from the studies under `results/`."""
  text = []
  for path in _studies():
    content = study.read(path)
    text += [f'### `results/{path.name}`', '', tables.protocol(content), '']
    made = tables.tables(content)
    # What is claimed comes first; the numbers behind it can be opened.
    text += [typeset.markdown(x) for x in made if x.name == 'claims']
    for name, title in _FIGURES.items():
      if path.with_name(f'{path.stem}_{name}.png').exists():
        picture = f'../manloc_jax/results/{path.stem}_{name}.png'
        text += [f'![{title}]({picture})', '']
    text += ['<details><summary>All tables</summary>', '']
    text += [typeset.markdown(x) for x in made if x.name != 'claims']
    text += ['</details>', '']
  return '\n'.join(text)


def dial_block() -> str:
  """Makes the tables and the figure of AUC by level."""
  content = dial.read(DIAL)
  picture = f'../manloc_jax/results/{DIAL.stem}.png'
  return '\n'.join([
      *(typeset.markdown(table) for table in dial.tables(content)),
      f'![AUC by the level of traces]({picture})',
      '',
  ])


def _studies() -> list[pathlib.Path]:
  return sorted(RESULTS.glob('study_*.json'))


def leakage_block() -> str:
  """Makes the table of the rules of splitting; empty without such runs."""
  return '\n'.join(
      typeset.markdown(leakage.table(leakage.read(path)))
      for path in _leakages()
  )


def _leakages() -> list[pathlib.Path]:
  return sorted(RESULTS.glob('leakage*.json'))


def ladder_block() -> str:
  """Makes the tables and the figure of the ladder; empty without runs."""
  if not LADDER.exists():
    return ''
  content = ladder.read(LADDER)
  return '\n'.join([
      *(typeset.markdown(table) for table in ladder.tables(content)),
      f'![AUC of every rung](../manloc_jax/results/{LADDER.stem}.png)',
      '',
  ])


def long_block() -> str:
  """Makes the table and the learning curves of long training."""
  return '\n'.join([
      typeset.markdown(run_list.compared(files.read_json(LONG))),
      f'![Learning curves](../manloc_jax/results/{LONG.stem}.png)',
      '',
  ])


def packaged_block() -> str:
  """Makes the tables of the packaged network beside other methods."""
  return _evaluations(PACKAGED)


def released_block() -> str:
  """Makes the tables of the weights v2 of the fusion, beside v1."""
  runs = {
      int(path.stem.removeprefix('seed')): files.read_json(path)
      for path in RELEASED.glob('seed*.json')
  }
  others = {'v1': files.read_json(RELEASED / 'v1.json')}
  text = typeset.markdown(held_out_table.table(runs, others))
  return f'{text}\n{_evaluations(RELEASED)}'


def robustness_block() -> str:
  """Makes the figures and tables of methods on degraded images."""
  text = []
  for folder in sorted(path for path in DEGRADED.glob('*') if path.is_dir()):
    paths = sorted(
        folder.glob('*.json'), key=lambda path: (path.stem != 'fusion', path)
    )
    results = [files.read_json(path) for path in paths]
    picture = folder.relative_to(RESULTS.parent) / degraded_report.FIGURE
    text += [f'![Scores of degraded images](../manloc_jax/{picture})', '']
    made = degraded_report.tables(results, results[0]['series'])
    text += map(typeset.markdown, made)
  return '\n'.join(text)


def _evaluations(folder: pathlib.Path) -> str:
  results = [files.read_json(path) for path in sorted(folder.glob('*/*.json'))]
  return '\n'.join(
      typeset.markdown(table)
      for table in evaluation_tables.by_protocol(results)
      if table.name in _PACKAGED_PROTOCOLS
  )


def speed_block() -> str:
  """Makes the tables of benchmarks from the files of each device."""
  text = []
  for folder in sorted(path for path in BENCHMARKS.glob('*') if path.is_dir()):
    results = [json.loads(path.read_text()) for path in folder.glob('*.json')]
    results.sort(key=lambda result: (result['benchmark'], result['summary']))
    steps = [r for r in results if r['benchmark'] == 'train_step']
    others = [r for r in results if r['benchmark'] != 'train_step']
    # Some take fewer of the cores, and say so in their own lines.
    text += [f'### {(steps or results)[0]["device"]}', '']
    text += [speed_tables.step_table(steps, speed_tables.TORCH), '']
    if any('plain-lstm' in result['ratios'] for result in steps):
      text += ['Times ours without one of its arrangements:', '']
      text += [speed_tables.step_table(steps, speed_tables.ARRANGEMENTS), '']
    lines = [line for result in (*steps, *others) for line in result['summary']]
    text += ['<details><summary>All figures</summary>', '', '```text', *lines]
    text += ['```', '', '</details>', '']
  return '\n'.join(text)


def scaling_block() -> str:
  """Makes the tables of what many GPUs and many cores would give."""
  made = scaling_tables.tables(SCALING, BENCHMARKS)
  return '\n'.join(typeset.markdown(table) for table in made)


def fusion_block() -> str:
  """Makes the scores of the packaged weights from the studies."""
  text = []
  for path in _studies():
    content = study.read(path)
    text += [
        typeset.markdown(fusion_table.table(content, dataset))
        for dataset, entry in content['datasets'].items()
        if entry.get('fusions')
    ]
  return '\n'.join(text)


def summary_block() -> str:
  """Makes the README's table: the mean AUC of every method."""
  text = []
  for path in _studies():
    content = study.read(path)
    for dataset, entry in content['datasets'].items():
      if entry.get('fusions'):
        table = fusion_table.table(content, dataset)
        rows = (
            *(row[:_SUMMARY] for row in table.rows[: table.rules[1]]),
            *_packaged(dataset),
            *(row[:_SUMMARY] for row in table.rows[table.rules[1] :]),
        )
        short = dataclasses.replace(
            table, header=table.header[:_SUMMARY], rows=rows, notes=()
        )
        text.append(typeset.markdown(short))
  return '\n'.join(text)


def _packaged(dataset: str) -> list[tuple[str, ...]]:
  """Makes the rows of packaged weights that were scored on a set."""
  names = {
      'fusion-v2': 'Fusion, weights v2, on more kinds of forgeries (seed 0)',
      'network': (
          'Network with other inputs, trained on forged photographs (seed 0)'
      ),
  }
  keys = (
      'pixel_auc_image_mean',
      'pixel_auc_pooled',
      'pixel_average_precision_pooled',
  )
  rows = []
  for method, name in names.items():
    path = PACKAGED / dataset / f'{method}.json'
    if path.exists():
      scores = files.read_json(path)['protocols']['whole image']['scores']
      rows.append((name, *(f'{scores[key]:.3f}' for key in keys)))
  return rows


# Makes the text between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
BLOCKS: dict[str, Callable[[], str]] = {
    'results': scores_block,
    'study': study_block,
    'leakage': leakage_block,
    'dial': dial_block,
    'ladder': ladder_block,
    'long': long_block,
    'packaged': packaged_block,
    'released': released_block,
    'robustness': robustness_block,
    'summary': summary_block,
    'fusion': fusion_block,
    'scaling': scaling_block,
    'speed': speed_block,
}
