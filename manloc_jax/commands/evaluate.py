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
import functools
import pathlib
import sys
from typing import Any, TYPE_CHECKING

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax import run_config
from manloc_jax.commands import evaluate_arguments

# Everything heavy is imported where it is used: help comes at once.
if TYPE_CHECKING:
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
      formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.set_defaults(
      run=run,
      when_interrupted='What is done is kept: the same command does the rest.',
  )
  parser.add_argument(
      '--method',
      action='append',
      type=argument_types.names,
      default=[],
      metavar='NAMES',
      help=f'of {", ".join(run_config.METHODS)} and {evaluate_arguments.MAPS};'
      ' several between commas or in several options; by default those of'
      ' --workdir and --maps, without them the fusion',
  )
  parser.add_argument(
      '--data',
      action='append',
      type=evaluate_arguments.named_folder,
      required=True,
      metavar='NAME=ROOT',
      help='a set and the folder of its images; may be repeated',
  )
  parser.add_argument(
      '--workdir',
      action='append',
      default=[],
      metavar='RUN',
      help='run of the network or the fusion, or a file of weights; may be'
      ' repeated',
  )
  parser.add_argument(
      '--maps',
      action='append',
      default=[],
      metavar='FOLDER',
      help='heat maps, named as their images, as png, npy, npz or mat; those of'
      ' a set may lie in FOLDER/NAME; may be repeated',
  )
  parser.add_argument(
      '--split',
      default='all',
      metavar='all|test|FILE',
      help='the images to score: all; those for test by the set or the run; or'
      ' of a list of manloc split, or of ids in lines; all by default',
  )
  parser.add_argument(
      '--out', default='evaluation', metavar='FOLDER', help='for results'
  )
  parser.add_argument(
      '--allow_leakage',
      action='store_true',
      help='score runs on images that they were trained on, too, and say so',
  )
  parser.add_argument(
      '--allow_outside',
      action='store_true',
      help='take files that the table of a set names outside of its folder',
  )
  parser.add_argument(
      '--workers',
      type=argument_types.positive,
      help='processes, one per core by default',
  )


def run(args: argparse.Namespace) -> int:
  """Evaluates; prints the tables.

  Returns:
    0 if all images of all sets were scored, 1 if some, and 2 if none.

  Raises:
    UserError: It cannot begin.
  """
  methods = evaluate_arguments.methods(args)
  from manloc_jax.data.storage import folders
  from manloc_jax.reports import evaluation_report
  from manloc_jax.reports import evaluation_tables
  from manloc_jax.reports import typeset

  out = folders.make_writable(args.out, '--out')
  failed: list[str] = []
  results = list(_results(args, methods, out, failed))
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
) -> Iterator[dict[str, Any]]:
  """Yields the result of each method on each set; adds why there is none."""
  from manloc_jax.evaluation import any_set
  from manloc_jax.evaluation import leakage
  from manloc_jax.evaluation import training_images

  trainings = {
      method.label: training_images.training_of(method.kind, method.source)
      for method in methods
  }
  sets = _sets(args, trainings.values(), failed)
  for method in methods:
    training = trainings[method.label]
    localizer = None
    for image_set in sets:
      try:
        checked = None
        if training is not None:
          checked = leakage.check(
              training, image_set, args.allow_leakage, args.workers
          )
        if localizer is None or method.kind == evaluate_arguments.MAPS:
          localizer = _localizer(method, image_set)
        yield any_set.evaluate(
            localizer,
            image_set,
            out,
            name=method.label,
            leakage=checked,
            workers=args.workers,
        )
      except errors.UserError as error:
        failed.append(f'{image_set.name}, {method.label}: {error}')


def _localizer(
    method: evaluate_arguments.Method, image_set: 'image_sets.ImageSet'
) -> 'any_set.Method':
  if method.kind == evaluate_arguments.MAPS:
    from manloc_jax.evaluation import map_folder

    folder = pathlib.Path(method.source or '')
    if (folder / image_set.name).is_dir():
      folder = folder / image_set.name
    return map_folder.GivenMaps(folder, image_set.records, image_set.root)
  from manloc_jax.localization import factory

  return factory.make(method.kind, method.source)


def _sets(args, trainings, failed: list[str]) -> 'list[image_sets.ImageSet]':
  """Opens the sets; of one that cannot be opened, adds why."""
  from manloc_jax.data import datasets
  from manloc_jax.evaluation import image_sets
  from manloc_jax.evaluation import leakage
  from manloc_jax.evaluation import training_images

  opened, names = [], evaluate_arguments.set_names(args.data)
  for name, (key, root) in zip(names, args.data, strict=True):
    dataset = key if key in datasets.DATASETS else 'folder'
    own = [
        training_images.split_again(training, dataset, pathlib.Path(root))
        for training in trainings
        if training and training.dataset == dataset
    ]
    own = [training for training in own if training.test_ids]
    choose_test = functools.partial(leakage.choose_test, own) if own else None
    try:
      opened.append(
          image_sets.open_set(
              dataset,
              root,
              name=name,
              split=args.split,
              choose_test=choose_test,
              allow_outside=args.allow_outside,
          )
      )
    except errors.UserError as error:
      failed.append(f'{name}: {error}')
  return opened
