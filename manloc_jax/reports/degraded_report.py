"""Draws scores over the strength of degradations, and tabulates them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
import itertools
import math
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax.reports import evaluation_tables
from manloc_jax.reports import typeset

Result = Mapping[str, Any]
Step = tuple[str | None, float | str | None]

TABLES, FIGURE = 'robustness.md', 'robustness.png'
_AUC, _F1 = 'pixel_auc_image_mean', 'pixel_f1_of_mask_image_mean'
_TITLES = {
    _AUC: 'AUC of pixels, mean over images',
    _F1: 'F1 of the mask of manloc localize, mean over images',
}
_RANDOM = 0.5  # AUC.
_NOTE = (
    'Intervals hold 95 % of bootstrap replicates over images. An image that a'
    ' method is not applicable to (n/a) counts with a constant map, whose AUC'
    ' is 0.5; one that cannot be scored is left out (out).'
)
_PANEL = (3.9, 3.1)  # Inches.
_MOST_COLUMNS = 3
_MARKERS = 'osD^vP*Xph'


def tables(
    results: Sequence[Result], series: Collection[str]
) -> list[typeset.Table]:
  """Returns a table for each set and score: levels down, methods across.

  Args:
    results: JSON of `degraded_images.evaluate`.
    series: Which of their series to show.
  """
  return [
      _table(of_set, key, series)
      for of_set in _by_set(results)
      for key in _TITLES
  ]


def _by_set(results: Sequence[Result]) -> Iterator[list[Result]]:
  """Yields the results of each set, in the order of the results."""
  for _, group in itertools.groupby(results, lambda x: x['set']):
    yield list(group)


def _table(
    results: list[Result], key: str, series: Collection[str]
) -> typeset.Table:
  facts = results[0]['series']
  by_step = [_levels(result) for result in results]
  rows: list[tuple[str, ...]] = []
  rules = []
  last = None
  for name, level in _steps(facts, series):
    if name != last:
      rules.append(len(rows))
      last = name
    title = f'{facts[name]["title"]}, {facts[name]["unit"]}' if name else 'None'
    rows.append((
        title,
        '' if level is None else str(level),
        *(_cell(levels[name, level], key) for levels in by_step),
    ))
  count = results[0]['counts']['manipulated']
  return typeset.Table(
      name=f'{results[0]["set"]}-{key}',
      title=f'{results[0]["set"]}: {_TITLES[key]} ({count} images)',
      header=(
          'Degradation',
          'Level',
          *map(evaluation_tables.method, results),
      ),
      rows=tuple(rows),
      rules=tuple(rules),
      notes=(_NOTE,),
  )


def _levels(result: Result) -> dict[Step, Mapping[str, Any]]:
  return {(x['series'], x['level']): x for x in result['levels']}


def _steps(
    facts: Mapping[str, Any], series: Collection[str]
) -> Iterator[Step]:
  """Yields the undegraded image, and then all levels of some series."""
  yield None, None
  for name in facts:
    if name in series:
      for level in facts[name]['levels']:
        yield name, level


def _cell(level: Mapping[str, Any], key: str) -> str:
  counts = level['counts']
  odd = [
      f'{counts[name]} {word}'
      for name, word in (('not_applicable', 'n/a'), ('left_out', 'out'))
      if counts[name]
  ]
  text = evaluation_tables.with_interval(
      level['scores'].get(key), level['intervals'].get(key)
  )
  return f'{text} ({", ".join(odd)})' if odd else text


def write(
    results: Sequence[Result], series: Collection[str], out: pathlib.Path
) -> list[pathlib.Path]:
  """Writes the tables of all sets, and a figure of each.

  Args:
    results: JSON of `degraded_images.evaluate`.
    series: Which of their series to show.
    out: Folder; `robustness.md` is written there, and `robustness.png` with a
      PDF beside it in `<set>`.

  Returns:
    The files.
  """
  from manloc_jax.reports import figure_files

  written, text = [], ['# Robustness', '']
  for of_set in _by_set(results):
    name = of_set[0]['set']
    path = out / name / FIGURE
    written += figure_files.save(figure(of_set, series), path)
    text += [f'![Robustness on {name}]({name}/{FIGURE})', '']
    text += map(typeset.markdown, tables(of_set, series))
  path = out / TABLES
  files.write_text(path, '\n'.join(text))
  return [path, *written]


def figure(results: Sequence[Result], series: Collection[str]):
  """Draws AUC over the levels: a panel for each series, a line for each method.

  Args:
    results: Of one set.
    series: Which of its series to show.

  Returns:
    The figure. Bands hold the intervals; a point is hollow where the method is
    not applicable to any of the images, whose maps are then constant.
  """
  from matplotlib import figure as figure_lib

  from manloc_jax.reports import robustness_figures

  facts = {
      name: one for name, one in results[0]['series'].items() if name in series
  }
  columns = min(len(facts), _MOST_COLUMNS)
  rows = -(-len(facts) // columns)
  drawn = figure_lib.Figure(
      figsize=(max(_PANEL[0] * columns, 6), _PANEL[1] * rows + 1),
      layout='constrained',
  )
  axes = drawn.subplots(rows, columns, squeeze=False, sharey=True).ravel()
  for axis in axes[len(facts) :]:
    axis.set_axis_off()
  for axis, (name, one) in zip(axes, facts.items(), strict=False):
    steps: list[Step] = [(None, None), *((name, x) for x in one['levels'])]
    for i, result in enumerate(results):
      by_step = _levels(result)
      _draw(axis, i, result, [by_step[step] for step in steps])
    axis.axhline(_RANDOM, color='0.5', linestyle=':', label='random')
    labels = ['none', *map(robustness_figures.tick, one['levels'])]
    axis.set_xticks(range(len(steps)), labels)
    axis.set(
        title=one['title'], xlabel=robustness_figures.sentence(one['unit'])
    )
    axis.grid(alpha=0.3)
  for axis in axes[::columns]:
    axis.set_ylabel('AUC of pixels')
  count = results[0]['counts']['manipulated']
  drawn.suptitle(
      f'Degraded images of {results[0]["set"]} ({count} images, 95 %'
      ' intervals)'
  )
  handles, labels = axes[0].get_legend_handles_labels()
  drawn.legend(
      handles,
      labels,
      loc='outside lower center',
      ncols=min(len(handles), 6),
      title='Hollow: not applicable to any image, so that all maps are constant'
      if any(_is_hollow(x) for r in results for x in r['levels'])
      else None,
  )
  return drawn


def _draw(
    axis, number: int, result: Result, levels: Sequence[Mapping[str, Any]]
) -> None:
  """Draws a method: a line, the band of its intervals, and points."""
  colour = f'C{number}'
  places = range(len(levels))
  values = [_value(level['scores'].get(_AUC)) for level in levels]
  bounds = [level['intervals'].get(_AUC) or (math.nan,) * 2 for level in levels]
  axis.fill_between(
      places, *zip(*bounds, strict=True), color=colour, alpha=0.15, linewidth=0
  )
  axis.plot(
      places,
      values,
      color=colour,
      marker=_MARKERS[number % len(_MARKERS)],
      markersize=5,
      label=evaluation_tables.method(result),
  )
  hollow = [i for i in places if _is_hollow(levels[i])]
  axis.plot(
      hollow,
      [values[i] for i in hollow],
      color=colour,
      marker=_MARKERS[number % len(_MARKERS)],
      markersize=5,
      markerfacecolor='white',
      linestyle='',
  )


def _is_hollow(level: Mapping[str, Any]) -> bool:
  counts = level['counts']
  return 0 < counts['images'] == counts['not_applicable']


def _value(score: float | None) -> float:
  return math.nan if score is None else score
