"""Draws scores over the strength of a degradation, and tabulates them."""

import math
import pathlib
from typing import Any

from matplotlib import figure as figure_lib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.reports import figure_files

_PIXEL = {
    'pixel_auc_pooled': 'pixel AUC, pooled',
    'pixel_auc_image_mean': 'pixel AUC, mean over images',
}
_PATCH = {'patch_auc': 'patch AUC'}


def curves(scores: pathlib.Path, path: pathlib.Path) -> None:
  """Draws AUC over the levels, a panel for each kind of degradation.

  It is that of pixels, or of patches where the network gives no mask.

  Args:
    scores: The JSON of `robustness.robustness`; levels that it lacks are left
      out.
    path: The PNG to write, with a PDF beside it.
  """
  content = _read(scores)
  levels = content['levels']
  has_mask = any('pixel_auc_pooled' in level['scores'] for level in levels)
  columns = max(-(-len(content['series']) // 2), 1)
  figure = figure_lib.Figure(
      figsize=(4.5 * columns, 6.5), layout='constrained'
  )
  axes = figure.subplots(2, columns, sharey=True, squeeze=False)
  for axis in axes.ravel()[len(content['series']) :]:
    axis.set_axis_off()
  for axis, (name, series) in zip(
      axes.flat, content['series'].items(), strict=False
  ):
    own = [level for level in levels if level['series'] == name]
    for i, (key, legend) in enumerate((_PIXEL if has_mask else _PATCH).items()):
      style = {'color': f'C{i}', 'marker': 'o', 'label': legend}
      axis.plot([_value(level['scores'][key]) for level in own], **style)
      for level in levels:
        if level['series'] is None and level['scores'][key] is not None:
          label = f'{legend}, undegraded'
          value = level['scores'][key]
          axis.axhline(value, color=f'C{i}', linestyle='--', label=label)
    if has_mask:
      axis.plot(
          [_value(x['trivial']['mean_mask']['pixel_auc']) for x in own],
          color='0.4',
          linestyle='-.',
          label='mean training mask',
      )
    axis.axhline(0.5, color='0.6', linestyle=':', label='random')
    axis.set(title=series['title'], xlabel=sentence(series['unit']))
    axis.set_xticks(range(len(own)), [tick(level['level']) for level in own])
    axis.grid(alpha=0.3)
  for axis in axes[:, 0]:
    axis.set_ylabel('AUC')
  handles, labels = axes[0, 0].get_legend_handles_labels()
  figure.legend(handles, labels, loc='outside lower center', ncols=3)
  figure_files.save(figure, path)


def table(scores: pathlib.Path) -> str:
  """Makes a table of all levels, in Markdown.

  Args:
    scores: The JSON of `robustness.robustness`.
  """
  content = _read(scores)
  lines = [
      '| Degradation | Level | Windows | Patch AUC | Pixel AUC, pooled |'
      " Mean over images | F1 at validation's threshold |"
      ' Pixel AUC of `mean_mask` |',
      '|---|---|---|---|---|---|---|---|',
  ]
  for level in content['levels']:
    series = content['series'].get(level['series'])
    counts = level['counts']
    cells = [
        f'{series["title"]}, {series["unit"]}' if series else 'None',
        str(level['level']) if series else '',
        str(counts['patches_pristine'] + counts['patches_manipulated']),
        *(
            _text(level['scores'].get(key))
            for key in (*_PATCH, *_PIXEL, 'pixel_f1_at_val_threshold_pooled')
        ),
        _text(level['trivial']['mean_mask']['pixel_auc']),
    ]
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def tick(level: float | str) -> str:
  """Returns the label of a level on an axis; one of words has a line each."""
  return str(level).replace(' ', '\n')


def sentence(text: str) -> str:
  """Returns a text with a capital letter at its start."""
  return text[:1].upper() + text[1:]


def _value(score: float | None) -> float:
  return math.nan if score is None else score


def _text(score: float | None) -> str:
  return '–' if score is None else f'{score:.3f}'


def _read(scores: pathlib.Path) -> dict[str, Any]:
  """Reads the scores.

  Raises:
    UserError: The file holds something else.
  """
  try:
    content = files.read_json(scores)
    if not isinstance(content['series'], dict):
      raise TypeError('series is no object')
    for level in content['levels']:
      if not {'series', 'level', 'scores', 'counts'} <= level.keys():
        raise ValueError('a level has no scores')
    return content
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise errors.UserError(
        f'{str(scores)!r} is not the JSON that --mode=robustness writes'
        f' ({type(error).__name__}: {error}); delete it and run that mode'
        ' again.'
    ) from error
