"""Makes Table 6: classical methods beside networks, on whole images."""

from collections.abc import Sequence

from manloc_jax.reports import typeset
from manloc_jax.reports.study import paper
from manloc_jax.reports.study import score_columns

DASH = typeset.DASH
SPLIT = 'test_images'
_POOLED = score_columns.AUC_POOLED
_MEAN = score_columns.AUC_MEAN
_NOTE = (
    'Ours, by the protocol `whole image`: each manipulated image of the test'
    ' split once, at native resolution, with its map in the size of the image;'
    ' AUC is pooled over all pixels, or the mean of the areas of single images;'
    ' s/Mpx are seconds per megapixel of an image, with a process on every core'
    ' for classical methods, on machines that did other work besides. An'
    ' AUC below one half is not inverted. A method that is not applicable'
    ' to an image scores a constant map there.'
)
_PATCHES_NOTE = (
    'Rows of patches are scored on `test`, the patches of the sampler,'
    ' and cannot be compared with rows of whole images. The paper does not say'
    ' on which of both its numbers stand.'
)


def table(study: dict, run_only: bool = False) -> typeset.Table:
  """Makes the table, with the paper's numbers on NIST beside ours.

  Args:
    study: A study (`study.collect`).
    run_only: Whether methods without runs have no rows.
  """
  datasets = list(study['datasets'])
  rows = []
  for method, name in _methods(study).items():
    splits = [_method_split(study, dataset, method) for dataset in datasets]
    if any(splits) or not run_only:
      rows.append(_row(name, paper.CLASSICAL.get(method), splits))
  rules = [len(rows)]
  for data in _trained_on(study):
    splits = [_fusion_split(study, dataset, data) for dataset in datasets]
    rows.append(_row(f'Fusion, trained on {trained(data)}', None, splits))
  rules.append(len(rows))
  areas = paper.PUBLISHED[_POOLED.key]
  labels = score_columns.labels(study)
  reference = score_columns.reference(study)
  for system, name in labels.items():
    splits = [
        score_columns.find_split(study, dataset, system, SPLIT)
        for dataset in datasets
    ]
    published = areas.get(system, {}).get('nist16')
    if any(splits) or (published and not run_only):
      rows.append(_row(name, published, splits))
  patches = [
      score_columns.find_split(study, dataset, reference, 'test')
      for dataset in datasets
  ]
  notes = [_NOTE]
  if any(patches):
    rows.append(_row(f'{labels[reference]}, patches', None, patches))
    notes.append(_PATCHES_NOTE)
  rules.append(len(rows))
  rows += _baselines(study, datasets)
  notes += _not_applicable(study, datasets)
  header = ['Method', 'NIST, paper']
  for dataset in datasets:
    name = score_columns.title(dataset)
    titles = (_POOLED.title, _MEAN.title, 's/Mpx')
    header += [f'{name}: {title}' for title in titles]
  return typeset.Table(
      'table6',
      'Table 6. Pixel AUC beside classical methods',
      tuple(header),
      tuple(rows),
      tuple(rules),
      tuple(notes),
  )


def _methods(study: dict) -> dict[str, str]:
  """Names of methods: the paper's, and others that were run, by their own."""
  run = {
      method
      for entry in study['datasets'].values()
      for method in entry.get('methods', {})
  }
  return paper.METHODS | {x: x for x in sorted(run - paper.METHODS.keys())}


def _method_split(study: dict, dataset: str, method: str) -> dict | None:
  methods = study['datasets'][dataset].get('methods', {})
  return methods.get(method, {}).get('splits', {}).get(SPLIT)


def _trained_on(study: dict) -> list[str]:
  """Names of the sets that a fusion in the study was trained on."""
  return sorted({
      data
      for entry in study['datasets'].values()
      for data in entry.get('fusions', {})
  })


def trained(data: str) -> str:
  """Returns in words what the weights of a fusion were trained on."""
  if data == 'synthetic':
    return 'forged photographs'
  return f'the training split of {score_columns.title(data)}'


def _fusion_split(study: dict, dataset: str, data: str) -> dict | None:
  fusions = study['datasets'][dataset].get('fusions', {})
  return fusions.get(data, {}).get('splits', {}).get(SPLIT)


def _row(
    name: str, published: float | None, splits: Sequence[dict | None]
) -> tuple[str, ...]:
  cells = [name, DASH if published is None else f'{published:.4f}']
  for results in splits:
    if results is None:
      cells += [DASH] * 3
      continue
    seconds = (results.get('whole_image') or {}).get('seconds_per_megapixel')
    seconds = [value for value in seconds or () if value is not None]
    cells += [
        _POOLED.over_seeds(results),
        _MEAN.over_seeds(results),
        f'{sum(seconds) / len(seconds):.3g}' if seconds else DASH,
    ]
  return tuple(cells)


def _baselines(study: dict, datasets: Sequence[str]) -> list[tuple[str, ...]]:
  """Trivial baselines, and the fraction of manipulated pixels."""
  areas = ['random or constant', DASH]
  fractions = ['manipulated fraction', DASH]
  for dataset in datasets:
    results = next(_whole(study, dataset), None)
    if results is None:
      areas += [DASH] * 3
      fractions += [DASH] * 3
      continue
    area = _POOLED.form(results['trivial']['random'][_POOLED.baseline])
    areas += [area, area, DASH]  # The same in every image.
    fractions += [f'{score_columns.fraction(results, "pixel"):.1%}', DASH, DASH]
  return [tuple(areas), tuple(fractions)]


def _whole(study: dict, dataset: str):
  """Yields the results on whole images of a dataset."""
  entry = study['datasets'][dataset]
  for group in ('methods', 'fusions', 'systems'):
    for method in entry.get(group, {}).values():
      if SPLIT in method['splits']:
        yield method['splits'][SPLIT]


def _not_applicable(study: dict, datasets: Sequence[str]) -> list[str]:
  sentences = []
  for dataset in datasets:
    for method, name in _methods(study).items():
      results = _method_split(study, dataset, method)
      if results and (count := results['whole_image']['not_applicable']):
        sentences.append(
            f'{name} is not applicable to {count} of'
            f' {results["counts"]["images"]} images of'
            f' {score_columns.title(dataset)}.'
        )
  return sentences
