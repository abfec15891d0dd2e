r"""`manloc evaluate`: scores methods and given maps on any test sets.

  manloc evaluate --method fusion,ela --data casia1=FOLDER --data mine=FOLDER
  manloc evaluate --workdir RUN --data columbia=FOLDER
  manloc evaluate --maps MAPS --data mine=FOLDER

NAME in --data is a dataset, such as casia1; any other name is that of a
`folder`: images/ and masks/, or images.csv. By default every image with a mask
is scored, and pristine ones count for detection. There is one JSON file for
each method and set, and all tables in scores.md and report.html.
"""

import argparse
from collections.abc import Iterator
import pathlib
import sys
from typing import Any, TYPE_CHECKING

from manloc_jax import errors
from manloc_jax.commands import engine_arguments
from manloc_jax.commands import evaluate_arguments
from manloc_jax.commands import evaluate_sets

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
  from manloc_jax.data import worker_pool
  from manloc_jax.evaluation import any_set
  from manloc_jax.evaluation import image_sets

_SAID = 20  # Lines for each result.
_ODD = {
    'left_out': 'left out',
    'of_one_class': 'with a mask of one class, which has no AUC',
    'resized_maps': 'with a resized map',
    'not_applicable': 'that the method is not applicable to',
}
TABLES, PAGE = 'scores.md', 'report.html'  # In the folder for results.


def add_to(commands) -> None:
  """Adds the command to the subparsers of `argparse`."""
  parser = commands.add_parser(
      'evaluate',
      help='score methods, runs and given maps on any sets',
      description=__doc__.split(': ', 1)[1],
  )
  parser.set_defaults(
      run=run,
      when_interrupted='What is done is kept: the same command does the rest.',
  )
  evaluate_arguments.add_to(parser, takes_maps=True)
  parser.add_argument(
      '--maps',
      action='append',
      default=[],
      metavar='FOLDER',
      help='heat maps, named as their images, as png, npy, npz or mat; those of'
      ' a set may lie in FOLDER/NAME; may be repeated',
  )
  parser.add_argument(
      '--out', default='evaluation', metavar='FOLDER', help='for results'
  )
  engine_arguments.add_to(parser)


def run(args: argparse.Namespace) -> int:
  """Evaluates; prints the tables.

  Returns:
    0 if all images of all sets were scored, 1 if some, and 2 if none.

  Raises:
    UserError: It cannot begin.
  """
  methods = evaluate_arguments.methods(args, args.maps)
  from manloc_jax.data.storage import folders
  from manloc_jax.reports import evaluation_report
  from manloc_jax.reports import evaluation_tables
  from manloc_jax.reports import typeset

  out = folders.make_writable(args.out, '--out')
  failed: list[str] = []
  with engine_arguments.start(args.engine, args.address) as engine:
    results = list(_results(args, methods, out, failed, engine))
  for table in evaluation_tables.by_protocol(results):
    print(typeset.plain(table))
  for result in results:
    _say_counts(result)
  for reason in failed:
    _say(reason)
  if not results:
    return 2
  for path in evaluation_report.write(
      results, out / TABLES, out / PAGE
  ):
    print(path)
  is_whole = not failed and not any(
      result['counts']['left_out'] for result in results
  )
  return 0 if is_whole else 1


def _say_counts(result: dict[str, Any]) -> None:
  """Says which files were not scored, or not as they are, and how many."""
  counts, label = result['counts'], f'{result["set"]}, {result["method"]}'
  # Where a method is not applicable, a number says enough.
  files = [file['reason'] for file in result['left_out']]
  files += [
      f'{image["image_id"]}: {image[key]}'
      for image in result['images']
      for key in ('one_class', 'note')
      if key in image
  ]
  for text in files[:_SAID]:
    _say(f'{label}: {text}')
  if len(files) > _SAID:
    _say(f'{label}: and {len(files) - _SAID} more, see {PAGE}.')
  odd = [
      f'{counts[key]} {words}'
      for key, words in _ODD.items()
      if counts[key]
  ]
  if odd:
    _say(f'{label}: {counts["images"]} images scored; {", ".join(odd)}.')


def _say(text: str) -> None:
  print(errors.printable(text), file=sys.stderr)


def _results(
    args: argparse.Namespace,
    methods: list[evaluate_arguments.Method],
    out: pathlib.Path,
    failed: list[str],
    engine: 'worker_pool.Engine',
) -> Iterator[dict[str, Any]]:
  """Yields the result of each method on each set; adds why there is none."""
  from manloc_jax.evaluation import any_set
  from manloc_jax.evaluation import leakage

  trainings = evaluate_sets.trainings(methods)
  sets = evaluate_sets.open_all(args, trainings.values(), failed)
  for method in methods:
    training = trainings[method.label]
    localizer = None
    for image_set in sets:
      try:
        checked = None
        if training is not None:
          checked = leakage.check(
              training, image_set, args.allow_leakage, args.workers, engine
          )
        if localizer is None or method.kind == evaluate_arguments.MAPS:
          localizer = _localizer(args, method, image_set)
        yield any_set.evaluate(
            localizer,
            image_set,
            out,
            name=method.label,
            leakage=checked,
            workers=args.workers,
            engine=engine,
        )
      except errors.UserError as error:
        failed.append(f'{image_set.name}, {method.label}: {error}')


def _localizer(
    args: argparse.Namespace,
    method: evaluate_arguments.Method,
    image_set: 'image_sets.ImageSet',
) -> 'any_set.Method':
  if method.kind == evaluate_arguments.MAPS:
    from manloc_jax.evaluation import map_folder

    folder = pathlib.Path(method.source or '')
    if (folder / image_set.name).is_dir():
      folder = folder / image_set.name
    return map_folder.GivenMaps(folder, image_set.records, image_set.root)
  return engine_arguments.make_localizer(args, method.kind, method.source)
